#include "clients/modelrefctl/help.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/modelrefctl/command_line.h"
#include "clients/modelrefctl/command_table.h"
#include "tests/clients/modelrefctl/ctl_runner.h"
#include "tests/testing/status_matchers.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::IsOk;

// The words of an example as a shell takes them: quotes group, redirections end them.
std::vector<std::string> ShellWords(const std::string& line) {
  std::vector<std::string> words(1);
  char quote = 0;
  for (const char c : line) {
    if (quote == 0 && (c == '>' || c == ';' || c == '|')) break;
    if (c == '\'' || c == '"') {
      quote = quote == 0 ? c : 0;
    } else if (c == ' ' && quote == 0) {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back().push_back(c);
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

// The two lines below "Examples:".
std::vector<std::string> ExamplesOf(const std::string& help) {
  const std::vector<std::string> lines = absl::StrSplit(help, '\n');
  EXPECT_EQ(lines[0], "Examples:");
  EXPECT_EQ(lines[3], "");
  return {lines[1], lines[2]};
}

void ExpectRunnable(const std::string& example) {
  std::vector<std::string> words = ShellWords(example);
  while (!words.empty() && absl::StrContains(words[0], "=")) words.erase(words.begin());
  ASSERT_FALSE(words.empty()) << example;
  EXPECT_EQ(words[0], "modelrefctl") << example;
  words.erase(words.begin());
  EXPECT_THAT(ParseCommandLine(words), IsOk()) << example;
}

TEST(HelpTest, EveryHelpBeginsWithTwoExamplesThatParse) {
  std::vector<std::vector<std::string>> all = {{}};
  for (const CommandSpec& command : Commands()) all.push_back(absl::StrSplit(command.path, ' '));
  for (const std::string& noun : Nouns()) all.push_back({noun});
  for (const std::vector<std::string>& words : all) {
    for (const std::string& example : ExamplesOf(HelpFor(words))) ExpectRunnable(example);
  }
  for (const std::string& topic : HelpTopics()) {
    for (const std::string& example : ExamplesOf(HelpTopic(topic))) ExpectRunnable(example);
  }
}

TEST(HelpTest, CommandsAreNamedInTheirOwnExamplesAndInTheOverview) {
  const std::string overview = HelpFor({});
  for (const CommandSpec& command : Commands()) {
    const std::string path(command.path);
    EXPECT_TRUE(absl::StrContains(command.first_example, path) ||
                absl::StrContains(command.second_example, path))
        << path;
    EXPECT_TRUE(absl::StrContains(overview, path)) << path;
  }
}

TEST(HelpTest, LinesFitATerminal) {
  for (const CommandSpec& command : Commands()) {
    for (const absl::string_view line : absl::StrSplit(command.details, '\n')) {
      EXPECT_LE(line.size(), 96u) << line;
    }
  }
}

TEST(HelpTest, DashDashHelpAndHelpSayTheSameWithExitCodeZero) {
  CtlRunner runner;
  const CtlResult flag = runner.Run({"model", "list", "--help"});
  const CtlResult command = runner.Run({"help", "model", "list"});
  EXPECT_EQ(flag.code, 0);
  EXPECT_EQ(flag.err, "");
  EXPECT_EQ(flag.out, command.out);
  EXPECT_TRUE(absl::StrContains(flag.out, "--min-parameters N")) << flag.out;
}

TEST(HelpTest, UnknownTopicIsAnsweredWithTheNearest) {
  CtlRunner runner;
  const CtlResult result = runner.Run({"help", "exit-code"});
  EXPECT_EQ(result.code, 2);
  EXPECT_TRUE(absl::StrContains(result.err, "did you mean \"exit-codes\"?")) << result.err;
  EXPECT_EQ(result.out, "");
}

TEST(HelpTest, VersionIsOneLine) {
  CtlRunner runner;
  const CtlResult result = runner.Run({"--version"});
  EXPECT_EQ(result.code, 0);
  EXPECT_TRUE(absl::StartsWith(result.out, "modelrefctl 0.")) << result.out;
  EXPECT_EQ(runner.Run({"version"}).out, result.out);
}

}  // namespace
}  // namespace modelref::ctl
