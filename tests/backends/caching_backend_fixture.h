#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/caching_backend.h"
#include "tests/testing/event.h"
#include "tests/testing/failing_backend.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/slow_backend.h"
#include "tests/testing/status_matchers.h"

namespace modelref {

// A cache over: slow_ over failing_ over fake_, which holds model "a" in both forms of
// image_generation. The TTL is that of the original, 60 s.
class CachingBackendFixture : public ::testing::Test {
 protected:
  using Options = CachingBackend::Options;

  CachingBackendFixture() {
    fake_->Set(kV2, testing::DocumentJson({"a"}));
    fake_->Set(kLegacy, testing::DocumentJson({"a"}));
  }

  static Options TtlOptions() {
    Options options;
    options.ttl = absl::Seconds(60);
    return options;
  }
  Options ProbeOptions() const {
    Options options = TtlOptions();
    options.probe = failing_;
    return options;
  }
  std::shared_ptr<CachingBackend> MakeCache(Options options = TtlOptions()) {
    return CachingBackend::Make(slow_, std::move(options), clock_, executor_);
  }

  // The asynchronous form as a blocking one.
  static absl::StatusOr<SnapshotPtr> FetchAndWait(CachingBackend& cache, const DocumentKey& key,
                                                  FetchMode mode = FetchMode::kAllowCaches) {
    testing::Event done;
    absl::StatusOr<SnapshotPtr> answer = absl::UnknownError("no answer");
    cache.FetchAsync(key, mode, [&](absl::StatusOr<SnapshotPtr> got) {
      answer = std::move(got);
      done.Set();
    });
    EXPECT_TRUE(done.Wait());
    return answer;
  }

  // What a fetch that allows caches returns, as names.
  static std::vector<std::string> Names(CachingBackend& cache, const DocumentKey& key) {
    const absl::StatusOr<SnapshotPtr> snapshot = cache.Fetch(key, FetchMode::kAllowCaches);
    EXPECT_THAT(snapshot, testing::IsOk());
    return snapshot.ok() ? testing::NamesOf(*(*snapshot)->document) : std::vector<std::string>();
  }

  const DocumentKey kV2{"image_generation", Format::kV2};
  const DocumentKey kLegacy{"image_generation", Format::kLegacy};

  testing::FakeClock clock_;
  const std::shared_ptr<testing::FakeBackend> fake_ = std::make_shared<testing::FakeBackend>();
  const std::shared_ptr<testing::FailingBackend> failing_ =
      std::make_shared<testing::FailingBackend>(fake_, fake_);
  const std::shared_ptr<testing::SlowBackend> slow_ =
      std::make_shared<testing::SlowBackend>(failing_);
  Executor executor_{Executor::Options{.threads = 2, .queue_limit = 1024}};
};

// Remembers invalidations. Thread-safe.
class Invalidations {
 public:
  using Record = std::pair<std::string, StaleCause>;

  // The cache calls back for its life: this must live longer.
  void Watch(CachingBackend& cache) {
    cache.RegisterInvalidationCallback([this](const DocumentKey& key, StaleCause cause) {
      MutexLock lock(&mutex_);
      seen_.emplace_back(key.ToString(), cause);
    });
  }
  std::vector<Record> seen() const {
    MutexLock lock(&mutex_);
    return seen_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<Record> seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref
