#include "backends/make_backends.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "backends/filesystem_backend.h"
#include "backends/local_read_only_backend.h"

namespace modelref {
namespace {

enum class Deployment { kLocalReadOnly, kPrimary, kGrpcReplica, kHttpReplica, kGitHubReplica };

Deployment DeploymentOf(const BackendOptions& options) {
  if (options.offline) return Deployment::kLocalReadOnly;
  if (options.mode == BackendOptions::Mode::kPrimary) return Deployment::kPrimary;
  if (!options.grpc_upstream.empty()) return Deployment::kGrpcReplica;
  return options.http_primary.empty() ? Deployment::kGitHubReplica : Deployment::kHttpReplica;
}

absl::Status Invalid(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_CONFIGURATION", message);
}

absl::Status NotBuilt(absl::string_view what) {
  return Error(absl::StatusCode::kUnimplemented, "NOT_BUILT",
               absl::StrCat(what, " are not built into this version"));
}

absl::Status Validate(const BackendOptions& options) {
  const bool is_primary = options.mode == BackendOptions::Mode::kPrimary;
  const bool has_upstream = !options.grpc_upstream.empty() || !options.http_primary.empty();
  if (options.data_dir.empty() && (is_primary || options.offline)) {
    return Invalid("a primary and an offline replica need a data directory");
  }
  if (is_primary && has_upstream) return Invalid("a primary has no upstream");
  if (!options.grpc_upstream.empty() && !options.http_primary.empty()) {
    return Invalid("a replica has one upstream: gRPC or HTTP");
  }
  if (options.use_redis && (!is_primary || options.offline)) {
    return Invalid("Redis caches the documents of a primary only");
  }
  if (options.cache_ttl < absl::ZeroDuration()) return Invalid("the cache's TTL is negative");
  return absl::OkStatus();
}

FileSystemBackend::Options FileOptions(const BackendOptions& options) {
  FileSystemBackend::Options files;
  files.data_dir = options.data_dir;
  files.document_bytes = options.document_bytes;
  files.limits = options.limits;
  files.create_missing_files = options.create_missing_files;
  return files;
}

absl::StatusOr<Backends> MakePrimary(const BackendOptions& options,
                                     const CategoryRegistry& registry, Clock& clock,
                                     Executor& executor) {
  if (options.use_redis) return NotBuilt("Redis caches");
  CachingBackend::Options cache;
  cache.ttl = options.cache_ttl;
  return CacheFiles(
      std::make_shared<FileSystemBackend>(FileOptions(options), registry, executor, clock),
      std::move(cache), clock, executor);
}

}  // namespace

absl::StatusOr<Backends> MakeBackends(const BackendOptions& options,
                                      const CategoryRegistry& registry, Clock& clock,
                                      Executor& executor) {
  RETURN_IF_ERROR(Validate(options));
  switch (DeploymentOf(options)) {
    case Deployment::kPrimary:
      return MakePrimary(options, registry, clock, executor);
    case Deployment::kLocalReadOnly:
      return MakeLocalReadOnlyBackend(FileOptions(options), options.cache_ttl, registry, clock,
                                      executor);
    case Deployment::kGrpcReplica:
      return NotBuilt("replicas of a gRPC upstream");
    case Deployment::kHttpReplica:
      return NotBuilt("replicas of an HTTP primary");
    case Deployment::kGitHubReplica:
      return NotBuilt("replicas of GitHub");
  }
  return Invalid("no such deployment");
}

}  // namespace modelref
