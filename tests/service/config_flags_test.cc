#include "service/config_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/base/failpoint.h"
#include "service/config.h"

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

TEST(ConfigFlagsTest, AMisspeltFlagIsToldWithASuggestion) {
  EXPECT_THAT(ParseFlags({"--data-dri", "x"}).errors,
              ElementsAre("unknown flag --data-dri, did you mean \"--data-dir\"?",
                          "unexpected argument \"x\": modelrefd takes flags only"));
  EXPECT_THAT(ParseFlags({"--qqqqqq"}).errors, ElementsAre("unknown flag --qqqqqq"));
}

TEST(ConfigFlagsTest, ValuesFollowWithEqualsOrAsTheNextWord) {
  const ParsedFlags flags = ParseFlags({"--data_dir=/a=b", "--node-id", "n"});
  ASSERT_THAT(flags.errors, IsEmpty());
  ASSERT_EQ(flags.settings.size(), 2u);
  EXPECT_EQ(flags.settings[0].path, "data_dir");
  EXPECT_EQ(flags.settings[0].text, "/a=b");
  EXPECT_EQ(flags.settings[1].text, "n");
}

TEST(ConfigFlagsTest, AMissingValueIsToldWithItsForm) {
  EXPECT_THAT(ParseFlags({"--data-dir"}).errors,
              ElementsAre("--data-dir needs a value: --data-dir DIR"));
  EXPECT_THAT(ParseFlags({"--data-dir", "--offline"}).errors,
              ElementsAre("--data-dir needs a value: --data-dir DIR"));
  EXPECT_THAT(ParseFlags({"--help=yes"}).errors, ElementsAre("--help takes no value"));
}

TEST(ConfigFlagsTest, ASwitchMayBeTurnedOff) {
  const StartDecision start =
      Load({"--data-dir=/d", "--offline=false"}, {{"MODELREF_OFFLINE", "true"}});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_FALSE(start.config->offline());
}

TEST(ConfigFlagsTest, AnySettingCanBeGivenByItsPath) {
  const StartDecision start =
      Load({"--data-dir=/d", "--set", "limits.streams=123", "--set=limits.record_bytes=64KiB"});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_EQ(start.config->limits().streams(), 123u);
  EXPECT_EQ(start.config->limits().record_bytes(), 64u << 10);
  EXPECT_THAT(Load({"--data-dir=/d", "--set", "limits.strems=1"}).err,
              HasSubstr("limits.strems: unknown setting, did you mean \"limits.streams\"?"));
  EXPECT_THAT(Load({"--data-dir=/d", "--set", "limits=1"}).err, HasSubstr("limits: unknown"));
  EXPECT_THAT(Load({"--data-dir=/d", "--set", "limits"}).err, HasSubstr("needs FIELD=VALUE"));
}

TEST(ConfigFlagsTest, HelpListsEveryFlagAfterTwoExamples) {
  const StartDecision start = Load({"--help", "--nonsense"});
  EXPECT_EQ(start.exit_code, 0);
  EXPECT_THAT(start.out, HasSubstr("Examples:\n  modelrefd --data-dir ./data\n"));
  for (const FlagRow& row : FlagTable()) {
    EXPECT_THAT(start.out, HasSubstr(std::string(row.name)));
    EXPECT_THAT(start.out, HasSubstr(std::string(row.variable)));
  }
  for (const absl::string_view line : {"the directory of the catalogue"}) {
    EXPECT_THAT(start.out, HasSubstr(std::string(line)));
  }
}

TEST(ConfigFlagsTest, EveryFlagOfASettingNamesOneThatExists) {
  v1::ServerConfig config = DefaultConfig();
  for (const FlagRow& row : FlagTable()) {
    if (row.path.empty()) continue;
    EXPECT_NE(FindConfigField(&config, row.path).field, nullptr) << row.name;
  }
}

