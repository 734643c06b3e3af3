#include "service/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "service/config_builder.h"
#include "service/config_durations.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Environment = std::map<std::string, std::string>;

StartDecision Load(std::vector<std::string> arguments, Environment environment = {}) {
  return LoadConfig({std::move(arguments), std::move(environment)});
}

// With a data directory, so that nothing else is missing.
StartDecision LoadFile(const testing::TempDir& dir, absl::string_view json,
                       std::vector<std::string> arguments = {}, Environment environment = {}) {
  dir.Write("modelref.json", json);
  arguments.insert(arguments.end(), {"--data-dir", "/d", "--config", dir.PathOf("modelref.json")});
  return Load(std::move(arguments), std::move(environment));
}

TEST(ConfigTest, OnlyADataDirectoryIsRequired) {
  const StartDecision start = Load({"--data-dir", "/srv/catalogue"});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_EQ(start.config->data_dir(), "/srv/catalogue");
  EXPECT_THAT(start.config->listen(), ElementsAre("127.0.0.1:50051"));
  EXPECT_EQ(start.config->admin_listen(), "127.0.0.1:9090");
  EXPECT_EQ(start.config->mode(), v1::MODE_PRIMARY);
  EXPECT_EQ(start.config->canonical_format(), v1::FORMAT_V2);
  EXPECT_EQ(FromProtoDuration(start.config->cache().ttl()), absl::Seconds(60));
  EXPECT_EQ(start.config->limits().streams(), 50'000u);
  // Below the age at which connections end, with its jitter.
  EXPECT_EQ(FromProtoDuration(start.config->watch().max_age()), absl::Minutes(25));
  EXPECT_THAT(start.config->node_id(), Not(IsEmpty()));
  EXPECT_THAT(start.warnings, IsEmpty());
}

TEST(ConfigTest, AMissingDataDirectoryIsToldWithWhatToDo) {
  const StartDecision start = Load({});
  EXPECT_FALSE(start.config.has_value());
  EXPECT_EQ(start.exit_code, 2);
  EXPECT_THAT(start.err, HasSubstr("data_dir: is required: give --data-dir DIR"));
}

TEST(ConfigTest, FlagWinsOverEnvironmentOverFileOverDefault) {
  const testing::TempDir dir;
  const absl::string_view file =
      R"({"cache":{"ttl":"10s"},"log":{"level":"error"},"listen":["127.0.0.1:1"]})";
  const StartDecision start =
      LoadFile(dir, file, {"--cache-ttl=30s"},
               {{"MODELREF_CACHE_TTL", "20s"}, {"MODELREF_LOG_LEVEL", "debug"}});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_EQ(FromProtoDuration(start.config->cache().ttl()), absl::Seconds(30));
  EXPECT_EQ(start.config->log().level(), v1::LOG_LEVEL_DEBUG);
  EXPECT_THAT(start.config->listen(), ElementsAre("127.0.0.1:1"));
  EXPECT_EQ(FromProtoDuration(start.config->cache().refresh_ahead()), absl::Seconds(10));
}

TEST(ConfigTest, OurVariableWinsOverThatOfTheOriginal) {
  const StartDecision start =
      Load({}, {{"AIWORKER_CACHE_HOME", "/cache"}, {"MODELREF_DATA_DIR", "/ours"}});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_EQ(start.config->data_dir(), "/ours");
}

TEST(ConfigTest, EverythingWrongIsReportedAtOnceWithItsPath) {
  const testing::TempDir dir;
  const StartDecision start = LoadFile(dir, R"({
    "mode": "leader", "limits": {"streams": 0, "record_bytes": "1MB", "streems": 3},
    "cache": {"ttl": "soon"}, "listen": "127.0.0.1:1", "tls": 7, "node_id": "a b",
    "categories": [{"name": "lora"}, {"name": "Bad"}, 3]})",
                                       {"--speed=9"}, {{"MODELREF_OFFLINE", "perhaps"}});
  EXPECT_FALSE(start.config.has_value());
  EXPECT_EQ(start.exit_code, 2);
  EXPECT_THAT(start.err, HasSubstr("unknown flag --speed"));
  EXPECT_THAT(start.err, HasSubstr("mode: must be one of primary, replica"));
  EXPECT_THAT(start.err, HasSubstr("limits.streams: must be 1 to 1000000"));
  EXPECT_THAT(start.err, HasSubstr("limits.record_bytes: must be a number of bytes"));
  EXPECT_THAT(start.err, HasSubstr("limits.streems: unknown setting, did you mean \"streams\"?"));
  EXPECT_THAT(start.err, HasSubstr("cache.ttl: must be a duration"));
  EXPECT_THAT(start.err, HasSubstr("listen: must be an array of strings"));
  EXPECT_THAT(start.err, HasSubstr("tls: must be an object"));
  EXPECT_THAT(start.err, HasSubstr("node_id: must be at most 64 letters"));
  EXPECT_THAT(start.err, HasSubstr("categories[0]: is built in"));
  EXPECT_THAT(start.err, HasSubstr("categories[1]: "));
  EXPECT_THAT(start.err, HasSubstr("categories[2]: must be an object"));
  EXPECT_THAT(start.err, HasSubstr("offline: must be true or false"));
}

