// modelrefctl: the command line of modelref.

#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "backends/base/clock.h"
#include "backends/base/failpoint.h"
#include "backends/base/log.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/host.h"
#include "clients/modelrefctl/run.h"

namespace modelref::ctl {
namespace {

constexpr size_t kOutputBuffer = 64 << 10;

std::optional<std::string> ReadVariable(const std::string& name) {
  const char* value = getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

size_t TerminalWidth() {
  size_t columns = 0;
  const char* variable = getenv("COLUMNS");
  if (variable != nullptr && absl::SimpleAtoi(variable, &columns) && columns > 0) return columns;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

// Ends the run in order where the command knows how, else at once; a second signal always does.
void WaitForSignals(sigset_t signals, Interrupts* interrupts) {
  for (bool first = true;;) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) return;
    if (number == SIGINT && interrupts->elsewhere()) continue;
    if (!std::exchange(first, false) || !interrupts->Trigger())
      _exit(static_cast<int>(ExitCode::kInterrupted));
  }
}

void StartSignalThread(Interrupts* interrupts) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  // Before any other thread exists, so that all of them inherit it.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(WaitForSignals, signals, interrupts).detach();
}

// Dies as a program that never heard of SIGPIPE: `modelrefctl … | head` stays quiet.
[[noreturn]] void DieOfClosedPipe() {
  signal(SIGPIPE, SIG_DFL);
  raise(SIGPIPE);
  _exit(kClosedPipeExit);
}

int Main(int argc, char** argv) {
  // Writes to a pipe report EPIPE instead: --exec must survive a command that does not read.
  signal(SIGPIPE, SIG_IGN);
  auto* const interrupts = new Interrupts;  // The signal thread outlives main.
  StartSignalThread(interrupts);
  if (const absl::Status armed = ArmFailpointsFromEnvironment(); !armed.ok()) {
    Log(LogLevel::kError, "failpoint.refused", {{"detail", std::string(armed.message())}});
    return static_cast<int>(ExitCode::kUsage);
  }
  FdSink out(STDOUT_FILENO, kOutputBuffer);
  FdSink err(STDERR_FILENO, 0);
  Host host;
  host.variable = ReadVariable;
  host.out = &out;
  host.err = &err;
  host.terminal = {isatty(STDOUT_FILENO) != 0, isatty(STDERR_FILENO) != 0, TerminalWidth(),
                   isatty(STDIN_FILENO) != 0};
  host.in = STDIN_FILENO;
  host.interrupts = interrupts;
  host.clock = &RealClock();
  const int code = Run(std::vector<std::string>(argv + 1, argv + argc), host);
  if (code == kClosedPipeExit) DieOfClosedPipe();
  return code;
}

}  // namespace
}  // namespace modelref::ctl

int main(int argc, char** argv) { return modelref::ctl::Main(argc, argv); }
