#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/backend.h"
#include "backends/base/mutex.h"

namespace modelref::testing {

// Passes everything on until it is told to fail. Thread-safe.
class FailingBackend final : public ModelReferenceBackend, public VersionProbe {
 public:
  // `probe` may be null when the test asks for no versions.
  explicit FailingBackend(std::shared_ptr<ModelReferenceBackend> inner,
                          std::shared_ptr<VersionProbe> probe = nullptr)
      : inner_(std::move(inner)), probe_(std::move(probe)) {}

  // Every call fails with this from now on; OK heals.
  void FailWith(absl::Status status) {
    MutexLock lock(&mutex_);
    failure_ = std::move(status);
  }

  absl::StatusOr<SnapshotPtr> Fetch(const DocumentKey& key, FetchMode mode) override {
    if (absl::Status failure = Failure(); !failure.ok()) return failure;
    return inner_->Fetch(key, mode);
  }
  void FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) override {
    if (absl::Status failure = Failure(); !failure.ok()) return done(failure);
    inner_->FetchAsync(key, mode, std::move(done));
  }
  std::vector<std::string> Categories() const override { return inner_->Categories(); }
  absl::StatusOr<std::string> CurrentVersion(const DocumentKey& key) override {
    if (absl::Status failure = Failure(); !failure.ok()) return failure;
    return probe_->CurrentVersion(key);
  }

 private:
  absl::Status Failure() const {
    MutexLock lock(&mutex_);
    return failure_;
  }

  const std::shared_ptr<ModelReferenceBackend> inner_;
  const std::shared_ptr<VersionProbe> probe_;
  mutable Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref::testing
