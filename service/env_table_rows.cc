// The variables of the two systems that modelref succeeds (H 6, M 5.4), one row each.

#include <iterator>

#include "service/env_table.h"

namespace modelref {

namespace {

constexpr EnvRow kRows[] = {
    {"HORDE_MODEL_REFERENCE_REPLICATE_MODE", "mode"},
    {"HORDE_MODEL_REFERENCE_OFFLINE", "offline"},
    {"HORDE_MODEL_REFERENCE_MAKE_FOLDERS", "make_folders"},
    {"HORDE_MODEL_REFERENCE_IMAGE_GITHUB_REPO__OWNER", "sources.image_github.owner"},
    {"HORDE_MODEL_REFERENCE_IMAGE_GITHUB_REPO__NAME", "sources.image_github.name"},
    {"HORDE_MODEL_REFERENCE_IMAGE_GITHUB_REPO__BRANCH", "sources.image_github.branch"},
    {"HORDE_MODEL_REFERENCE_IMAGE_GITHUB_REPO__PROXY_SETTINGS", "sources.image_github.proxy",
     EnvForm::kProxy, ""},
    {"HORDE_MODEL_REFERENCE_TEXT_GITHUB_REPO__OWNER", "sources.text_github.owner"},
    {"HORDE_MODEL_REFERENCE_TEXT_GITHUB_REPO__NAME", "sources.text_github.name"},
    {"HORDE_MODEL_REFERENCE_TEXT_GITHUB_REPO__BRANCH", "sources.text_github.branch"},
    {"HORDE_MODEL_REFERENCE_TEXT_GITHUB_REPO__PROXY_SETTINGS", "sources.text_github.proxy",
     EnvForm::kProxy, ""},
    {"HORDE_MODEL_REFERENCE_CACHE_TTL_SECONDS", "cache.ttl", EnvForm::kSeconds},
    {"HORDE_MODEL_REFERENCE_LEGACY_DOWNLOAD_RETRY_MAX_ATTEMPTS", "sources.download_attempts"},
    {"HORDE_MODEL_REFERENCE_LEGACY_DOWNLOAD_RETRY_BACKOFF_SECONDS", "sources.download_backoff",
     EnvForm::kSeconds, ""},
    {"HORDE_MODEL_REFERENCE_REDIS__USE_REDIS", "redis.enabled"},
    {"HORDE_MODEL_REFERENCE_REDIS__URL", "redis.url"},
    {"HORDE_MODEL_REFERENCE_REDIS__POOL_SIZE", "redis.pool_size"},
    {"HORDE_MODEL_REFERENCE_REDIS__SOCKET_TIMEOUT", "redis.socket_timeout", EnvForm::kSeconds},
    {"HORDE_MODEL_REFERENCE_REDIS__SOCKET_CONNECT_TIMEOUT", "redis.socket_connect_timeout",
     EnvForm::kSeconds, ""},
    {"HORDE_MODEL_REFERENCE_REDIS__RETRY_MAX_ATTEMPTS", "redis.retry_max_attempts"},
    {"HORDE_MODEL_REFERENCE_REDIS__RETRY_BACKOFF_SECONDS", "redis.retry_backoff", EnvForm::kSeconds,
     ""},
    {"HORDE_MODEL_REFERENCE_REDIS__KEY_PREFIX", "redis.key_prefix"},
    {"HORDE_MODEL_REFERENCE_REDIS__TTL_SECONDS", "redis.ttl", EnvForm::kSeconds},
    {"HORDE_MODEL_REFERENCE_REDIS__USE_PUBSUB", "redis.use_pubsub"},
    {"HORDE_MODEL_REFERENCE_PRIMARY_API_URL", "sources.primary_api_url"},
    {"HORDE_MODEL_REFERENCE_PRIMARY_API_TIMEOUT", "sources.primary_api_timeout", EnvForm::kSeconds,
     ""},
    {"HORDE_MODEL_REFERENCE_ENABLE_GITHUB_FALLBACK", "sources.github_fallback"},
    {"HORDE_MODEL_REFERENCE_GITHUB_SEED_ENABLED", "sources.github_seed"},
    {"HORDE_MODEL_REFERENCE_CANONICAL_FORMAT", "canonical_format"},
    {"HORDE_MODEL_REFERENCE_HORDE_API_TIMEOUT", "", EnvForm::kMeaningless,
     "popularity of models is not served"},
    {"HORDE_MODEL_REFERENCE_HORDE_API_CACHE_TTL", "", EnvForm::kMeaningless,
     "popularity of models is not served"},
    {"HORDE_MODEL_REFERENCE_STATISTICS_CACHE_TTL", "", EnvForm::kMeaningless,
     "statistics are computed from the snapshot"},
    {"HORDE_MODEL_REFERENCE_DELETION_RISK_CACHE_TTL", "", EnvForm::kMeaningless,
     "deletion risks are not computed"},
    {"HORDE_MODEL_REFERENCE_ENABLE_STATISTICS_PRECOMPUTE", "", EnvForm::kMeaningless,
     "statistics are computed from the snapshot"},
    {"HORDE_MODEL_REFERENCE_PREFERRED_FILE_HOSTS", "", EnvForm::kMeaningless,
     "deletion risks are not computed"},
    {"HORDE_MODEL_REFERENCE_LOW_USAGE_THRESHOLD_PERCENTAGE", "", EnvForm::kMeaningless,
     "deletion risks are not computed"},
    {"HORDE_MODEL_REFERENCE_TEXT_GEN_LOW_USAGE_THRESHOLD_PERCENTAGE", "", EnvForm::kMeaningless,
     "deletion risks are not computed"},
    {"HORDE_MODEL_REFERENCE_TEXT_GEN_IGNORE_DOWNLOAD_HOSTS", "", EnvForm::kMeaningless,
     "deletion risks are not computed"},
    {"HORDE_MODEL_REFERENCE_TEXT_GEN_CRITICAL_USAGE_THRESHOLD", "", EnvForm::kMeaningless,
     "deletion risks are not computed"},
    {"HORDE_MODEL_REFERENCE_TEXT_GEN_CRITICAL_WORKER_THRESHOLD", "", EnvForm::kMeaningless,
     "deletion risks are not computed"},
    {"HORDE_MODEL_REFERENCE_AUDIT__ENABLED", "audit", EnvForm::kAlwaysOn,
     "the audit trail is part of every commit"},
    {"HORDE_MODEL_REFERENCE_AUDIT__MAX_SEGMENT_BYTES", "audit.max_segment_bytes"},
    {"HORDE_MODEL_REFERENCE_AUDIT__RELATIVE_SUBDIR", "audit.relative_subdir"},
    {"HORDE_MODEL_REFERENCE_AUDIT__ROOT_PATH_OVERRIDE", "audit.root_path_override"},
    {"HORDE_MODEL_REFERENCE_PENDING_QUEUE__ENABLED", "queue.enabled"},
    {"HORDE_MODEL_REFERENCE_PENDING_QUEUE__RELATIVE_SUBDIR", "queue.relative_subdir"},
    {"HORDE_MODEL_REFERENCE_PENDING_QUEUE__ROOT_PATH_OVERRIDE", "queue.root_path_override"},
    {"HORDE_MODEL_REFERENCE_PENDING_QUEUE__MAX_SEGMENT_BYTES", "", EnvForm::kMeaningless,
     "the original never used it either"},
    {"HORDE_MODEL_REFERENCE_PENDING_QUEUE__REQUESTOR_IDS", "auth.requestor_ids", EnvForm::kJsonList,
     ""},
    {"HORDE_MODEL_REFERENCE_PENDING_QUEUE__APPROVER_IDS", "auth.approver_ids", EnvForm::kJsonList,
     ""},
    {"HORDE_MODEL_REFERENCE_R2__*", "", EnvForm::kMeaningless, "files of models are not mirrored"},
    {"HORDE_MODEL_REFERENCE_CACHE_HYDRATION_*", "", EnvForm::kMeaningless,
     "caches are refreshed before they expire"},
    {"HORDE_MODEL_REFERENCE_CORS_ALLOWED_ORIGINS", "", EnvForm::kMeaningless,
     "there is no HTTP interface for browsers"},
    {"AIWORKER_CACHE_HOME", "data_dir", EnvForm::kCacheHome},
    {"LOGS_FOLDER", "", EnvForm::kMeaningless, "logs go to standard error"},
    {"AI_HORDE_URL", "auth.horde_url"},
    {"AI_HORDE_TESTING", "", EnvForm::kMeaningless, "records are checked the same way everywhere"},
    {"TESTS_ONGOING", "", EnvForm::kMeaningless, "the server does not know about tests"},
    {"GITHUB_PROXY_URL_BASE", "", EnvForm::kMeaningless,
     "set HORDE_MODEL_REFERENCE_IMAGE_GITHUB_REPO__PROXY_SETTINGS and its TEXT twin"},
    {"HORDE_GITHUB_SYNC_*", "", EnvForm::kMeaningless, "it belongs to the GitHub sync tool"},
    {"GITHUB_APP_*", "", EnvForm::kMeaningless, "it belongs to the GitHub sync tool"},
    {"MX_METADATA_BACKEND", "lifecycle.store", EnvForm::kRegistry},
    {"REDIS_URL", "lifecycle.redis_url"},
    {"MX_METADATA_NAMESPACE", "lifecycle.kubernetes_namespace"},
};

}  // namespace

const std::vector<EnvRow>& EnvTable() {
  static const auto& table = *new std::vector<EnvRow>(std::begin(kRows), std::end(kRows));
  return table;
}

}  // namespace modelref
