#include "service/store/projector.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "backends/base/error.h"
#include "backends/base/failpoint.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

using std::chrono::steady_clock;

// The least time between two looks at what there is to do, however often commits come.
constexpr absl::Duration kLeastPause = absl::Milliseconds(10);
// A look without any news.
constexpr absl::Duration kIdleInterval = absl::Seconds(5);
// How long a process that stops goes on writing what others commit meanwhile. They write it
// themselves, or take the lock over.
constexpr absl::Duration kLastSettling = absl::Seconds(2);

constexpr char kCaller[] = "system:projector";

absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(steady_clock::now().time_since_epoch());
}

}  // namespace

Projector::Projector(Store& store, Paths paths, std::vector<EventProjection::Parts> projections,
                     Importer importer, const Options& options)
    : store_(store),
      options_(options),
      importer_(std::move(importer)),
      files_(store, paths.files, options.files, importer_.displaced, importer_.alone),
      metadata_(store, std::move(paths.metadata), options.metadata),
      signal_(std::make_shared<Signal>()) {
  for (EventProjection::Parts& parts : projections) {
    projections_.push_back(
        std::make_unique<EventProjection>(store, std::move(parts), options.events));
  }
  store_.AddListener([signal = signal_] {
    MutexLock lock(&signal->mutex);
    // Told once it looks at the next pause: waking it at every commit would hold up the committer.
    if (std::exchange(signal->woken, true)) return;
    signal->changed.Signal();
  });
}

Projector::~Projector() { Stop().IgnoreError(); }

