#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "modelref/v1/watch.pb.h"

namespace modelref {

// What happened to the streams of a hub since it was made.
struct WatchStatistics {
  uint64_t sessions = 0;  // Open now.
  uint64_t sessions_total = 0;
  uint64_t messages = 0;  // Handed out.
  uint64_t bytes = 0;     // Of these.
  uint64_t events = 0;    // In these, outside snapshots.
  uint64_t folded = 0;    // Of these events: those of several transactions.
  uint64_t bookmarks = 0;
  uint64_t drains = 0;
  uint64_t cuts_encoded = 0;
  uint64_t cuts_shared = 0;  // Found encoded.
  // How streams that asked for it were continued, by ResumeKind.
  std::array<uint64_t, v1::ResumeKind_ARRAYSIZE> resumes{};
  // Snapshots begun, by SnapshotReason.
  std::array<uint64_t, v1::SnapshotReason_ARRAYSIZE> snapshots{};
};

// The live counters behind it. Lock-free; a snapshot is not one instant's.
class WatchCounters {
 public:
  void SessionOpened() {
    Add(&sessions_);
    Add(&sessions_total_);
  }
  void SessionClosed() { sessions_.fetch_sub(1, std::memory_order_relaxed); }
  void MessageSent(uint64_t bytes) {
    Add(&messages_);
    Add(&bytes_, bytes);
  }
  void CutTold(uint64_t events, uint64_t folded) {
    Add(&events_, events);
    Add(&folded_, folded);
  }
  void BookmarkTold() { Add(&bookmarks_); }
  void DrainTold() { Add(&drains_); }
  void Encoded() { Add(&encoded_); }
  void FoundEncoded() { Add(&shared_); }
  void Resumed(v1::ResumeKind kind) { Add(&resumes_[static_cast<size_t>(kind)]); }
  void SnapshotBegun(v1::SnapshotReason reason) { Add(&snapshots_[static_cast<size_t>(reason)]); }

  uint64_t open_sessions() const { return sessions_.load(std::memory_order_relaxed); }
  WatchStatistics Snapshot() const;

 private:
  using Counter = std::atomic<uint64_t>;
  static void Add(Counter* counter, uint64_t count = 1) {
    counter->fetch_add(count, std::memory_order_relaxed);
  }

  Counter sessions_{0};
  Counter sessions_total_{0};
  Counter messages_{0};
  Counter bytes_{0};
  Counter events_{0};
  Counter folded_{0};
  Counter bookmarks_{0};
  Counter drains_{0};
  Counter encoded_{0};
  Counter shared_{0};
  std::array<Counter, v1::ResumeKind_ARRAYSIZE> resumes_{};
  std::array<Counter, v1::SnapshotReason_ARRAYSIZE> snapshots_{};
};

}  // namespace modelref