TEST(ConfigTest, SizesAndDurationsAndEnumsHaveTheirWrittenForms) {
  const testing::TempDir dir;
  const StartDecision start = LoadFile(dir, R"({
    "limits": {"record_bytes": "2MiB", "document_bytes": 1073741824},
    "watch": {"max_age": "1m30s"}, "cache": {"ttl": null},
    "canonical_format": "FORMAT_LEGACY", "log": {"level": "warning"}})");
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_EQ(start.config->limits().record_bytes(), 2u << 20);
  EXPECT_EQ(start.config->limits().document_bytes(), 1u << 30);
  EXPECT_EQ(FromProtoDuration(start.config->watch().max_age()), absl::Seconds(90));
  EXPECT_FALSE(start.config->cache().has_ttl());
  EXPECT_EQ(start.config->canonical_format(), v1::FORMAT_LEGACY);
  EXPECT_EQ(start.config->log().level(), v1::LOG_LEVEL_WARNING);
}

TEST(ConfigTest, NumbersOutsideTheirTypeAreRefused) {
  const testing::TempDir dir;
  for (const char* number : {"-1", "1.5", "4294967296", "99999999999999999999", "1e3", "\"7\""}) {
    const StartDecision start =
        LoadFile(dir, absl::StrCat(R"({"limits":{"streams":)", number, "}}"));
    EXPECT_THAT(start.err, HasSubstr("limits.streams: must be ")) << number;
  }
}

TEST(ConfigTest, ListensOnManyAddressesOfEveryKind) {
  const StartDecision start = Load({"--data-dir=/d", "--listen", "0.0.0.0:50051", "--listen",
                                    "[::1]:50051", "--listen", "unix:/run/modelref.sock"});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_THAT(start.config->listen(),
              ElementsAre("0.0.0.0:50051", "[::1]:50051", "unix:/run/modelref.sock"));
}

TEST(ConfigTest, BadAddressesAreRefused) {
  for (const char* address : {"50051", ":50051", "host:", "host:65536", "host:-1", "::1:50051",
                              "a b:1", "unix:", "[]:1", "host:1x"}) {
    EXPECT_EQ(Load({"--data-dir=/d", "--listen", address}).exit_code, 2) << address;
  }
  EXPECT_THAT(Load({"--data-dir=/d", "--listen=h:1", "--listen=h:1"}).err, HasSubstr("twice"));
  EXPECT_THAT(Load({"--data-dir=/d", "--listen=h:1", "--admin-listen=h:1"}).err,
              HasSubstr("admin_listen: must differ"));
  EXPECT_EQ(Load({"--data-dir=/d", "--listen=h:0", "--admin-listen=h:0"}).exit_code, 0);
  const StartDecision without_admin = Load({"--data-dir=/d", "--admin-listen=none"});
  ASSERT_TRUE(without_admin.config.has_value()) << without_admin.err;
  EXPECT_EQ(without_admin.config->admin_listen(), "");
}

