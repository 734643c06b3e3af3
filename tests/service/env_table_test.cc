#include "service/env_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_split.h"
#include "service/config.h"
#include "service/config_durations.h"

namespace modelref {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Environment = std::map<std::string, std::string>;

constexpr char kPrefix[] = "HORDE_MODEL_REFERENCE_";

// `environment` without the prefix of the original.
StartDecision Load(const Environment& environment, std::vector<std::string> arguments = {}) {
  ConfigInput input;
  for (const auto& [name, value] : environment) input.environment[kPrefix + name] = value;
  input.arguments = std::move(arguments);
  input.arguments.push_back("--data-dir=/d");
  return LoadConfig(input);
}

// What a setting has after the variables alone.
ConfigBuilder Apply(const Environment& environment, std::vector<std::string>* warnings) {
  ConfigBuilder builder(DefaultConfig());
  ApplySeedEnvironment(environment, &builder, warnings);
  return builder;
}

TEST(EnvTableTest, EveryRowNamesASettingOrSaysWhyItHasNone) {
  std::set<absl::string_view> names;
  for (const EnvRow& row : EnvTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " twice";
    v1::ServerConfig config = DefaultConfig();
    if (row.form == EnvForm::kMeaningless) {
      EXPECT_TRUE(row.path.empty()) << row.name;
      EXPECT_FALSE(row.note.empty()) << row.name;
    } else if (row.form != EnvForm::kAlwaysOn) {
      EXPECT_NE(FindConfigField(&config, row.path).field, nullptr) << row.name;
    }
  }
}

TEST(EnvTableTest, EveryVariableOfTheOriginalHasARow) {
  // H 6, in its order.
  const std::vector<std::string> variables =
      absl::StrSplit(R"(
      REPLICATE_MODE OFFLINE MAKE_FOLDERS IMAGE_GITHUB_REPO__OWNER IMAGE_GITHUB_REPO__NAME
      IMAGE_GITHUB_REPO__BRANCH IMAGE_GITHUB_REPO__PROXY_SETTINGS TEXT_GITHUB_REPO__OWNER
      TEXT_GITHUB_REPO__NAME TEXT_GITHUB_REPO__BRANCH TEXT_GITHUB_REPO__PROXY_SETTINGS
      CACHE_TTL_SECONDS LEGACY_DOWNLOAD_RETRY_MAX_ATTEMPTS LEGACY_DOWNLOAD_RETRY_BACKOFF_SECONDS
      REDIS__USE_REDIS REDIS__URL REDIS__POOL_SIZE REDIS__SOCKET_TIMEOUT
      REDIS__SOCKET_CONNECT_TIMEOUT REDIS__RETRY_MAX_ATTEMPTS REDIS__RETRY_BACKOFF_SECONDS
      REDIS__KEY_PREFIX REDIS__TTL_SECONDS REDIS__USE_PUBSUB PRIMARY_API_URL PRIMARY_API_TIMEOUT
      ENABLE_GITHUB_FALLBACK GITHUB_SEED_ENABLED CANONICAL_FORMAT HORDE_API_TIMEOUT
      HORDE_API_CACHE_TTL STATISTICS_CACHE_TTL DELETION_RISK_CACHE_TTL
      ENABLE_STATISTICS_PRECOMPUTE PREFERRED_FILE_HOSTS LOW_USAGE_THRESHOLD_PERCENTAGE
      TEXT_GEN_LOW_USAGE_THRESHOLD_PERCENTAGE TEXT_GEN_IGNORE_DOWNLOAD_HOSTS
      TEXT_GEN_CRITICAL_USAGE_THRESHOLD TEXT_GEN_CRITICAL_WORKER_THRESHOLD AUDIT__ENABLED
      AUDIT__MAX_SEGMENT_BYTES AUDIT__RELATIVE_SUBDIR AUDIT__ROOT_PATH_OVERRIDE
      PENDING_QUEUE__ENABLED PENDING_QUEUE__RELATIVE_SUBDIR PENDING_QUEUE__ROOT_PATH_OVERRIDE
      PENDING_QUEUE__MAX_SEGMENT_BYTES PENDING_QUEUE__REQUESTOR_IDS PENDING_QUEUE__APPROVER_IDS
      CORS_ALLOWED_ORIGINS)",
                     absl::ByAnyChar(" \n"), absl::SkipEmpty());
  std::set<std::string> rows;
  for (const EnvRow& row : EnvTable()) rows.emplace(row.name);
  for (const std::string& variable : variables) {
    EXPECT_EQ(rows.count(kPrefix + variable), 1u) << variable;
  }
  for (const char* other :
       {"HORDE_MODEL_REFERENCE_R2__*", "HORDE_MODEL_REFERENCE_CACHE_HYDRATION_*",
        "AIWORKER_CACHE_HOME", "LOGS_FOLDER", "AI_HORDE_URL", "AI_HORDE_TESTING", "TESTS_ONGOING",
        "GITHUB_PROXY_URL_BASE", "HORDE_GITHUB_SYNC_*", "GITHUB_APP_*", "MX_METADATA_BACKEND",
        "REDIS_URL", "MX_METADATA_NAMESPACE"}) {
    EXPECT_EQ(rows.count(other), 1u) << other;
  }
}

