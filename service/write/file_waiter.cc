#include "service/write/file_waiter.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/store/file_base.h"
#include "service/store/store_reader.h"

namespace modelref {
namespace {

// Files are written some hundred milliseconds after a commit.
constexpr absl::Duration kLookInterval = absl::Milliseconds(20);

absl::Status Stopping() {
  return Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
               "the server stops; the write is in the store, its file may not show it yet");
}

}  // namespace

FileWaiter::~FileWaiter() { Stop(); }

void FileWaiter::Await(std::vector<Target> targets, IsGone is_gone, Done done) {
  {
    MutexLock lock(&mutex_);
    if (!stopping_) {
      arrived_.push_back({std::move(targets), std::move(is_gone), std::move(done),
                          MonotonicClock().TimeNow() + patience_});
      if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
      changed_.Signal();
      return;
    }
  }
  done(Stopping());
}

void FileWaiter::Stop() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    std::swap(thread, thread_);
  }
  changed_.SignalAll();
  if (thread.joinable()) thread.join();
}

void FileWaiter::Run() {
  std::vector<Waiting> waiting;
  while (true) {
    {
      MutexLock lock(&mutex_);
      while (arrived_.empty() && waiting.empty() && !stopping_) changed_.Wait(&mutex_);
      if (!waiting.empty() && !stopping_) changed_.WaitFor(&mutex_, kLookInterval);
      std::move(arrived_.begin(), arrived_.end(), std::back_inserter(waiting));
      arrived_.clear();
      if (stopping_) break;
    }
    AnswerReady(&waiting);
  }
  for (const Waiting& one : waiting) one.done(Stopping());
}

void FileWaiter::AnswerReady(std::vector<Waiting>* waiting) {
  std::vector<Waiting> left;
  for (Waiting& one : *waiting) {
    if (one.is_gone()) continue;
    absl::Status status;
    bool shown = true;
    for (const Target& target : one.targets) {
      const absl::StatusOr<bool> shows = Shows(target);
      if (!shows.ok()) status.Update(shows.status());
      if (shows.ok() && *shows) continue;
      shown = false;
      if (shows.ok()) status.Update(MayStillCome(target, one.until));
    }
    if (shown || !status.ok()) {
      one.done(status);
    } else {
      left.push_back(std::move(one));
    }
  }
  *waiting = std::move(left);
}

absl::Status FileWaiter::MayStillCome(const Target& target, absl::Time until) const {
  const absl::Status failure = failure_ ? failure_(target.key) : absl::OkStatus();
  if (failure.ok() && MonotonicClock().TimeNow() < until) return absl::OkStatus();
  return Error(
      absl::StatusCode::kUnavailable, "FILE_NOT_WRITTEN",
      absl::StrCat(
          "committed at revision ", target.mod_revision, "; the file of ", target.key.ToString(),
          failure.ok() ? absl::StrCat(" does not show it after ", absl::FormatDuration(patience_))
                       : absl::StrCat(" cannot be written: ", failure.message())),
      {.metadata = {{"mod_revision", absl::StrCat(target.mod_revision)}}});
}

absl::StatusOr<bool> FileWaiter::Shows(const Target& target) {
  bool shows = false;
  RETURN_IF_ERROR(store_.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t id, DocumentId(database, target.key));
    ASSIGN_OR_RETURN(const std::optional<FileState> file, ReadFileState(database, id));
    shows = file.has_value() && file->revision >= target.mod_revision;
    return absl::OkStatus();
  }));
  return shows;
}

}  // namespace modelref
