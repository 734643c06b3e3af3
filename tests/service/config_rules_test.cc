#include "service/config_rules.h"

#include <gtest/gtest.h>

#include <set>

#include "service/config_value.h"

namespace modelref {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

TEST(ConfigRulesTest, EveryNumberAndDurationHasARange) {
  std::set<std::string> numbers;
  std::set<std::string> durations;
  for (const NumberRange& range : NumberRanges()) numbers.emplace(range.path);
  for (const DurationRange& range : DurationRanges()) durations.emplace(range.path);
  VisitConfig(DefaultConfig(),
              [&](const std::string& path, const Message&, const FieldDescriptor& field) {
                if (IsDurationField(field)) {
                  EXPECT_EQ(durations.erase(path), 1u) << path;
                } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ||
                           field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
                  EXPECT_EQ(numbers.erase(path), 1u) << path;
                }
              });
  EXPECT_TRUE(numbers.empty()) << *numbers.begin();
  EXPECT_TRUE(durations.empty()) << *durations.begin();
}

TEST(ConfigRulesTest, DefaultsMeetEveryRuleButTheMissingDirectory) {
  ConfigBuilder builder(DefaultConfig());
  std::vector<std::string> warnings;
  CheckReplica(&builder, &warnings);
  CheckRanges(&builder);
  CheckSettings(&builder, &warnings);
  CheckUnbuilt(&builder, &warnings);
  ASSERT_EQ(builder.violations().size(), 1u);
  EXPECT_EQ(builder.violations()[0].field, "data_dir");
  EXPECT_TRUE(warnings.empty());
}

TEST(ConfigRulesTest, DefaultsFillEveryMessageSoThatTheyAllPrint) {
  const v1::ServerConfig config = DefaultConfig();
  const google::protobuf::Descriptor& type = *config.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated() || field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    EXPECT_TRUE(config.GetReflection()->HasField(config, &field)) << field.name();
  }
}

TEST(ConfigRulesTest, EveryUnbuiltSettingNamesOneThatExists) {
  for (const UnbuiltSetting& setting : UnbuiltSettings()) {
    bool found = false;
    VisitConfig(DefaultConfig(), [&](const std::string& path, const Message&,
                                     const FieldDescriptor&) {
      found = found || path == setting.path || path.rfind(std::string(setting.path) + ".", 0) == 0;
    });
    EXPECT_TRUE(found) << setting.path;
  }
}

TEST(ConfigRulesTest, ResetBringsBackTheDefaultAndForgetsTheOrigin) {
  ConfigBuilder builder(DefaultConfig());
  builder.ApplyText("redis.url", "redis://x/1", {ConfigLayer::kFlag, "--set"});
  builder.ApplyText("redis.enabled", "yes", {ConfigLayer::kFlag, "--set"});
  builder.Reset("redis.url");
  EXPECT_EQ(builder.config().redis().url(), "redis://localhost:6379/0");
  EXPECT_EQ(builder.OriginOf("redis.url").layer, ConfigLayer::kDefault);
  EXPECT_TRUE(builder.config().redis().enabled());
}

TEST(ConfigRulesTest, UrlsLoseEverythingSecret) {
  EXPECT_EQ(RedactUrl("redis://localhost:6379/0"), "redis://localhost:6379/0");
  EXPECT_EQ(RedactUrl("redis://:pw@h/0"), "redis://***@h/0");
  EXPECT_EQ(RedactUrl("redis://u:p@ss/w@h/0"), "redis://***@h/0");
  EXPECT_EQ(RedactUrl("https://h/x?token=abc"), "https://h/x?***");
  EXPECT_EQ(RedactUrl("/just/a/path@home"), "/just/a/path@home");
}

}  // namespace
}  // namespace modelref