TEST(EnvTableTest, ModesAndFormatsAreReadWithoutCase) {
  const StartDecision start = Load({{"REPLICATE_MODE", "Primary"}, {"CANONICAL_FORMAT", "LEGACY"}});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_EQ(start.config->mode(), v1::MODE_PRIMARY);
  EXPECT_EQ(start.config->canonical_format(), v1::FORMAT_LEGACY);
  EXPECT_THAT(Load({{"CANONICAL_FORMAT", "v3"}}).err,
              HasSubstr("canonical_format: must be one of legacy, v2 (environment "
                        "HORDE_MODEL_REFERENCE_CANONICAL_FORMAT)"));
}

TEST(EnvTableTest, TheCacheHomeNamesTheDataDirectory) {
  for (const char* home : {"/cache", "/cache/"}) {
    const StartDecision start = LoadConfig({{}, {{"AIWORKER_CACHE_HOME", home}}});
    ASSERT_TRUE(start.config.has_value()) << start.err;
    EXPECT_EQ(start.config->data_dir(), "/cache/horde_model_reference");
  }
}

TEST(EnvTableTest, SecondsAndListsAndProxiesKeepTheirForms) {
  std::vector<std::string> warnings;
  const ConfigBuilder builder =
      Apply({{"HORDE_MODEL_REFERENCE_CACHE_TTL_SECONDS", "120"},
             {"HORDE_MODEL_REFERENCE_REDIS__RETRY_BACKOFF_SECONDS", "0.25"},
             {"HORDE_MODEL_REFERENCE_PENDING_QUEUE__APPROVER_IDS", R"(["1", 6572])"},
             {"HORDE_MODEL_REFERENCE_IMAGE_GITHUB_REPO__PROXY_SETTINGS", "https://p"},
             {"HORDE_MODEL_REFERENCE_TEXT_GITHUB_REPO__PROXY_SETTINGS", R"({"x":"https://q"})"},
             {"MX_METADATA_BACKEND", "K8s"}},
            &warnings);
  EXPECT_THAT(builder.violations(), IsEmpty());
  const v1::ServerConfig& config = builder.config();
  EXPECT_EQ(FromProtoDuration(config.cache().ttl()), absl::Minutes(2));
  EXPECT_EQ(FromProtoDuration(config.redis().retry_backoff()), absl::Milliseconds(250));
  EXPECT_THAT(config.auth().approver_ids(), ElementsAre("1", "6572"));
  EXPECT_EQ(config.sources().image_github().proxy(), "https://p");
  EXPECT_EQ(config.sources().text_github().proxy(), "https://q");
  EXPECT_EQ(config.lifecycle().store(), v1::LIFECYCLE_STORE_KUBERNETES);
}

TEST(EnvTableTest, BadValuesNameTheVariable) {
  EXPECT_THAT(Load({{"CACHE_TTL_SECONDS", "soon"}}).err,
              HasSubstr("cache.ttl: must be a number of seconds (environment "
                        "HORDE_MODEL_REFERENCE_CACHE_TTL_SECONDS)"));
  EXPECT_THAT(Load({{"PENDING_QUEUE__REQUESTOR_IDS", "1,2"}}).err,
              HasSubstr("auth.requestor_ids: must be a JSON array"));
  EXPECT_THAT(Load({{"OFFLINE", "2"}}).err, HasSubstr("offline: must be true or false"));
  EXPECT_THAT(Load({{"CACHE_TTL_SECONDS", "-5"}}).err, HasSubstr("cache.ttl"));
}

TEST(EnvTableTest, TheAuditTrailCannotBeSwitchedOff) {
  const StartDecision start = Load({{"AUDIT__ENABLED", "false"}});
  EXPECT_EQ(start.exit_code, 2);
  EXPECT_THAT(start.err, HasSubstr("audit: cannot be switched off: the audit trail is part of "
                                   "every commit (HORDE_MODEL_REFERENCE_AUDIT__ENABLED)"));
  EXPECT_TRUE(Load({{"AUDIT__ENABLED", "True"}}).config.has_value());
}

TEST(EnvTableTest, QueueRedisAndSeedingAreSwitchedOffOnAReplicaWithOneWarning) {
  const StartDecision start = Load({{"REPLICATE_MODE", "REPLICA"},
                                    {"OFFLINE", "true"},
                                    {"REDIS__USE_REDIS", "true"},
                                    {"GITHUB_SEED_ENABLED", "true"},
                                    {"PENDING_QUEUE__ENABLED", "true"}});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_FALSE(start.config->redis().enabled());
  EXPECT_FALSE(start.config->queue().enabled());
  EXPECT_FALSE(start.config->sources().github_seed());
  EXPECT_THAT(start.warnings, ElementsAre(AllOf(HasSubstr("switched off"), HasSubstr("USE_REDIS"),
                                                HasSubstr("PENDING_QUEUE__ENABLED"),
                                                HasSubstr("GITHUB_SEED_ENABLED"))));
}

TEST(EnvTableTest, TheQueueOfTheOriginalIsTakenOverOnAPrimaryWithAWarning) {
  const StartDecision start = Load({{"PENDING_QUEUE__ENABLED", "true"}});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_TRUE(start.config->queue().enabled());
  EXPECT_THAT(start.warnings,
              ElementsAre(AllOf(HasSubstr("queue.enabled"), HasSubstr("QUEUE_NOT_BUILT"))));
  EXPECT_EQ(Load({{"REDIS__USE_REDIS", "true"}}).exit_code, 2);
}

TEST(EnvTableTest, VariablesWithoutAMeaningAreWarnedAbout) {
  const StartDecision start = Load({{"R2__UPLOAD_SECRET_ACCESS_KEY", "hunter2"},
                                    {"CORS_ALLOWED_ORIGINS", "[]"},
                                    {"CACHE_TTL_SECOND", "3"}});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_THAT(
      start.warnings,
      ElementsAre(HasSubstr("unknown variable HORDE_MODEL_REFERENCE_CACHE_TTL_SECOND, did you "
                            "mean \"HORDE_MODEL_REFERENCE_CACHE_TTL_SECONDS\"?"),
                  HasSubstr("CORS_ALLOWED_ORIGINS has no meaning here"),
                  AllOf(HasSubstr("has no meaning here"), Not(HasSubstr("hunter2")))));
}

TEST(EnvTableTest, EmptyVariablesCountAsUnset) {
  const StartDecision start = Load({{"REPLICATE_MODE", ""}, {"CACHE_TTL_SECONDS", ""}});
  EXPECT_TRUE(start.config.has_value()) << start.err;
}

}  // namespace
}  // namespace modelref
