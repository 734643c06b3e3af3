// Types what the README tells its reader to type, against the real programs and a copy of the
// sample catalogue, and compares what they print with what the README shows.

#include "tests/e2e/readme_commands.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/paths.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST(ReadCommandsTest, FindsCommandsWithTheirOutputInConsoleBlocksOnly) {
  const std::vector<ReadmeCommand> commands =
      ReadCommands("$ no\n```sh\n$ no\n```\n```console\n$ a \\\n    b\none\ntwo\n$ c\n```\n$ no\n");
  ASSERT_THAT(commands, SizeIs(2));
  EXPECT_EQ(commands[0].command, "a     b");
  EXPECT_EQ(commands[0].line, 6);
  EXPECT_THAT(commands[0].output, ElementsAre("one", "two"));
  EXPECT_EQ(commands[1].command, "c");
  EXPECT_THAT(commands[1].output, SizeIs(0));
}

TEST(OutputMatchesTest, DotsStandForTextAndForLines) {
  EXPECT_TRUE(OutputMatches({"a", "b … d"}, {"a ", "b c d"}));
  EXPECT_TRUE(OutputMatches({"a", "…", "z"}, {"a", "b", "c", "z"}));
  EXPECT_TRUE(OutputMatches({"…"}, {}));
  EXPECT_FALSE(OutputMatches({"a"}, {"b"}));
  EXPECT_FALSE(OutputMatches({"a"}, {"a", "b"}));
  EXPECT_FALSE(OutputMatches({"a", "b"}, {"a"}));
  EXPECT_FALSE(OutputMatches({"a…c"}, {"a b"}));
  EXPECT_FALSE(OutputMatches({"…", "z"}, {"a", "b"}));
}

std::string ReadFile(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

struct Closer {
  void operator()(FILE* pipe) const { pclose(pipe); }
};
using Pipe = std::unique_ptr<FILE, Closer>;

// False at the end of what the command prints.
bool ReadLine(FILE* pipe, std::string* line) {
  line->clear();
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    if (c == '\n') return true;
    line->push_back(static_cast<char>(c));
  }
  return !line->empty();
}

std::vector<std::string> ReadLines(FILE* pipe) {
  std::vector<std::string> lines;
  for (std::string line; ReadLine(pipe, &line);) lines.push_back(line);
  return lines;
}

// Starts a shell command in `folder`; it is interrupted after 30 s.
Pipe Open(const fs::path& folder, const std::string& command) {
  const std::string quoted = absl::StrReplaceAll(command, {{"'", R"('\'')"}});
  const std::string all = absl::StrCat("cd '", folder.string(),
                                       "' && exec timeout -s INT 30 sh -c '", quoted, "' 2>&1");
  return Pipe(popen(all.c_str(), "r"));
}

std::vector<ReadmeCommand> CommandsOfTheReadme() {
  return ReadCommands(ReadFile(fs::path(testing::SourceDir()) / "README.md"));
}