TEST(ConfigTest, AFileThatCannotBeReadIsOneLine) {
  const testing::TempDir dir;
  dir.Write("bad.json", "{\"cache\": ");
  dir.Write("list.json", "[]");
  dir.Write("large.json", std::string((1 << 20) + 1, ' '));
  EXPECT_THAT(Load({"--data-dir=/d", "--config", dir.PathOf("bad.json")}).err,
              AllOf(HasSubstr("bad.json: "), HasSubstr("line 1")));
  EXPECT_THAT(Load({"--data-dir=/d", "--config", dir.PathOf("list.json")}).err,
              HasSubstr("must be a JSON object"));
  EXPECT_THAT(Load({"--data-dir=/d", "--config", dir.PathOf("large.json")}).err,
              HasSubstr("larger than 1 MiB"));
  EXPECT_THAT(Load({"--data-dir=/d", "--config", dir.path()}).err, HasSubstr("not a regular file"));
  EXPECT_THAT(Load({"--data-dir=/d", "--config", dir.PathOf("none.json")}).err,
              HasSubstr("No such file"));
}

TEST(ConfigTest, UnbuiltFeaturesRefuseToStartInsteadOfBeingIgnored) {
  const testing::TempDir dir;
  for (const char* json :
       {R"({"redis":{"enabled":true}})", R"({"queue":{"allow_self_approval":true}})",
        R"({"upstream":"h:1"})", R"({"lifecycle":{"store":"sqlite"}})",
        R"({"store":{"history_retain":"24h"}})", R"({"sources":{"github_seed":true}})",
        R"({"mode":"replica"})"}) {
    const StartDecision start = LoadFile(dir, json);
    EXPECT_EQ(start.exit_code, 2) << json;
    EXPECT_THAT(start.err, HasSubstr("not built yet in this version")) << json;
  }
}

TEST(ConfigTest, SettingAnUnbuiltFeatureToItsDefaultIsNoMistake) {
  const testing::TempDir dir;
  const StartDecision start =
      LoadFile(dir, R"({"redis":{"enabled":false},"audit":{"max_segment_bytes":"5MiB"}})");
  EXPECT_TRUE(start.config.has_value()) << start.err;
}

TEST(ConfigTest, KeysOfUsersGoToHordeSecretlyOrNotAtAll) {
  const testing::TempDir dir;
  for (const char* url : {"http://horde.example/api/", "ftp://horde.example/", "horde", "",
                          "https://user:password@horde.example/"}) {
    const StartDecision start =
        LoadFile(dir, absl::StrCat(R"({"auth":{"horde_lookup":true,"horde_url":")", url, R"("}})"));
    EXPECT_EQ(start.exit_code, 2) << url;
    EXPECT_THAT(start.err, HasSubstr("auth.horde_url")) << url;
  }
  for (const char* url : {"https://horde.example/api/", "http://127.0.0.1:7/api"}) {
    const StartDecision start =
        LoadFile(dir, absl::StrCat(R"({"auth":{"horde_lookup":true,"horde_url":")", url, R"("}})"));
    EXPECT_TRUE(start.config.has_value()) << url << start.err;
  }
}

TEST(ConfigTest, ListsOfCallersWhomNothingIdentifiesAreRefused) {
  const testing::TempDir dir;
  for (const char* list : {"requestor_ids", "approver_ids", "admin_ids", "worker_ids"}) {
    const std::string json = absl::StrCat(R"({"auth":{")", list, R"(":["7"]}})");
    const StartDecision start = LoadFile(dir, json);
    EXPECT_FALSE(start.config.has_value()) << list;
    EXPECT_THAT(start.err, HasSubstr(absl::StrCat("auth.", list, ": names callers")));
    EXPECT_THAT(start.err, HasSubstr("auth.horde_lookup=true"));
    EXPECT_TRUE(LoadFile(dir, json, {"--set", "auth.horde_lookup=true"}).config.has_value());
    EXPECT_TRUE(LoadFile(dir, json, {"--set", "auth.tokens_file=/t"}).config.has_value());
  }
  // As the original's environment has them.
  const Environment environment = {
      {"HORDE_MODEL_REFERENCE_PENDING_QUEUE__APPROVER_IDS", R"(["1"])"}};
  EXPECT_THAT(Load({"--data-dir", "/d"}, environment).err,
              HasSubstr("HORDE_MODEL_REFERENCE_PENDING_QUEUE__APPROVER_IDS"));
  EXPECT_TRUE(Load({"--data-dir", "/d", "--set", "auth.horde_lookup=true"}, environment)
                  .config.has_value());
}

