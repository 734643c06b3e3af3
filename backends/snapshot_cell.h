#pragma once

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"

namespace modelref {

// Holds a pointer to something immutable that many threads read and few replace. The lock is held
// while one pointer is copied, never while anything is built or destroyed. Thread-safe.
//
// A std::atomic of a shared_ptr would say the same; ThreadSanitizer reports g++ 12's as a race.
template <typename T>
class SnapshotCell {
 public:
  SnapshotCell() = default;
  explicit SnapshotCell(std::shared_ptr<const T> value) : value_(std::move(value)) {}
  SnapshotCell(const SnapshotCell&) = delete;
  SnapshotCell& operator=(const SnapshotCell&) = delete;

  std::shared_ptr<const T> Get() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return value_;
  }

  void Set(std::shared_ptr<const T> value) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(&mutex_);
      value_.swap(value);
    }
    // The old value goes here, after the lock.
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const T> value_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref
