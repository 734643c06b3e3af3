#pragma once

#include "backends/backends.h"
#include "backends/base/clock.h"
#include "backends/base/executor.h"
#include "backends/category_registry.h"
#include "backends/filesystem_backend.h"

namespace modelref {

// The original's LocalReadOnlyBackend (H 3.7): reads a directory that somebody else writes, never
// writes to it and never uses the network. Text models in legacy form are an object here as well;
// the original's is always null.
//
// A function and no class, because it is a FileSystemBackend that creates nothing under a cache
// that looks at the file before every answer: what is special about it is what it lacks. Unlike a
// PRIMARY it does not believe a file that lost all its records (W-D10), and rests for a second
// after a failure.
//
// `create_missing_files` of `options` is ignored. The references must outlive what is returned.
Backends MakeLocalReadOnlyBackend(FileSystemBackend::Options options, absl::Duration ttl,
                                  const CategoryRegistry& registry, Clock& clock,
                                  Executor& executor);

}  // namespace modelref
