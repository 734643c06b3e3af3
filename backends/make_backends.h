#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/backends.h"
#include "backends/base/clock.h"
#include "backends/base/executor.h"
#include "backends/category_registry.h"
#include "backends/document_parser.h"

namespace modelref {

// Which backends a deployment has. What configures a source is ignored by deployments without it.
struct BackendOptions {
  // kPrimary  owns the files of `data_dir`.
  // kReplica  reads what a primary has: from `grpc_upstream`, else from `http_primary`, else from
  // GitHub.
  enum class Mode { kPrimary, kReplica };

  Mode mode = Mode::kPrimary;
  // Reads `data_dir` and uses no network, in either mode.
  bool offline = false;
  std::string data_dir;
  // As FileSystemBackend::Options. Not where a store knows better what a missing file means.
  bool create_missing_files = true;
  std::string grpc_upstream;  // host:port
  std::string http_primary;   // Base URL.
  bool use_redis = false;     // A PRIMARY's documents are cached in Redis.

  absl::Duration cache_ttl = absl::Seconds(60);  // Infinite = never expires.
  uint64_t document_bytes = uint64_t{512} << 20;
  ParseLimits limits;
};

// Builds the backends of one deployment. The references must outlive what is returned.
//   INVALID_ARGUMENT  options that are missing or contradict each other.
//   UNIMPLEMENTED     NOT_BUILT: a source that this version does not have. There is no fall-back to
//                     another one.
absl::StatusOr<Backends> MakeBackends(const BackendOptions& options,
                                      const CategoryRegistry& registry, Clock& clock,
                                      Executor& executor);

}  // namespace modelref
