#include "clients/modelrefctl/child_command.h"

#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

extern char** environ;

namespace modelref::ctl {
namespace {

absl::Status SystemError(absl::string_view what, int error) {
  return absl::InternalError(absl::StrCat("cannot ", what, ": ", strerror(error)));
}

// A file in memory that holds `input`, at its begin: unlike a pipe it never blocks either side.
int OpenInput(absl::string_view input) {
  const int fd = memfd_create("modelrefctl-event", MFD_CLOEXEC);
  if (fd < 0) return -1;
  while (!input.empty()) {
    const ssize_t written = write(fd, input.data(), input.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      close(fd);
      return -1;
    }
    input.remove_prefix(static_cast<size_t>(written));
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

std::vector<std::string> Environment(
    const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool replaced = false;
    for (const auto& [name, value] : variables) {
      replaced = replaced || absl::StartsWith(*entry, absl::StrCat(name, "="));
    }
    if (!replaced) all.emplace_back(*entry);
  }
  for (const auto& [name, value] : variables) all.push_back(absl::StrCat(name, "=", value));
  return all;
}

absl::Status WaitForChild(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return SystemError("wait for the command", errno);
  }
  if (WIFSIGNALED(status)) {
    return absl::InternalError(absl::StrCat("the command died of signal ", WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the command exited with ", WEXITSTATUS(status)));
}

// The same with nothing added, and without the secret that is in it.
std::vector<std::string> EnvironmentWithoutToken() {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!absl::StartsWith(*entry, "MODELREF_TOKEN=")) all.emplace_back(*entry);
  }
  return all;
}

std::vector<char*> PointersTo(std::vector<std::string>* words) {
  std::vector<char*> pointers;
  for (std::string& word : *words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The child starts as if from a shell: nothing blocked, SIGPIPE as usual.
void ResetSignals(posix_spawnattr_t* attributes) {
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(attributes, &signals);
  sigaddset(&signals, SIGPIPE);
  posix_spawnattr_setsigdefault(attributes, &signals);
  posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

// Runs /bin/sh -c `words` and waits for it; destroys `files`.
absl::Status RunShell(posix_spawn_file_actions_t* files, std::vector<std::string> words,
                      char* const* environment) {
  char shell[] = "/bin/sh";
  char option[] = "-c";
  std::vector<char*> arguments = {shell, option};
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  ResetSignals(&attributes);
  pid_t child = 0;
  const int error = posix_spawn(&child, shell, files, &attributes, arguments.data(), environment);
  posix_spawn_file_actions_destroy(files);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return SystemError("start the command", error);
  return WaitForChild(child);
}

}  // namespace

absl::Status RunChild(const std::string& command, absl::string_view input,
                      const std::vector<std::pair<std::string, std::string>>& variables) {
  const int stdin_fd = OpenInput(input);
  if (stdin_fd < 0) return SystemError("hand the event to the command", errno);
  const auto close_input = absl::MakeCleanup([stdin_fd] { close(stdin_fd); });
  std::vector<std::string> environment = Environment(variables);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, stdin_fd, STDIN_FILENO);
  return RunShell(&files, {command}, PointersTo(&environment).data());
}

absl::Status RunOnTerminal(const std::string& command, const std::string& argument,
                           bool has_stdout) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  // stdout is for data.
  if (!has_stdout) posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  std::vector<std::string> environment = EnvironmentWithoutToken();
  return RunShell(&files, {absl::StrCat(command, " \"$@\""), "sh", argument},
                  PointersTo(&environment).data());
}

}  // namespace modelref::ctl