// A folder in which the relative paths of the README lead to this build and to data of its own, and
// a server on that data.
class ReadmeCommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "readme-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    fs::create_directory(folder_ / ".dev");
    fs::copy(fs::path(testing::SourceDir()) / "deploy/sample-catalogue", data());
    fs::remove(data() / "README.md");
    fs::create_directory_symlink(testing::BinaryDir(), folder_ / "build");
    const std::string address = absl::StrCat("unix:", folder, "/socket");
    setenv("MODELREF_SERVER", address.c_str(), 1);
    StartServer(address);
    ASSERT_TRUE(WaitUntilItServes());
  }

  void TearDown() override {
    if (server_ != 0) {
      int status = 0;
      kill(server_, SIGTERM);
      waitpid(server_, &status, 0);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    unsetenv("MODELREF_SERVER");
    fs::remove_all(folder_);
  }

  fs::path data() const { return folder_ / ".dev/data"; }

  // Runs a watch until it has printed what is shown. A watch says nothing when it begins, so a
  // model is edited again whenever nothing came for a second.
  std::vector<std::string> Watch(const ReadmeCommand& command) {
    // The shell tells its process id, which then is that of the watch.
    const Pipe pipe = Open(folder_, absl::StrCat("echo $$; exec ", command.command));
    std::setvbuf(pipe.get(), nullptr, _IONBF, 0);  // What poll() says must hold for ReadLine too.
    std::string process;
    int watch = 0;
    if (!ReadLine(pipe.get(), &process) || !absl::SimpleAtoi(process, &watch)) return {process};
    std::vector<std::string> lines;
    for (int edits = 0; edits < 20 && !OutputMatches(command.output, lines);) {
      pollfd readable = {fileno(pipe.get()), POLLIN, 0};
      if (poll(&readable, 1, 1000) == 0) {
        EditAModel(++edits);
        continue;
      }
      std::string line;
      if (!ReadLine(pipe.get(), &line)) break;
      lines.push_back(line);
    }
    kill(watch, SIGINT);
    return lines;
  }

  fs::path folder_;

 private:
  bool WaitUntilItServes() const {
    for (int attempt = 0; attempt < 300; ++attempt) {
      const Pipe answer = Open(folder_, "build/bin/modelrefctl health -o plain");
      const std::vector<std::string> lines = ReadLines(answer.get());
      if (!lines.empty() && lines[0] == "SERVING") return true;
      poll(nullptr, 0, 100);
    }
    return false;
  }

  void StartServer(const std::string& address) {
    const std::string program = absl::StrCat(testing::BinaryDir(), "/bin/modelrefd");
    const std::string data_dir = data().string();
    const char* const arguments[] = {
        program.c_str(),  "--data-dir",  data_dir.c_str(), "--listen", address.c_str(),
        "--admin-listen", "127.0.0.1:0", "--log-level",    "error",    nullptr};
    ASSERT_EQ(posix_spawn(&server_, program.c_str(), nullptr, nullptr,
                          const_cast<char* const*>(arguments), environ),
              0);
  }

  void EditAModel(int edit) const {
    const fs::path file = data() / "stable_diffusion.json";
    const fs::path sample =
        fs::path(testing::SourceDir()) / "deploy/sample-catalogue/stable_diffusion.json";
    std::ofstream(file.string() + ".new") << absl::StrReplaceAll(
        ReadFile(sample), {{"A calm generalist", absl::StrCat("Edit ", edit, " of a generalist")}});
    fs::rename(file.string() + ".new", file);
  }

  pid_t server_ = 0;
};

TEST_F(ReadmeCommandsTest, PrintWhatTheReadmeShows) {
  int compared = 0;
  for (const ReadmeCommand& command : CommandsOfTheReadme()) {
    if (!absl::StrContains(command.command, "modelrefctl")) continue;
    SCOPED_TRACE(absl::StrCat("README.md:", command.line, ": ", command.command));
    const std::vector<std::string> actual = absl::StrContains(command.command, "modelrefctl watch")
                                                ? Watch(command)
                                                : ReadLines(Open(folder_, command.command).get());
    EXPECT_TRUE(OutputMatches(command.output, actual))
        << "shown:\n"
        << absl::StrJoin(command.output, "\n") << "\nprinted:\n"
        << absl::StrJoin(actual, "\n");
    ++compared;
  }
  EXPECT_GE(compared, 3);
}

TEST(ReadmeDevCommandsTest, EveryVerbExists) {
  const std::vector<std::string> help = ReadLines(Open(testing::SourceDir(), "./dev help").get());
  for (const ReadmeCommand& command : CommandsOfTheReadme()) {
    if (!absl::StartsWith(command.command, "./dev ")) continue;
    const std::vector<std::string> words = absl::StrSplit(command.command, ' ');
    EXPECT_THAT(help, ::testing::Contains(::testing::StartsWith(absl::StrCat("  ", words[1]))))
        << "README.md:" << command.line;
  }
}

}  // namespace
}  // namespace modelref