absl::Status Projector::Start() {
  RETURN_IF_ERROR(TryElection().status());
  PublishStatus();
  {
    MutexLock lock(&mutex_);
    running_ = true;
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Status Projector::Stop() {
  if (!thread_.joinable()) return absl::OkStatus();
  // First, while what it displaces can still be given to the importer's thread.
  {
    MutexLock lock(&signal_->mutex);
    signal_->stopping = true;
    signal_->changed.SignalAll();
  }
  thread_.join();
  if (is_holder_ && importer_.stop != nullptr) importer_.stop();
  const absl::Status status = SettleLast();
  {
    MutexLock lock(&mutex_);
    running_ = false;
    settled_.SignalAll();
  }
  is_holder_ = false;
  lock_.reset();
  return status;
}

// Whoever finds the lock taken may leave: the process that has it looks, after it gave it back,
// whether anything was committed since it began to write.
absl::Status Projector::SettleLast() {
  absl::Time end = absl::InfiniteFuture();
  std::optional<uint64_t> settled;
  absl::Status failure;
  while (true) {
    // Also reads what others committed. Without commits nothing can be written, and in the place of
    // a store that was taken away the files may be another's by now.
    RETURN_IF_ERROR(store_.Commit(kCaller, {}).status());
    const uint64_t head = store_.root()->revision;
    if (settled == head) return failure;
    if (SteadyNow() >= end) {
      failure.Update(absl::UnavailableError("others commit faster than this process can write"));
      return failure;
    }
    if (lock_.has_value() && !lock_->CheckInPlace().ok()) lock_.reset();
    if (!lock_.has_value()) {
      ASSIGN_OR_RETURN(const bool is_ours, TryLock());
      if (!is_ours) return failure;
    }
    failure.Update(SettleNow(SteadyNow()));
    // The first time may take longer than any bound, and who stopped meanwhile relies on another.
    if (settled.has_value() && end == absl::InfiniteFuture()) end = SteadyNow() + kLastSettling;
    settled = head;
    is_holder_ = false;
    lock_.reset();
  }
}

absl::StatusOr<bool> Projector::TryLock() {
  ASSIGN_OR_RETURN(lock_, FileLock::Try(store_.options().directory + kProjectorLockFile,
                                        FileLock::Mode::kExclusive));
  if (!lock_.has_value()) return false;
  FAILPOINT("projector.elected");
  for (const auto& projection : projections_) projection->Restart();
  // What an earlier holder displaced is older than what the files hold now.
  files_.Recover();
  metadata_.Recover();
  return true;
}

absl::StatusOr<bool> Projector::TryElection() {
  RETURN_IF_ERROR(store_.fenced());
  ASSIGN_OR_RETURN(const bool is_ours, TryLock());
  if (!is_ours) return false;
  if (importer_.start != nullptr) {
    if (const absl::Status status = importer_.start(); !status.ok()) {
      lock_.reset();
      return status;
    }
  }
  is_holder_ = true;
  return true;
}

absl::Status Projector::CheckHold() const {
  RETURN_IF_ERROR(store_.fenced());
  return lock_->CheckInPlace();
}

void Projector::GiveUp(const absl::Status& why) {
  Log(LogLevel::kError, "projector.given_up", {{"error", std::string(why.message())}});
  is_holder_ = false;
  if (importer_.stop != nullptr) importer_.stop();
  lock_.reset();
}

void Projector::Run() {
  absl::Time next = absl::InfinitePast();
  while (WaitUntil(next)) {
    if (is_holder_) {
      if (const absl::Status hold = CheckHold(); !hold.ok()) GiveUp(hold);
    }
    if (!is_holder_) {
      const absl::StatusOr<bool> elected = TryElection();
      if (elected.ok() && *elected) {
        Log(LogLevel::kInfo, "projector.taken_over", {{"directory", store_.options().directory}});
      }
      {
        MutexLock lock(&mutex_);
        election_ = elected.status();
      }
      if (!is_holder_) {
        AnswerSettlers(NewestSettler(),
                       Error(absl::StatusCode::kFailedPrecondition, "NOT_PROJECTOR",
                             "another process writes the files of this directory"));
        next = SteadyNow() + options_.takeover_interval;
        continue;
      }
    }
    next = Work(SteadyNow());
    PublishStatus();
  }
}

bool Projector::WaitUntil(absl::Time until) {
  const absl::Time earliest = SteadyNow() + kLeastPause;
  MutexLock lock(&signal_->mutex);
  while (!signal_->stopping) {
    const absl::Time now = SteadyNow();
    const bool may_wake = is_holder_ && now >= earliest;
    if (now >= until || (may_wake && signal_->woken)) {
      signal_->woken = false;
      return true;
    }
    const absl::Time target = signal_->woken && is_holder_ ? std::min(earliest, until) : until;
    signal_->changed.WaitFor(&signal_->mutex, std::min(target - now, kIdleInterval));
  }
  return false;
}

void Projector::Wake() {
  MutexLock lock(&signal_->mutex);
  signal_->woken = true;
  signal_->changed.Signal();
}

absl::Time Projector::Work(absl::Time now) {
  const uint64_t ticket = NewestSettler();
  if (ticket > 0) AnswerSettlers(ticket, SettleNow(now));
  absl::Time next = now + kIdleInterval;
  for (const auto& projection : projections_) next = std::min(next, projection->Step(now));
  next = std::min(next, files_.Step(now));
  return std::min(next, metadata_.Step(now));
}

absl::Status Projector::SettleNow(absl::Time now) {
  absl::Status first;
  for (const auto& projection : projections_) first.Update(projection->Settle());
  first.Update(files_.Settle(now));
  first.Update(metadata_.Settle(now));
  return first;
}

absl::Status Projector::Settle() {
  uint64_t ticket;
  {
    MutexLock lock(&mutex_);
    ticket = ++settles_asked_;
  }
  Wake();
  MutexLock lock(&mutex_);
  while (settles_done_ < ticket && running_) settled_.Wait(&mutex_);
  if (settles_done_ < ticket) {
    return Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the projector has stopped");
  }
  return settle_status_;
}

uint64_t Projector::NewestSettler() const {
  MutexLock lock(&mutex_);
  return settles_asked_ > settles_done_ ? settles_asked_ : 0;
}

void Projector::AnswerSettlers(uint64_t ticket, const absl::Status& status) {
  MutexLock lock(&mutex_);
  settles_done_ = std::max(settles_done_, ticket);
  settle_status_ = status;
  settled_.SignalAll();
}

void Projector::RestoreFile(const DocumentKey& key) {
  files_.Restore(key);
  Wake();
}

// --- Status --------------------------------------------------------------------------------------

void Projector::PublishStatus() {
  std::vector<Projection> published;
  for (const auto& projection : projections_) {
    published.push_back({projection->name(), projection->failure(), projection->position(),
                         projection->failures()});
  }
  MutexLock lock(&mutex_);
  published_ = std::move(published);
}

Projector::Status Projector::status() const {
  Status status;
  status.is_holder = is_holder_;
  status.files = files_.statistics();
  status.file_failures = files_.failures();
  status.metadata = metadata_.statistics();
  status.metadata_failures = metadata_.failures();
  MutexLock lock(&mutex_);
  status.election = election_;
  status.projections = published_;
  return status;
}

}  // namespace modelref
