#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "backends/caching_backend.h"
#include "backends/filesystem_backend.h"

namespace modelref {

// What one deployment can do. A null or empty member is a capability that it lacks; the original's
// supports_* are computed from that, so no wrapper can lose one. Thread-compatible; what it points
// to is thread-safe. Everything it points to needs the clock, executor and registry given to its
// maker.
struct Backends {
  std::shared_ptr<ModelReferenceBackend> reader;  // The outermost decorator; never null.
  std::shared_ptr<CachingBackend> cache;          // Null when nothing is cached in memory.
  std::shared_ptr<VersionProbe> versions;         // Of the source.
  std::shared_ptr<FilePaths> file_paths;
  std::vector<std::shared_ptr<HealthProbe>> probes;
  std::vector<std::shared_ptr<CacheWarmer>> warmers;
  std::vector<std::shared_ptr<StatisticsSource>> statistics;  // The outermost first.

  bool supports_cache_warming() const { return !warmers.empty(); }
  bool supports_health_checks() const { return !probes.empty(); }
  bool supports_statistics() const { return !statistics.empty(); }
};

// The files of a directory behind a cache that asks for their version before every answer, and all
// that this can do. The probe of `cache_options` is set here.
Backends CacheFiles(std::shared_ptr<FileSystemBackend> files, CachingBackend::Options cache_options,
                    Clock& clock, Executor& executor);

}  // namespace modelref
