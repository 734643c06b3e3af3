#include "service/config_directory.h"

#include "absl/strings/str_cat.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

// The audit trail follows the commits as the category files do: each time it is written it syncs
// four times, on the disk for which the commits wait.
constexpr absl::Duration kAuditInterval = absl::Milliseconds(200);

BackendOptions MakeBackendOptions(const v1::ServerConfig& config) {
  BackendOptions options;
  options.mode = config.mode() == v1::MODE_REPLICA ? BackendOptions::Mode::kReplica
                                                   : BackendOptions::Mode::kPrimary;
  options.offline = config.offline();
  options.data_dir = config.data_dir();
  options.grpc_upstream = config.upstream();
  options.http_primary = config.sources().primary_api_url();
  options.use_redis = config.redis().enabled();
  if (config.cache().has_ttl()) options.cache_ttl = FromProto(config.cache().ttl());
  options.document_bytes = config.limits().document_bytes();
  options.limits.record_bytes = config.limits().record_bytes();
  options.limits.record_depth = config.limits().json_depth();
  return options;
}

SourceSync::Options MakeSyncOptions(const v1::ServerConfig& config) {
  SourceSync::Options options;
  if (config.store().has_file_poll_interval()) {
    options.poll_interval = FromProto(config.store().file_poll_interval());
  }
  if (config.store().has_file_settle_time()) {
    options.settle_time = FromProto(config.store().file_settle_time());
  }
  if (config.store().has_damage_grace()) {
    options.damage_grace = FromProto(config.store().damage_grace());
  }
  options.held_removals.percent = config.store().held_removal_percent();
  options.held_removals.min_models = config.store().held_removal_min_models();
  return options;
}

std::string AuditRoot(const v1::ServerConfig& config) {
  const v1::AuditConfig& audit = config.audit();
  if (!audit.root_path_override().empty()) return audit.root_path_override();
  return absl::StrCat(config.data_dir(), "/",
                      audit.relative_subdir().empty() ? "audit" : audit.relative_subdir());
}

}  // namespace

std::string QueueRoot(const v1::ServerConfig& config) {
  const v1::QueueConfig& queue = config.queue();
  if (!queue.root_path_override().empty()) return queue.root_path_override();
  return absl::StrCat(config.data_dir(), "/",
                      queue.relative_subdir().empty() ? "pending_queue" : queue.relative_subdir());
}

std::vector<ExtraCategory> ExtraCategories(const v1::ServerConfig& config) {
  std::vector<ExtraCategory> extra;
  for (const v1::CategoryConfig& category : config.categories()) {
    extra.push_back({category.name(), category.domain(), category.purpose(), category.v2_file(),
                     category.legacy_file()});
  }
  return extra;
}

DataDirectory::Options MakeDirectoryOptions(const v1::ServerConfig& config) {
  DataDirectory::Options options;
  options.backends = MakeBackendOptions(config);
  options.read_only = config.offline();
  options.sync = MakeSyncOptions(config);
  const v1::StoreConfig& store = config.store();
  options.store.allow_network_file_system = store.allow_network_file_system();
  options.projector.events.interval = kAuditInterval;
  FileWriter::Options& files = options.projector.files;
  if (store.has_file_write_delay()) files.delay = FromProto(store.file_write_delay());
  if (store.has_file_write_max_delay()) files.max_delay = FromProto(store.file_write_max_delay());
  files.document_bytes = config.limits().document_bytes();
  options.audit_root = AuditRoot(config);
  if (config.audit().max_segment_bytes() > 0) {
    options.audit.max_segment_bytes = config.audit().max_segment_bytes();
  }
  return options;
}

}  // namespace modelref