TEST(ConfigTest, SourcesOfIdentitiesMayBeCombined) {
  const testing::TempDir dir;
  const StartDecision start =
      LoadFile(dir, R"({"auth":{"tokens_file":"/t","horde_lookup":true,"horde_cache_ttl":"30s",)"
                    R"("approver_ids":["1"],"allow_plaintext_tokens":true}})");
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_EQ(start.config->auth().tokens_file(), "/t");
  EXPECT_EQ(start.config->auth().horde_cache_ttl().seconds(), 30);
}

TEST(ConfigTest, CategoriesMayBeAdded) {
  const testing::TempDir dir;
  const StartDecision start =
      LoadFile(dir, R"({"categories":[{"name":"voice","domain":"audio","v2_file":"v.json"}]})");
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_EQ(start.config->categories(0).v2_file(), "v.json");
  for (const char* categories :
       {R"([{"name":"a"},{"name":"a"}])", R"([{"name":"a","v2_file":"../x.json"}])",
        R"([{"name":"a","domain":"smell"}])", R"([{"name":"a","purpose":"fun"}])",
        R"([{"name":"a","v2_file":"x.json"},{"name":"b","v2_file":"x.json"}])"}) {
    const StartDecision bad = LoadFile(dir, absl::StrCat(R"({"categories":)", categories, "}"));
    EXPECT_EQ(bad.exit_code, 2) << categories;
    EXPECT_THAT(bad.err, HasSubstr("categories")) << categories;
  }
}

TEST(ConfigTest, AnOfflineReplicaIsServed) {
  const StartDecision start = Load({"--data-dir=/d", "--mode=replica", "--offline"});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_TRUE(start.config->offline());
}

TEST(ConfigTest, QueueAndRedisInOurFileAreErrorsOnAReplica) {
  const testing::TempDir dir;
  const StartDecision start = LoadFile(
      dir,
      R"({"mode":"replica","offline":true,"redis":{"enabled":true},"queue":{"enabled":true}})");
  EXPECT_THAT(start.err, HasSubstr("redis.enabled: means nothing on a replica or offline"));
  EXPECT_THAT(start.err, HasSubstr("queue.enabled: means nothing on a replica or offline"));
}

TEST(ConfigTest, SettingsThatContradictEachOtherAreRefused) {
  const testing::TempDir dir;
  EXPECT_THAT(LoadFile(dir, R"({"cache":{"ttl":"5s","refresh_ahead":"5s"}})").err,
              HasSubstr("cache.refresh_ahead: must be shorter"));
  EXPECT_THAT(LoadFile(dir, R"({"queue":{"relative_subdir":"audit/queue"}})").err,
              HasSubstr("queue: must not keep its files under the audit trail"));
  EXPECT_THAT(LoadFile(dir, R"({"audit":{"relative_subdir":"../x"}})").err,
              HasSubstr("audit.relative_subdir: must be a folder below"));
  EXPECT_THAT(LoadFile(dir, R"({"tls":{"certificate_file":"/c"}})").err,
              HasSubstr("tls: needs certificate_file and private_key_file together"));
  EXPECT_THAT(LoadFile(dir, R"({"limits":{"record_bytes":"2MiB","document_bytes":"1MiB"}})").err,
              HasSubstr("limits.record_bytes: must not exceed"));
}

TEST(ConfigTest, AShortTimeToLiveAloneIsNoContradiction) {
  const StartDecision start = Load({"--data-dir=/d", "--cache-ttl=2s"});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_EQ(FromProtoDuration(start.config->cache().refresh_ahead()), absl::ZeroDuration());
}

}  // namespace
}  // namespace modelref
