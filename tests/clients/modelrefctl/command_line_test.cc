#include "clients/modelrefctl/command_line.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/status_matchers.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::StatusIs;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

TEST(CommandLineTest, FlagsMayStandAnywhere) {
  for (const Words& words : {Words{"-o", "json", "category", "list", "--quiet"},
                             Words{"category", "-ojson", "--quiet", "list"},
                             Words{"category", "list", "--quiet", "--output=json"}}) {
    ASSERT_OK_AND_ASSIGN(const CommandLine line, ParseCommandLine(words));
    EXPECT_EQ(line.command->path, "category list");
    EXPECT_EQ(line.Value("output"), "json");
    EXPECT_TRUE(line.Has("quiet"));
  }
}

TEST(CommandLineTest, ArgumentsKeepSpacesSlashesQuotesAndDashes) {
  ASSERT_OK_AND_ASSIGN(
      const CommandLine line,
      ParseCommandLine({"model", "get", "text_generation", "--", "-koboldcpp/It's a \"model\" ✓"}));
  EXPECT_EQ(line.arguments, (Words{"text_generation", "-koboldcpp/It's a \"model\" ✓"}));
}

TEST(CommandLineTest, RepeatedFlagsAndListsAddUp) {
  ASSERT_OK_AND_ASSIGN(const CommandLine line,
                       ParseCommandLine({"model", "list", "c", "--tag", "a,b", "--tag=c", "--limit",
                                         "1", "--limit", "2"}));
  EXPECT_EQ(line.Values("tag"), (Words{"a", "b", "c"}));
  EXPECT_EQ(line.Value("limit"), "2");
}

TEST(CommandLineTest, WrongWordsAreAnsweredWithTheRightOnes) {
  const std::pair<Words, std::string> cases[] = {
      {{"categroy", "list"}, "did you mean \"category\"?"},
      {{"category", "lst"}, "did you mean \"list\"?"},
      {{"category"}, "needs one of: list, get, stats"},
      {{"category", "list", "--ouptut", "json"}, "did you mean \"--output\"?"},
      {{"category", "list", "-o", "jsn"}, "did you mean \"json\"?"},
      {{"category", "list", "-o", "csv"}, "not built yet"},
      {{"category", "list", "-o", "template={{.}}"}, "not built yet"},
      {{"category", "list", "--limit", "3"}, "--limit is no flag of \"category list\""},
      {{"category", "list", "--server"}, "--server needs a value"},
      {{"category", "list", "--quiet=1"}, "--quiet takes no value"},
      {{"category", "get"}, "usage: modelrefctl category get CATEGORY"},
      {{"category", "get", "a", "b"}, "too many arguments: \"b\""},
      {{"category", "list", "--format", "v1"}, "choose one of: legacy, v2"},
      {{"category", "list", "-x"}, "unknown flag -x"},
      {{}, "no command"},
  };
  for (const auto& [words, message] : cases) {
    const auto line = ParseCommandLine(words);
    EXPECT_THAT(line, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
    EXPECT_THAT(line, HasReason("USAGE"));
  }
}

TEST(CommandLineTest, CommandsOwnFormatFlagComesFirst) {
  ASSERT_OK_AND_ASSIGN(const CommandLine line, ParseCommandLine({"--format", "nagios", "health"}));
  EXPECT_EQ(line.Value("format"), "nagios");
}

TEST(CommandLineTest, HelpWinsOverMissingArguments) {
  ASSERT_OK_AND_ASSIGN(const CommandLine line, ParseCommandLine({"category", "get", "--help"}));
  EXPECT_EQ(line.command, nullptr);
  EXPECT_EQ(line.words, (Words{"category", "get"}));
}

TEST(CommandLineTest, OutputModeOfAWrongLineIsGuessed) {
  EXPECT_EQ(GuessOutputMode({"x", "-o", "json", "--bad"}), "json");
  EXPECT_EQ(GuessOutputMode({"-ojsonl"}), "jsonl");
  EXPECT_EQ(GuessOutputMode({"--output=yaml"}), "yaml");
  EXPECT_EQ(GuessOutputMode({"--", "-o", "json"}), "");
  EXPECT_EQ(GuessOutputMode({"-o"}), "");
}

TEST(CommandTableTest, EveryFlagNameTakesAValueEverywhereOrNowhere) {
  std::map<std::string, bool> takes_value;
  for (const CommandSpec& command : Commands()) {
    std::vector<FlagSpec> flags = command.flags;
    flags.insert(flags.end(), GlobalFlags().begin(), GlobalFlags().end());
    for (const FlagSpec& flag : flags) {
      const auto [place, is_new] =
          takes_value.emplace(std::string(flag.name), !flag.value_name.empty());
      EXPECT_EQ(place->second, !flag.value_name.empty()) << flag.name;
    }
  }
}

}  // namespace
}  // namespace modelref::ctl
