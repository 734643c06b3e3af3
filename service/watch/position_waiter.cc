#include "service/watch/position_waiter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/store/database.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

// A step of the wall clock must not lengthen or end a wait.
absl::Time SteadyNow() { return MonotonicClock().TimeNow(); }

absl::Status ShuttingDown() {
  return Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
               "the server stops and did not get to this call; use another one");
}

bool MayChange(Standing standing) {
  return standing == Standing::kAhead || standing == Standing::kUnknownEpoch;
}

}  // namespace

// Answers in any case, and keeps the waiter alive until then.
class PositionWaiter::Question {
 public:
  Question(PositionWaiter* waiter, Callback done) : waiter_(waiter), done_(std::move(done)) {
    MutexLock lock(&waiter_->mutex_);
    ++waiter_->questions_;
  }
  ~Question() {
    if (done_) Answer(ShuttingDown());
    MutexLock lock(&waiter_->mutex_);
    --waiter_->questions_;
    waiter_->changed_.SignalAll();
  }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  void Answer(absl::StatusOr<Standing> standing) { TakeCallback()(std::move(standing)); }
  // Somebody else answers.
  Callback TakeCallback() { return std::exchange(done_, nullptr); }

 private:
  PositionWaiter* const waiter_;
  Callback done_;
};

PositionWaiter::PositionWaiter(Store& store, Executor* executor, const Options& options)
    : store_(store),
      executor_(executor),
      options_(options),
      changes_(store),
      subscription_(changes_, [this] { Wake(); }),
      thread_([this] { Run(); }) {}

PositionWaiter::~PositionWaiter() { Stop(); }

void PositionWaiter::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
  MutexLock lock(&mutex_);
  while (questions_ > 0) changed_.Wait(&mutex_);
}

std::optional<Standing> PositionWaiter::Look(const Position& position) const {
  const Standing standing = JudgeLineage(*store_.root(), position);
  if (MayChange(standing)) return std::nullopt;
  if (standing != Standing::kKnown || !position.chain.has_value()) return standing;
  const std::optional<Sha256Digest> chain = store_.RecentChainAt(position.revision);
  if (!chain.has_value()) return std::nullopt;
  return JudgeChain(position, *chain);
}

void PositionWaiter::Await(const Position& position, Callback done) {
  if (const std::optional<Standing> standing = Look(position); standing.has_value()) {
    done(*standing);
    return;
  }
  const Standing standing = JudgeLineage(*store_.root(), position);
  if (!MayChange(standing)) {
    JudgeChainThen(position, std::move(done));
    return;
  }
  const absl::Duration wait = options_.is_replica ? options_.patience : options_.follow;
  if (wait <= absl::ZeroDuration()) return AskHeadThen(position, standing, std::move(done));
  Wait({position, SteadyNow() + wait, std::move(done)});
}

void PositionWaiter::Wait(Waiting waiting) {
  {
    MutexLock lock(&mutex_);
    if (!stopping_) {
      waiting_.push_back(std::move(waiting));
      woken_ = true;  // The store may have moved on since it was looked at.
      changed_.SignalAll();
      return;
    }
  }
  waiting.done(ShuttingDown());
}

void PositionWaiter::AskHeadThen(const Position& position, Standing standing, Callback done) {
  if (options_.is_replica || standing != Standing::kAhead) return done(standing);
  const auto question = std::make_shared<Question>(this, std::move(done));
  Ask(question, [this, position, question] {
    int64_t head = 0;
    const absl::Status asked = store_.Query([&head](Database& database) -> absl::Status {
      ASSIGN_OR_RETURN(head, database.QueryInt("SELECT max(revision) FROM transactions"));
      return absl::OkStatus();
    });
    if (!asked.ok()) {
      question->Answer(asked);
    } else if (static_cast<uint64_t>(head) < position.revision) {
      question->Answer(Standing::kAhead);
    } else {
      Wait({position, SteadyNow() + options_.patience, question->TakeCallback(), true});
    }
  });
}

void PositionWaiter::Ask(const std::shared_ptr<Question>& question, std::function<void()> ask) {
  if (executor_ == nullptr) return ask();
  if (const absl::Status submitted = executor_->Submit(std::move(ask)); !submitted.ok()) {
    question->Answer(submitted);
  }
}

void PositionWaiter::JudgeChainThen(const Position& position, Callback done) {
  const auto question = std::make_shared<Question>(this, std::move(done));
  Ask(question, [this, position, question] {
    const absl::StatusOr<Sha256Digest> chain = store_.ChainAt(position.revision);
    if (absl::IsOutOfRange(chain.status())) {
      question->Answer(Standing::kForgotten);
    } else if (!chain.ok()) {
      question->Answer(chain.status());
    } else {
      question->Answer(JudgeChain(position, *chain));
    }
  });
}

std::optional<absl::Status> PositionWaiter::LookReached(const Position& position) const {
  const std::optional<Standing> standing = Look(position);
  if (!standing.has_value()) return std::nullopt;
  return ReachedStatus(*standing, position);
}

void PositionWaiter::AwaitReached(const Position& position,
                                  std::function<void(absl::Status)> done) {
  Await(position, [this, position, done = std::move(done)](absl::StatusOr<Standing> standing) {
    done(standing.ok() ? ReachedStatus(*standing, position) : standing.status());
  });
}

absl::Status PositionWaiter::ReachedStatus(Standing standing, const Position& position) const {
  // A state this much later holds what was there, unless somebody proves the contrary.
  if (standing == Standing::kKnown || standing == Standing::kForgotten) return absl::OkStatus();
  return ErrorFor(standing, position);
}

absl::Status PositionWaiter::ErrorFor(Standing standing, const Position& position) const {
  const RootPtr root = store_.root();
  ErrorExtras extras;
  extras.metadata = {{"epoch", ToHex(AsBytes(root->epoch))},
                     {"head", absl::StrCat(root->revision)},
                     {"floor", absl::StrCat(store_.history_floor())}};
  if (standing == Standing::kForgotten) {
    return Error(
        absl::StatusCode::kOutOfRange, "COMPACTED",
        absl::StrCat("the history since revision ", position.revision, " is not kept any more"),
        std::move(extras));
  }
  if (standing == Standing::kAhead && options_.is_replica) {
    extras.retry_after = absl::Seconds(1);
    return Error(absl::StatusCode::kUnavailable, "REPLICA_BEHIND",
                 absl::StrCat("the server is at revision ", root->revision, " and has not reached ",
                              position.revision, " yet"),
                 std::move(extras));
  }
  if (standing == Standing::kAhead) {
    return Error(absl::StatusCode::kFailedPrecondition, "REVISION_IN_FUTURE",
                 absl::StrCat("the newest revision is ", root->revision, "; ", position.revision,
                              " is of a state that was lost"),
                 std::move(extras));
  }
  for (const Fork& fork : root->forks) {
    if (fork.parent_epoch == position.epoch) {
      extras.metadata["fork"] = absl::StrCat(fork.parent_revision);
    }
  }
  return Error(absl::StatusCode::kFailedPrecondition, "EPOCH_MISMATCH",
               absl::StrCat("revision ", position.revision, " of epoch ",
                            ToHex(AsBytes(position.epoch)), " is not part of this history"),
               std::move(extras));
}

void PositionWaiter::Wake() {
  MutexLock lock(&mutex_);
  if (waiting_.empty()) return;
  woken_ = true;
  changed_.SignalAll();
}

std::vector<std::pair<PositionWaiter::Waiting, Standing>> PositionWaiter::TakeReady() {
  std::vector<std::pair<Waiting, Standing>> ready;
  const RootPtr root = store_.root();
  const absl::Time now = SteadyNow();
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const Standing standing = JudgeLineage(*root, it->position);
    if (MayChange(standing) && now < it->deadline) {
      ++it;
      continue;
    }
    ready.emplace_back(std::move(*it), standing);
    it = waiting_.erase(it);
  }
  return ready;
}

absl::Duration PositionWaiter::UntilNext() const {
  absl::Time next = absl::InfiniteFuture();
  for (const Waiting& waiting : waiting_) next = std::min(next, waiting.deadline);
  return std::clamp(next - SteadyNow(), absl::ZeroDuration(), absl::Hours(1));
}

void PositionWaiter::Run() {
  while (true) {
    std::vector<std::pair<Waiting, Standing>> ready;
    std::vector<Waiting> dropped;
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && !woken_) {
        if (!changed_.WaitFor(&mutex_, UntilNext())) break;
      }
      woken_ = false;
      if (stopping_) {
        dropped.swap(waiting_);
      } else {
        ready = TakeReady();
      }
    }
    for (auto& [waiting, standing] : ready) {
      const std::optional<Standing> proven = Look(waiting.position);
      if (proven.has_value()) {
        waiting.done(*proven);
      } else if (standing != Standing::kKnown && waiting.in_database) {
        waiting.done(standing);
      } else if (standing != Standing::kKnown) {
        AskHeadThen(waiting.position, standing, std::move(waiting.done));
      } else {
        JudgeChainThen(waiting.position, std::move(waiting.done));
      }
    }
    for (Waiting& waiting : dropped) waiting.done(ShuttingDown());
    MutexLock lock(&mutex_);
    if (stopping_ && waiting_.empty()) return;
  }
}

}  // namespace modelref
