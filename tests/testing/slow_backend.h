#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/backend.h"
#include "backends/base/mutex.h"
#include "tests/testing/event.h"

namespace modelref::testing {

// Answers of blocking fetches come when the test lets them: the inner backend is read first, so
// that what a held fetch returns is what was true when it began. Thread-safe.
class SlowBackend final : public ModelReferenceBackend {
 public:
  explicit SlowBackend(std::shared_ptr<ModelReferenceBackend> inner) : inner_(std::move(inner)) {}

  // Fetches that begin from now on are held.
  void Hold() {
    MutexLock lock(&mutex_);
    holding_ = true;
  }
  // Lets all held fetches go, and holds no further ones.
  void Release() {
    MutexLock lock(&mutex_);
    holding_ = false;
    released_ = begun_;
    changed_.SignalAll();
  }
  // Lets the held fetch go that began as number `index`, from 1, since the backend was made.
  void ReleaseOne(size_t index) {
    MutexLock lock(&mutex_);
    singly_released_.push_back(index);
    changed_.SignalAll();
  }
  // Waits until `count` fetches are held at the same time; false when the deadline passed first.
  [[nodiscard]] bool WaitForHeld(size_t count) {
    MutexLock lock(&mutex_);
    while (held_ < count) {
      if (!changed_.WaitFor(&mutex_, kDeadline)) return held_ >= count;
    }
    return true;
  }

  absl::StatusOr<SnapshotPtr> Fetch(const DocumentKey& key, FetchMode mode) override {
    absl::StatusOr<SnapshotPtr> answer = inner_->Fetch(key, mode);
    MutexLock lock(&mutex_);
    const size_t index = ++begun_;
    if (!holding_) return answer;
    ++held_;
    changed_.SignalAll();
    while (!IsReleasedLocked(index)) {
      // The test has failed by then; it must not hang as well.
      if (!changed_.WaitFor(&mutex_, 2 * kDeadline)) break;
    }
    --held_;
    return answer;
  }
  void FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) override {
    inner_->FetchAsync(key, mode, std::move(done));
  }
  std::vector<std::string> Categories() const override { return inner_->Categories(); }

 private:
  bool IsReleasedLocked(size_t index) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (index <= released_) return true;
    for (const size_t released : singly_released_) {
      if (released == index) return true;
    }
    return false;
  }

  const std::shared_ptr<ModelReferenceBackend> inner_;
  Mutex mutex_;
  CondVar changed_;
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  size_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t held_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t released_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<size_t> singly_released_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref::testing
