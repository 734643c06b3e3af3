#include "clients/cpp/mirror_saver.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr absl::Duration kSettleTime = absl::Milliseconds(200);
constexpr int kPauseFactor = 20;
constexpr absl::Duration kMaxPause = absl::Minutes(5);
// After a failed write, and between looks at a folder that another process keeps.
constexpr absl::Duration kRetryPause = absl::Seconds(30);
// How often the manifest tells that the copy is the newest although nothing changed.
constexpr absl::Duration kManifestPause = absl::Minutes(10);

absl::Time Now() { return MonotonicClock().TimeNow(); }

}  // namespace

MirrorSaver::MirrorSaver(Options options, std::unique_ptr<MirrorDirectory> directory,
                         const std::vector<MirrorManifestEntry>& held)
    : options_(std::move(options)),
      directory_(std::move(directory)),
      manifest_at_(Now() + kManifestPause),
      writable_(directory_ != nullptr) {
  for (const MirrorManifestEntry& entry : held) files_[entry.key] = entry;
  thread_ = std::thread([this] { Run(); });
}

MirrorSaver::~MirrorSaver() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
  // What cannot be written now was told when it failed first.
  if (writable()) Flush().IgnoreError();
}

void MirrorSaver::Save(MirrorCopyPtr copy) {
  const DocumentKey key = copy->key;
  Put(key, std::move(copy));
}

void MirrorSaver::Remove(const DocumentKey& key) { Put(key, nullptr); }

void MirrorSaver::Put(const DocumentKey& key, MirrorCopyPtr copy) {
  MutexLock lock(&mutex_);
  const auto [waiting, is_new] = waiting_.try_emplace(key);
  waiting->second.copy = std::move(copy);
  if (is_new) waiting->second.not_before = std::max(Now() + kSettleTime, earliest_[key]);
  changed_.SignalAll();
}

bool MirrorSaver::writable() const {
  MutexLock lock(&mutex_);
  return writable_;
}

absl::Status MirrorSaver::last_error() const {
  MutexLock lock(&mutex_);
  return last_error_;
}

absl::Time MirrorSaver::NextDue() const {
  absl::Time due = manifest_at_;
  for (const auto& [key, waiting] : waiting_) due = std::min(due, waiting.not_before);
  return due;
}

MirrorSaver::Work MirrorSaver::TakeDue(absl::Time now) {
  Work work;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->second.not_before > now) {
      ++it;
      continue;
    }
    work.emplace(it->first, std::move(it->second.copy));
    it = waiting_.erase(it);
  }
  return work;
}

void MirrorSaver::Run() {
  for (;;) {
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && Now() < NextDue()) changed_.WaitFor(&mutex_, NextDue() - Now());
      if (stopping_) return;
    }
    MutexLock writing(&writing_);
    Work work;
    {
      MutexLock lock(&mutex_);
      work = TakeDue(Now());
    }
    Report(Write(std::move(work)));
  }
}

absl::Status MirrorSaver::Flush() {
  MutexLock writing(&writing_);
  Work work;
  {
    MutexLock lock(&mutex_);
    work = TakeDue(absl::InfiniteFuture());
  }
  const absl::Status status = Write(std::move(work));
  Report(status);
  return status;
}

absl::Status MirrorSaver::OpenDirectory() {
  if (directory_ != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(directory_, MirrorDirectory::Open(options_.path));
  // The other process may have left anything.
  files_.clear();
  for (const MirrorCopy& copy : ReadMirrorDirectory(options_.path).copies) {
    files_[copy.key] = ManifestEntryOf(copy);
  }
  MutexLock lock(&mutex_);
  writable_ = true;
  return absl::OkStatus();
}

absl::Status MirrorSaver::Write(Work work) {
  absl::Status status = OpenDirectory();
  for (auto& [key, copy] : work) {
    const absl::Status written = status.ok() ? WriteOne(key, copy) : status;
    if (written.ok()) continue;
    if (status.ok()) status = written;
    MutexLock lock(&mutex_);
    // Unless it changed again meanwhile.
    waiting_.try_emplace(key, Waiting{std::move(copy), Now() + kRetryPause});
  }
  if (status.ok()) status = WriteManifest();
  MutexLock lock(&mutex_);
  manifest_at_ = Now() + (status.ok() ? kManifestPause : kRetryPause);
  return status;
}

absl::Status MirrorSaver::WriteOne(const DocumentKey& key, const MirrorCopyPtr& copy) {
  const absl::Time begin = Now();
  MirrorSaved saved{key, std::nullopt};
  const auto file = files_.find(key);
  if (copy == nullptr) {
    const State state = options_.state();
    if (file != files_.end() && IsNewer(file->second, state.epoch, state.revision)) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(directory_->Remove(key));
    files_.erase(key);
  } else {
    saved.entry = ManifestEntryOf(*copy);
    // The same content at a later position is not worth the write: the manifest tells it.
    if (file != files_.end() && (file->second.etag == saved.entry->etag ||
                                 IsNewer(file->second, copy->epoch, copy->revision))) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(directory_->Save(*copy));
    files_[key] = *saved.entry;
  }
  const absl::Time end = Now();
  {
    MutexLock lock(&mutex_);
    earliest_[key] = end + std::min(kPauseFactor * (end - begin), kMaxPause);
  }
  if (options_.on_saved) options_.on_saved(saved);
  return absl::OkStatus();
}

bool MirrorSaver::IsNewer(const MirrorManifestEntry& file, absl::string_view epoch,
                          uint64_t revision) {
  return file.epoch == epoch && file.revision > revision;
}

absl::Status MirrorSaver::WriteManifest() {
  const State state = options_.state();
  for (const MirrorCopyPtr& copy : state.shown) {
    const auto file = files_.find(copy->key);
    if (file == files_.end()) continue;
    const MirrorManifestEntry entry = ManifestEntryOf(*copy);
    if (file->second.etag == entry.etag) file->second = entry;
  }
  MirrorManifest manifest;
  manifest.epoch = state.epoch;
  manifest.revision = state.revision;
  manifest.confirmed = state.confirmed;
  for (const auto& [key, entry] : files_) manifest.documents.push_back(entry);
  return directory_->SaveManifest(manifest);
}

void MirrorSaver::Report(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    const bool same = last_error_ == status;
    last_error_ = status;
    if (same || status.ok()) return;
  }
  if (options_.on_problem) options_.on_problem(status);
}

}  // namespace modelref
