#pragma once

// The hierarchy of sources: one narrow interface to read documents, and siblings for what only some
// sources can do. A capability is a pointer that may be null (backends.h); nothing here has default
// bodies or flags.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/digest.h"
#include "backends/base/document_key.h"
#include "backends/document.h"
#include "backends/document_parser.h"

namespace modelref {

// What one fetch of a document returned. Immutable and shared: readers copy a pointer.
struct Snapshot {
  DocumentPtr document;  // Never null.
  // The exact text of a legacy document as the original serves it (H 3.3); null for v2.
  std::shared_ptr<const std::string> source_text;
  uint64_t source_bytes = 0;  // Read from the source.
  // SHA-256 of those bytes; zeros for a source that has none of its own.
  Sha256Digest content_sha256{};
  // Names the state of the source that was read, comparable by equality only.
  std::string version;
  // True when the source is a table (models.csv), which may lose its tail and still parse.
  bool is_table = false;
  // Not empty when the source parses but looks cut short: says why. A reader that holds an earlier
  // snapshot keeps it.
  std::string suspicion;
  // Records of the source that cannot be represented; the others are served.
  std::vector<RecordProblem> problems;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// kAllowCaches  any cache on the way may answer.
// kBypassCaches every cache passes the call on to the source, and is refilled by the answer (the
// original's
//               force_refresh and redownload).
enum class FetchMode { kAllowCaches, kBypassCaches };

using FetchCallback = std::function<void(absl::StatusOr<SnapshotPtr>)>;

// A source of documents. Thread-safe; never throws. The blocking and the asynchronous form share
// every cache and give equal results.
//   NOT_FOUND    the source has no such document.
//   UNAVAILABLE  the source could not be asked; a retry may succeed.
//   DATA_LOSS    the source answered with something that does not parse; the message names file and
//   place.
class ModelReferenceBackend {
 public:
  virtual ~ModelReferenceBackend() = default;

  virtual absl::StatusOr<SnapshotPtr> Fetch(const DocumentKey& key, FetchMode mode) = 0;
  // Returns at once; `done` runs exactly once, on a thread of the backend or, for a cached answer,
  // on the caller's.
  virtual void FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) = 0;
  // The categories this source may have, in order.
  virtual std::vector<std::string> Categories() const = 0;
};

// Every category of `backend` in one format, each with a status of its own.
std::map<std::string, absl::StatusOr<SnapshotPtr>> FetchAll(ModelReferenceBackend& backend,
                                                            Format format, FetchMode mode);

// Asks a source for the version of a document without transferring it. Thread-safe. Errors as
// Fetch.
class VersionProbe {
 public:
  virtual ~VersionProbe() = default;
  // Equal to Snapshot::version of a fetch at the same state.
  virtual absl::StatusOr<std::string> CurrentVersion(const DocumentKey& key) = 0;
};

// One dependency that may be down.
struct HealthReport {
  std::string name;     // "data_dir", "document image_generation/v2", …
  absl::Status status;  // OK, or why it is not.
};

// Thread-safe; must answer within a second.
class HealthProbe {
 public:
  virtual ~HealthProbe() = default;
  virtual std::vector<HealthReport> CheckHealth() = 0;
};

// Counters of one backend since its start. Field names follow the original where it has them.
struct BackendStatistics {
  std::string name;
  uint64_t fetches = 0;
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t refreshes = 0;  // Forced by the caller.
  uint64_t fallbacks = 0;
  uint64_t errors = 0;
  uint64_t bytes = 0;       // Read from the source.
  uint64_t cache_size = 0;  // Documents held.
  // Latency of reads from the source: counts per upper bound in kLatencyBounds, the last one
  // unbounded.
  std::vector<uint64_t> latency_counts;
  absl::Duration latency_sum;
};
inline constexpr double kLatencyBoundsSeconds[] = {0.0001, 0.0005, 0.001, 0.005, 0.01,
                                                   0.05,   0.1,    0.5,   1,     5};

class StatisticsSource {
 public:
  virtual ~StatisticsSource() = default;
  virtual BackendStatistics Statistics() const = 0;
};

// Loads every document ahead of its first reader. Thread-safe.
class CacheWarmer {
 public:
  virtual ~CacheWarmer() = default;
  virtual std::map<DocumentKey, absl::Status> WarmCache() = 0;
};

// Where documents live on disk; empty when they do not. Thread-safe.
class FilePaths {
 public:
  virtual ~FilePaths() = default;
  virtual std::string PathOf(const DocumentKey& key) const = 0;
};

}  // namespace modelref
