// The defaults that config.proto documents, next to each other.

#include "absl/time/time.h"
#include "service/config_builder.h"
#include "service/config_durations.h"

namespace modelref {
namespace {

void SetLimits(v1::Limits* limits) {
  limits->set_categories(256);
  limits->set_model_name_bytes(512);
  limits->set_record_bytes(uint64_t{1} << 20);
  limits->set_document_bytes(uint64_t{512} << 20);
  limits->set_json_depth(64);
  limits->set_operations_per_write(1'000);
  limits->set_open_changes(100'000);
  limits->set_comment_bytes(8 << 10);
  limits->set_streams_per_connection(100);
  limits->set_streams_per_caller(16);
  limits->set_streams_per_relay(64);
  limits->set_streams(50'000);
  limits->set_request_message_bytes(4 << 20);
  limits->set_metadata_bytes(64 << 10);
  limits->set_error_message_bytes(512);
  limits->set_error_details_bytes(3 << 10);
  limits->set_get_category_bytes(4 << 20);
  limits->set_memory_percent(60);
  limits->set_memory_snapshots_percent(60);
  limits->set_memory_streams_percent(20);
  limits->set_connections(20'000);
  limits->set_connections_per_address(5'000);
  limits->set_connections_per_second(2'000);
}

void SetRuntime(v1::RuntimeConfig* runtime) {
  *runtime->mutable_shutdown_grace() = ToProtoDuration(absl::Seconds(10));
  *runtime->mutable_drain_delay() = ToProtoDuration(absl::ZeroDuration());
  *runtime->mutable_drain_spread() = ToProtoDuration(absl::Seconds(30));
  *runtime->mutable_self_probe_interval() = ToProtoDuration(absl::Seconds(10));
  *runtime->mutable_self_probe_timeout() = ToProtoDuration(absl::Seconds(5));
  runtime->set_open_files(65'536);
}

void SetConnection(v1::ConnectionConfig* connection) {
  *connection->mutable_keepalive_time() = ToProtoDuration(absl::Seconds(60));
  *connection->mutable_keepalive_timeout() = ToProtoDuration(absl::Seconds(20));
  *connection->mutable_min_client_ping_interval() = ToProtoDuration(absl::Seconds(20));
  *connection->mutable_max_age() = ToProtoDuration(absl::ZeroDuration());
  *connection->mutable_max_age_grace() = ToProtoDuration(absl::Seconds(60));
  *connection->mutable_handshake_timeout() = ToProtoDuration(absl::Seconds(20));
  connection->set_unix_socket_mode("0600");
}

void SetStore(v1::StoreConfig* store) {
  *store->mutable_file_write_delay() = ToProtoDuration(absl::Milliseconds(200));
  *store->mutable_file_write_max_delay() = ToProtoDuration(absl::Minutes(5));
  *store->mutable_file_poll_interval() = ToProtoDuration(absl::Seconds(1));
  *store->mutable_file_settle_time() = ToProtoDuration(absl::Seconds(1));
  *store->mutable_damage_grace() = ToProtoDuration(absl::Seconds(10));
  store->set_held_removal_percent(50);
  store->set_held_removal_min_models(10);
}

void SetRedis(v1::RedisConfig* redis) {
  redis->set_url("redis://localhost:6379/0");
  redis->set_pool_size(10);
  *redis->mutable_socket_timeout() = ToProtoDuration(absl::Seconds(5));
  *redis->mutable_socket_connect_timeout() = ToProtoDuration(absl::Seconds(5));
  redis->set_retry_max_attempts(3);
  *redis->mutable_retry_backoff() = ToProtoDuration(absl::Milliseconds(500));
  redis->set_key_prefix("horde:model_ref");
  redis->set_use_pubsub(true);
}

void SetRepository(v1::GitHubConfig* repository, const char* name) {
  repository->set_owner("Haidra-Org");
  repository->set_name(name);
  repository->set_branch("main");
}

void SetSources(v1::SourcesConfig* sources) {
  *sources->mutable_primary_api_timeout() = ToProtoDuration(absl::Seconds(10));
  sources->set_github_fallback(true);
  SetRepository(sources->mutable_image_github(), "AI-Horde-image-model-reference");
  SetRepository(sources->mutable_text_github(), "AI-Horde-text-model-reference");
  sources->set_download_attempts(3);
  *sources->mutable_download_backoff() = ToProtoDuration(absl::Seconds(2));
}

void SetAuth(v1::AuthConfig* auth) {
  auth->set_horde_url("https://aihorde.net/api/");
  *auth->mutable_horde_cache_ttl() = ToProtoDuration(absl::Seconds(60));
  *auth->mutable_horde_timeout() = ToProtoDuration(absl::Seconds(10));
}

}  // namespace

v1::ServerConfig DefaultConfig() {
  v1::ServerConfig config;
  config.add_listen("127.0.0.1:50051");
  config.set_admin_listen("127.0.0.1:9090");
  config.set_mode(v1::MODE_PRIMARY);
  config.set_canonical_format(v1::FORMAT_V2);
  *config.mutable_cache()->mutable_ttl() = ToProtoDuration(absl::Seconds(60));
  *config.mutable_cache()->mutable_refresh_ahead() = ToProtoDuration(absl::Seconds(10));
  config.mutable_cache()->set_warm_at_start(true);
  SetLimits(config.mutable_limits());
  config.mutable_log()->set_level(v1::LOG_LEVEL_INFO);
  *config.mutable_log()->mutable_slow_call() = ToProtoDuration(absl::Seconds(1));
  SetAuth(config.mutable_auth());
  *config.mutable_tls()->mutable_reload_interval() = ToProtoDuration(absl::Seconds(5));
  SetStore(config.mutable_store());
  config.mutable_audit()->set_max_segment_bytes(uint64_t{5} << 20);
  config.mutable_audit()->set_relative_subdir("audit");
  config.mutable_queue()->set_relative_subdir("pending_queue");
  SetRedis(config.mutable_redis());
  *config.mutable_watch()->mutable_progress_interval() = ToProtoDuration(absl::Seconds(20));
  *config.mutable_watch()->mutable_max_age() = ToProtoDuration(absl::Minutes(25));
  config.mutable_watch()->set_max_inline_bytes(64 << 10);
  config.mutable_watch()->set_egress_bytes_per_second(uint64_t{1} << 30);
  SetSources(config.mutable_sources());
  config.mutable_lifecycle()->set_kubernetes_namespace("default");
  *config.mutable_lifecycle()->mutable_lease() = ToProtoDuration(absl::Seconds(30));
  SetRuntime(config.mutable_runtime());
  SetConnection(config.mutable_connection());
  return config;
}

}  // namespace modelref
