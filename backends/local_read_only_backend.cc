#include "backends/local_read_only_backend.h"

#include <utility>

namespace modelref {

Backends MakeLocalReadOnlyBackend(FileSystemBackend::Options options, absl::Duration ttl,
                                  const CategoryRegistry& registry, Clock& clock,
                                  Executor& executor) {
  options.create_missing_files = false;
  CachingBackend::Options cache_options;
  cache_options.ttl = ttl;
  cache_options.distrust_empty = true;
  cache_options.retry_interval = absl::Seconds(1);
  return CacheFiles(
      std::make_shared<FileSystemBackend>(std::move(options), registry, executor, clock),
      std::move(cache_options), clock, executor);
}

}  // namespace modelref
