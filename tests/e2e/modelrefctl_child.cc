#include "tests/e2e/modelrefctl_child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "gtest/gtest.h"
#include "tests/testing/event.h"
#include "tests/testing/paths.h"

extern char** environ;

namespace modelref::testing {
namespace {

std::string Bin() { return testing::BinaryDir() + "/bin"; }

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

int ShellStatus(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Child::Child(const std::string& program, const std::vector<std::string>& arguments,
             const std::vector<std::pair<std::string, std::string>>& variables) {
  const std::string path =
      absl::StartsWith(program, "/") ? program : absl::StrCat(Bin(), "/", program);
  std::vector<std::string> words = {path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!absl::StartsWith(*entry, "MODELREF_")) environment.emplace_back(*entry);
  }
  // No context of whoever runs the tests.
  environment.push_back(absl::StrCat("XDG_CONFIG_HOME=", dir_.path()));
  for (const auto& [name, value] : variables) environment.push_back(absl::StrCat(name, "=", value));
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, dir_.PathOf("out").c_str(), flags, 0600);
  posix_spawn_file_actions_addopen(&files, 2, dir_.PathOf("err").c_str(), flags, 0600);
  const int error = posix_spawn(&pid_, path.c_str(), &files, nullptr, Pointers(words).data(),
                                Pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  EXPECT_EQ(error, 0) << path;
  ended_ = error != 0;
}

Child::~Child() {
  if (ended_) return;
  Signal(SIGKILL);
  Wait();
}

void Child::Signal(int number) const { kill(pid_, number); }

int Child::Wait() {
  rusage usage{};
  while (!ended_) {
    if (wait4(pid_, &status_, 0, &usage) == pid_ || errno != EINTR) ended_ = true;
    cpu_time_ =
        absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
  }
  return ShellStatus(status_);
}

bool Child::WaitForText(const std::string& file, const std::string& text) {
  const absl::Time deadline = RealClock().TimeNow() + kDeadline;
  Mutex mutex;
  CondVar never;
  while (!absl::StrContains(dir_.Read(file), text)) {
    if (!ended_ && waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
    if (ended_) return absl::StrContains(dir_.Read(file), text);
    if (RealClock().TimeNow() > deadline) return false;
    // Files tell nobody when they grow.
    MutexLock lock(&mutex);
    never.WaitFor(&mutex, absl::Milliseconds(5));
  }
  return true;
}

ShellResult RunShell(const std::string& line) {
  Child shell("/bin/sh", {"-c", absl::StrCat("PATH=", Bin(), ":$PATH; ", line)});
  ShellResult result;
  result.code = shell.Wait();
  result.out = shell.out();
  result.err = shell.err();
  return result;
}

}  // namespace modelref::testing
