#include "clients/modelrefctl/yaml.h"

#include <gtest/gtest.h>

namespace modelref::ctl {
namespace {

std::string Yaml(absl::string_view json) {
  const absl::StatusOr<Json> value = ParseJson(json);
  EXPECT_TRUE(value.ok()) << value.status();
  return FormatYaml(*value);
}

TEST(YamlTest, WritesBlocksInStoredOrder) {
  EXPECT_EQ(Yaml(R"({"b":{"z":1.50,"x":[1,"two",{"k":true,"l":null},[3]]},"a":[],"c":{}})"),
            "b:\n"
            "  z: 1.50\n"
            "  x:\n"
            "    - 1\n"
            "    - two\n"
            "    - k: true\n"
            "      l: null\n"
            "    -\n"
            "      - 3\n"
            "a: []\n"
            "c: {}\n");
}

TEST(YamlTest, StringsThatLookLikeSomethingElseAreQuoted) {
  EXPECT_EQ(Yaml(R"(["true","No","null","1.0","0x1f","2026-01-02","~","","a: b","- x","#c","é"])"),
            "- \"true\"\n- \"No\"\n- \"null\"\n- \"1.0\"\n- \"0x1f\"\n- \"2026-01-02\"\n"
            "- \"~\"\n- \"\"\n- \"a: b\"\n- \"- x\"\n- \"#c\"\n- \"é\"\n");
}

TEST(YamlTest, ControlCharactersAndSurrogatesAreEscaped) {
  EXPECT_EQ(Yaml(R"("a\nb\t\"\\\u0001\u0085\u2028\ud800")"),
            "\"a\\nb\\t\\\"\\\\\\x01\\x85\\u2028\\ud800\"\n");
}

TEST(YamlTest, NumbersKeepTheirLexeme) {
  EXPECT_EQ(Yaml("[1e5,12345678901234567890,-0.0]"), "- 1e5\n- 12345678901234567890\n- -0.0\n");
}

TEST(YamlTest, MembersOfADocumentStandOnTheirOwn) {
  EXPECT_EQ(FormatYamlMember("a model: x", *ParseJson(R"({"nsfw":false})")),
            "\"a model: x\":\n  nsfw: false\n");
  EXPECT_EQ(FormatYamlMember("m", *ParseJson("[]")), "m: []\n");
}

}  // namespace
}  // namespace modelref::ctl
