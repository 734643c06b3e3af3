#include "backends/backends.h"

#include <utility>

namespace modelref {

Backends CacheFiles(std::shared_ptr<FileSystemBackend> files, CachingBackend::Options cache_options,
                    Clock& clock, Executor& executor) {
  cache_options.probe = files;
  cache_options.probe_use = CachingBackend::ProbeUse::kEveryRead;
  Backends backends;
  backends.cache = CachingBackend::Make(files, std::move(cache_options), clock, executor);
  backends.reader = backends.cache;
  backends.versions = files;
  backends.file_paths = files;
  backends.probes = {files};
  backends.warmers = {backends.cache};
  backends.statistics = {backends.cache, files};
  return backends;
}

}  // namespace modelref
