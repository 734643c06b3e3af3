// modelrefd: reads its configuration, serves until it is told to stop.

#include <csignal>
#include <iostream>
#include <memory>

#include <google/protobuf/stubs/logging.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "backends/base/clock.h"
#include "backends/base/failpoint.h"
#include "backends/base/log.h"
#include "service/config.h"
#include "service/server.h"

namespace modelref {
namespace {

LogLevel LevelOf(const v1::ServerConfig& config) {
  switch (config.log().level()) {
    case v1::LOG_LEVEL_DEBUG:
      return LogLevel::kDebug;
    case v1::LOG_LEVEL_WARNING:
      return LogLevel::kWarning;
    case v1::LOG_LEVEL_ERROR:
      return LogLevel::kError;
    default:
      return LogLevel::kInfo;
  }
}

// The signals that end the program. Blocked in every thread before the first one starts, so that
// only the waiting one takes them.
sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void WaitForSignal(const sigset_t& signals) {
  int received = 0;
  while (sigwait(&signals, &received) != 0) {
  }
  Log(LogLevel::kInfo, "server.stopping", {{"signal", absl::StrCat(received)}});
}

// A second signal ends the process at once.
void ForceOnNextSignal(const sigset_t& signals) {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

int Fail(const absl::Status& status) {
  std::cerr << "modelrefd: " << status.message() << "\n";
  return 1;
}

int Serve(const v1::ServerConfig& config) {
  const sigset_t signals = BlockEndSignals();
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Create(config, RealClock());
  if (!server.ok()) return Fail(server.status());
  if (const absl::Status started = (*server)->Start(); !started.ok()) return Fail(started);
  Log(LogLevel::kInfo, "server.started",
      {{"listen", absl::StrJoin((*server)->addresses(), ",")},
       {"admin", (*server)->admin_address()},
       {"admin_grpc", (*server)->admin_grpc_address()},
       {"data_dir", config.data_dir()},
       {"node_id", config.node_id()}});
  WaitForSignal(signals);
  ForceOnNextSignal(signals);
  const bool wrote_all = (*server)->Stop();
  Log(LogLevel::kInfo, "server.stopped");
  return wrote_all ? 0 : 3;
}

int Main(int argc, char** argv) {
  // Debian's Abseil is built with its deadlock detector, which costs time and ends the process on a
  // mere inversion of lock order inside gRPC (grpc.md 0.1).
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  std::signal(SIGPIPE, SIG_IGN);
  // It would write a line for every request that is not UTF-8; the caller is told anyway.
  google::protobuf::SetLogHandler(nullptr);
  const StartDecision decision = LoadConfig(ConfigInput::FromProcess(argc, argv));
  std::cout << decision.out << std::flush;
  std::cerr << decision.err;
  if (!decision.config.has_value()) return decision.exit_code;
  SetLogLevel(LevelOf(*decision.config));
  for (const std::string& warning : decision.warnings) {
    Log(LogLevel::kWarning, "config.ignored", {{"detail", warning}});
  }
  if (const absl::Status armed = ArmFailpointsFromEnvironment(); !armed.ok()) {
    Fail(armed);
    return 2;
  }
  return Serve(*decision.config);
}

}  // namespace
}  // namespace modelref

int main(int argc, char** argv) { return modelref::Main(argc, argv); }
