#include "clients/modelrefctl/completion.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/modelrefctl/command_table.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::TempDir;

// What a shell command prints.
std::string OutputOf(const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), count);
  }
  EXPECT_EQ(pclose(pipe), 0) << command << "\n" << output;
  return output;
}

// The words that bash offers behind `line`, whose last word is being typed. A stand-in for the
// program answers the script's questions.
std::string Complete(const TempDir& dir, const std::string& line) {
  dir.Write("script.bash", CompletionScript("bash"));
  dir.Write("ask.bash",
            absl::StrCat("source ", dir.PathOf("script.bash"), "\n",
                         "modelrefctl() { local IFS=' '; case \"$*\" in\n"
                         "  'category list -o name'*) printf '%s\\n' controlnet clip ;;\n"
                         "  'model list controlnet -o name'*) printf '%s\\n' 'a model' b ;;\n"
                         "esac; }\n",
                         "COMP_WORDS=(", line, ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n",
                         "_modelrefctl\nprintf '%s,' \"${COMPREPLY[@]}\"\n"));
  return OutputOf(absl::StrCat("bash ", dir.PathOf("ask.bash"), " 2>&1"));
}

TEST(CompletionTest, ScriptsAreAcceptedByTheirShells) {
  TempDir dir;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = CompletionScript(shell);
    ASSERT_FALSE(script.empty()) << shell;
    dir.Write(shell, script);
    if (system(absl::StrCat("command -v ", shell, " >/dev/null").c_str()) != 0) continue;
    EXPECT_EQ(OutputOf(absl::StrCat(shell, " -n ", dir.PathOf(shell), " 2>&1")), "") << shell;
  }
  EXPECT_EQ(CompletionScript("powershell"), "");
}

TEST(CompletionTest, EveryCommandAndFlagIsInEveryScript) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = CompletionScript(shell);
    for (const CommandSpec& command : Commands()) {
      for (const FlagSpec& flag : command.flags) {
        EXPECT_TRUE(absl::StrContains(script, flag.name)) << shell << " " << flag.name;
      }
    }
  }
}

TEST(CompletionTest, BashOffersCommandsFlagsAndChoices) {
  TempDir dir;
  EXPECT_EQ(Complete(dir, "modelrefctl ca"), "category,");
  EXPECT_EQ(Complete(dir, "modelrefctl category ''"),
            "list,get,stats,metadata,held,accept,import,");
  EXPECT_EQ(Complete(dir, "modelrefctl --server localhost:1 category g"), "get,");
  EXPECT_EQ(Complete(dir, "modelrefctl category get --r"), "--raw,--representation,");
  EXPECT_EQ(Complete(dir, "modelrefctl category list -o js"), "json,jsonl,");
  EXPECT_EQ(Complete(dir, "modelrefctl health --format na"), "nagios,");
}

TEST(CompletionTest, BashAsksTheServerForCategoriesAndModels) {
  TempDir dir;
  EXPECT_EQ(Complete(dir, "modelrefctl category get c"), "controlnet,clip,");
  EXPECT_EQ(Complete(dir, "modelrefctl model get controlnet ''"), "a\\ model,b,");
  EXPECT_EQ(Complete(dir, "modelrefctl watch clip co"), "controlnet,");
}

}  // namespace
}  // namespace modelref::ctl