TEST(ConfigFlagsTest, VersionIsOneLine) {
  const StartDecision start = Load({"--version"});
  EXPECT_EQ(start.exit_code, 0);
  EXPECT_EQ(start.out, "modelrefd " + std::string(ProgramVersion()) +
                           (FailpointsBuilt() ? " with failpoints\n" : "\n"));
}

TEST(ConfigFlagsTest, PrintConfigShowsValueAndOrigin) {
  const StartDecision start =
      Load({"--print-config", "--data-dir=/d"},
           {{"MODELREF_LOG_LEVEL", "error"}, {"HORDE_MODEL_REFERENCE_CACHE_TTL_SECONDS", "90"}});
  EXPECT_EQ(start.exit_code, 0);
  EXPECT_FALSE(start.config.has_value());
  EXPECT_THAT(start.out, HasSubstr("data_dir = \"/d\"  # flag --data-dir\n"));
  EXPECT_THAT(start.out, HasSubstr("log.level = \"error\"  # environment MODELREF_LOG_LEVEL\n"));
  EXPECT_THAT(start.out, HasSubstr("cache.ttl = \"1m30s\"  # environment HORDE_MODEL_REFERENCE_"
                                   "CACHE_TTL_SECONDS\n"));
  EXPECT_THAT(start.out, HasSubstr("limits.json_depth = 64  # default\n"));
  EXPECT_THAT(start.out, HasSubstr("store.history_retain = null  # default\n"));
  EXPECT_THAT(start.out, HasSubstr("listen = [\"127.0.0.1:50051\"]  # default\n"));
}

TEST(ConfigFlagsTest, PasswordsAreNeverPrinted) {
  const Environment environment = {
      {"HORDE_MODEL_REFERENCE_REDIS__URL", "redis://me:hunter2@host:1/0?password=hunter2"},
      {"REDIS_URL", "redis://:hunter2@host/p@th"}};
  const StartDecision printed = Load({"--print-config", "--data-dir=/d"}, environment);
  EXPECT_EQ(printed.exit_code, 0) << printed.err;
  EXPECT_THAT(printed.out, AllOf(HasSubstr("redis.url = \"redis://***@host:1/0?***\""),
                                 Not(HasSubstr("hunter2"))));
  Environment refused = environment;
  refused["HORDE_MODEL_REFERENCE_REDIS__USE_REDIS"] = "true";
  EXPECT_THAT(Load({"--data-dir=/d"}, refused).err,
              AllOf(HasSubstr("redis.enabled"), Not(HasSubstr("hunter2"))));
  refused["HORDE_MODEL_REFERENCE_REDIS__URL"] += "\n";
  EXPECT_THAT(Load({"--data-dir=/d"}, refused).err,
              AllOf(HasSubstr("redis.url: must be UTF-8"), Not(HasSubstr("hunter2"))));
}

TEST(ConfigFlagsTest, CheckConfigStartsNothingAndTellsWarnings) {
  const StartDecision good = Load({"--check-config", "--data-dir=/d"}, {{"LOGS_FOLDER", "/l"}});
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_FALSE(good.config.has_value());
  EXPECT_THAT(good.out, HasSubstr("the configuration is good"));
  EXPECT_THAT(good.err, HasSubstr("warning: LOGS_FOLDER has no meaning here"));
  EXPECT_EQ(Load({"--check-config", "--mode=x"}).exit_code, 2);
}

TEST(ConfigFlagsTest, UnknownVariablesOfOursAreWarnedAbout) {
  const StartDecision start =
      Load({"--data-dir=/d"},
           {{"MODELREF_LISTN", "h:1"}, {"MODELREF_SERVER", "h:1"}, {kFailpointsVariable, "x=log"}});
  ASSERT_TRUE(start.config.has_value()) << start.err;
  EXPECT_THAT(start.warnings,
              ElementsAre("unknown variable MODELREF_LISTN, did you mean \"MODELREF_LISTEN\"?"));
}

}  // namespace
}  // namespace modelref
