#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/backend.h"
#include "backends/backend_statistics.h"
#include "backends/base/clock.h"
#include "backends/base/executor.h"
#include "backends/base/mutex.h"
#include "backends/category_registry.h"

namespace modelref {

// Reads documents from a data directory as the original lays it out (H 2): <base>/<v2 file> and
// <base>/legacy/<legacy file>; for text_generation's legacy form models.csv, or else
// text_generation.json. Does not cache. Thread-safe.
//
// Fetch errors: NOT_FOUND no file; UNAVAILABLE (SOURCE_UNREACHABLE) no permission, I/O error, the
// file keeps changing; DATA_LOSS (DOCUMENT_DAMAGED) not a regular file, too large, or not a JSON
// object, with file, line and column.
class FileSystemBackend final : public ModelReferenceBackend,
                                public VersionProbe,
                                public HealthProbe,
                                public StatisticsSource,
                                public FilePaths {
 public:
  struct Options {
    std::string data_dir;
    uint64_t document_bytes = uint64_t{512} << 20;  // Checked before reading.
    ParseLimits limits;
    // Writes `{}` for categories without a legacy form whose file is missing, as the original does.
    bool create_missing_files = true;
  };

  // `registry`, `executor` and `clock` must outlive the backend, and fetches in flight must be over
  // before it goes.
  FileSystemBackend(Options options, const CategoryRegistry& registry, Executor& executor,
                    Clock& clock);

  absl::StatusOr<SnapshotPtr> Fetch(const DocumentKey& key, FetchMode mode) override;
  void FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) override;
  std::vector<std::string> Categories() const override;
  absl::StatusOr<std::string> CurrentVersion(const DocumentKey& key) override;
  // The directory, and every document whose last fetch failed otherwise than by NOT_FOUND.
  std::vector<HealthReport> CheckHealth() override;
  BackendStatistics Statistics() const override { return statistics_.Read(); }
  // Of the file that is, or would be, read.
  std::string PathOf(const DocumentKey& key) const override;

 private:
  void CreateMissingFiles() const;
  absl::StatusOr<SnapshotPtr> Load(const DocumentKey& key);

  const Options options_;
  const CategoryRegistry& registry_;
  Executor& executor_;
  Clock& clock_;
  StatisticsCounter statistics_;

  Mutex mutex_;
  std::map<DocumentKey, absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref
