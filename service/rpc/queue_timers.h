#pragma once

#include <chrono>
#include <cstddef>
#include <set>
#include <utility>

namespace modelref {

// Timers count on the steady clock: a step of the wall clock must not fire or delay them.
using SteadyClock = std::chrono::steady_clock;
using SteadyTime = SteadyClock::time_point;

// Something with at most one timer.
class TimerTarget {
 public:
  virtual ~TimerTarget() = default;
  virtual void OnTimer(SteadyTime now) = 0;

 private:
  friend class QueueTimers;
  SteadyTime due_ = SteadyTime::max();
};

// The timers of one queue. Single-threaded: the queue's.
class QueueTimers {
 public:
  // Replaces the target's timer; SteadyTime::max() only removes it.
  void Set(TimerTarget* target, SteadyTime due);
  void Cancel(TimerTarget* target) { Set(target, SteadyTime::max()); }
  // SteadyTime::max() without timers.
  SteadyTime next() const;
  // Fires what is due. Targets may set timers, their own included, and delete themselves.
  void Fire(SteadyTime now);

 private:
  std::set<std::pair<SteadyTime, TimerTarget*>> timers_;
};

// A message on its way to the peer, as long as flow control holds it back.
class OutboundWrite {
 public:
  virtual ~OutboundWrite() = default;
  // Ends the call; its operations complete soon.
  virtual void CancelWrite() = 0;

 private:
  friend class OutboundWrites;
  OutboundWrite* previous_ = nullptr;
  OutboundWrite* next_ = nullptr;
  SteadyTime started_;
  enum class State { kIdle, kSending, kStalled, kCancelled } state_ = State::kIdle;
};

// The writes in flight of one queue, oldest first (they all have the same patience, so the order of
// starting is the order of expiry). Single-threaded: the queue's.
class OutboundWrites {
 public:
  struct Limits {
    SteadyClock::duration stalled_after;
    SteadyClock::duration cancelled_after;
  };
  struct Changes {
    int stalled = 0;    // Change of the number of stalled writes.
    int cancelled = 0;  // Writes cancelled now.
  };

  explicit OutboundWrites(Limits limits) : limits_(limits) {}

  void Add(OutboundWrite* write, SteadyTime now);
  // Returns whether it counted as stalled. Nothing happens to a write that is not in the list.
  bool Remove(OutboundWrite* write);
  // When to sweep next; SteadyTime::max() when nothing is in flight.
  SteadyTime next() const;
  Changes Sweep(SteadyTime now);

 private:
  SteadyClock::duration SweepInterval() const;

  const Limits limits_;
  OutboundWrite* first_ = nullptr;
  OutboundWrite* last_ = nullptr;
  SteadyTime swept_;
};

}  // namespace modelref
