#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "backends/backend.h"
#include "backends/base/executor.h"
#include "backends/base/mutex.h"

namespace modelref::testing {

// A source in memory: documents as the test sets them, versions that count its changes. It keeps
// the contract of backend.h; FailingBackend and SlowBackend break or delay it. Thread-safe.
class FakeBackend final : public ModelReferenceBackend, public VersionProbe, public HealthProbe {
 public:
  explicit FakeBackend(std::vector<std::string> categories = {"image_generation", "clip"});

  // `json` is the text of the document. One that does not parse is DATA_LOSS to readers.
  void Set(const DocumentKey& key, std::string json);
  // The snapshots of `key` look cut short, or (empty) no longer do.
  void SetSuspicion(const DocumentKey& key, std::string suspicion);
  void Remove(const DocumentKey& key);

  absl::StatusOr<SnapshotPtr> Fetch(const DocumentKey& key, FetchMode mode) override;
  void FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) override;
  std::vector<std::string> Categories() const override { return categories_; }
  absl::StatusOr<std::string> CurrentVersion(const DocumentKey& key) override;
  std::vector<HealthReport> CheckHealth() override;

  // The modes of all fetches of `key` so far.
  std::vector<FetchMode> fetches(const DocumentKey& key) const;
  size_t fetch_count(const DocumentKey& key) const { return fetches(key).size(); }
  size_t probe_count() const;

 private:
  struct Content {
    std::string json;
    std::string version;
    std::string suspicion;
  };

  void ChangeLocked(const DocumentKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::vector<std::string> categories_;
  mutable Mutex mutex_;
  std::map<DocumentKey, Content> documents_ ABSL_GUARDED_BY(mutex_);
  std::map<DocumentKey, std::vector<FetchMode>> fetches_ ABSL_GUARDED_BY(mutex_);
  size_t probes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Last, so that its threads are gone before what they use.
  Executor executor_{Executor::Options{.threads = 2, .queue_limit = 1024}};
};

// A snapshot as a source would make it; the text must parse. Legacy snapshots carry it.
SnapshotPtr MakeSnapshot(Format format, const std::string& json, std::string version = "1");

// {"name": {"name": "name", "note": note}, …}.
std::string DocumentJson(const std::vector<std::string>& names, absl::string_view note = "");

// The names of the records, in document order.
std::vector<std::string> NamesOf(const Document& document);

}  // namespace modelref::testing
