#include "service/rpc/queue_timers.h"

#include <algorithm>

namespace modelref {

void QueueTimers::Set(TimerTarget* target, SteadyTime due) {
  if (target->due_ == due) return;
  if (target->due_ != SteadyTime::max()) timers_.erase({target->due_, target});
  target->due_ = due;
  if (due != SteadyTime::max()) timers_.insert({due, target});
}

SteadyTime QueueTimers::next() const {
  return timers_.empty() ? SteadyTime::max() : timers_.begin()->first;
}

void QueueTimers::Fire(SteadyTime now) {
  // A target that sets itself due again at once must not keep the thread here.
  for (size_t left = timers_.size(); left > 0 && next() <= now; --left) {
    TimerTarget* const target = timers_.begin()->second;
    Cancel(target);
    target->OnTimer(now);
  }
}

void OutboundWrites::Add(OutboundWrite* write, SteadyTime now) {
  write->started_ = now;
  write->state_ = OutboundWrite::State::kSending;
  write->previous_ = last_;
  write->next_ = nullptr;
  (last_ == nullptr ? first_ : last_->next_) = write;
  last_ = write;
}

bool OutboundWrites::Remove(OutboundWrite* write) {
  using State = OutboundWrite::State;
  if (write->state_ == State::kIdle) return false;
  (write->previous_ == nullptr ? first_ : write->previous_->next_) = write->next_;
  (write->next_ == nullptr ? last_ : write->next_->previous_) = write->previous_;
  const bool stalled = write->state_ != State::kSending;
  write->state_ = State::kIdle;
  return stalled;
}

SteadyClock::duration OutboundWrites::SweepInterval() const {
  return std::min<SteadyClock::duration>(
      std::chrono::seconds(5), std::min(limits_.stalled_after, limits_.cancelled_after) / 4);
}

SteadyTime OutboundWrites::next() const {
  if (first_ == nullptr) return SteadyTime::max();
  const SteadyTime oldest_due =
      first_->state_ == OutboundWrite::State::kSending
          ? first_->started_ + std::min(limits_.stalled_after, limits_.cancelled_after)
          : first_->started_;
  return std::max(oldest_due, swept_ + SweepInterval());
}

OutboundWrites::Changes OutboundWrites::Sweep(SteadyTime now) {
  using State = OutboundWrite::State;
  Changes changes;
  swept_ = now;
  for (OutboundWrite* write = first_; write != nullptr; write = write->next_) {
    const SteadyClock::duration age = now - write->started_;
    if (age < std::min(limits_.stalled_after, limits_.cancelled_after)) break;
    if (write->state_ == State::kSending) {
      write->state_ = State::kStalled;
      ++changes.stalled;
    }
    if (age >= limits_.cancelled_after && write->state_ == State::kStalled) {
      write->state_ = State::kCancelled;
      ++changes.cancelled;
      write->CancelWrite();  // Only asks gRPC: the list does not change under the loop.
    }
  }
  return changes;
}

}  // namespace modelref
