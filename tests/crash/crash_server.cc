#include "tests/crash/crash_server.h"

#include <signal.h>
#include <sys/wait.h>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "backends/base/failpoint.h"
#include "backends/base/json.h"
#include "tests/crash/pause.h"
#include "tests/testing/event.h"

namespace modelref::testing {
namespace {

std::vector<std::string> Arguments(const std::string& data_dir,
                                   const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {"--data-dir",  data_dir,         "--listen",
                                        "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

std::vector<std::pair<std::string, std::string>> Variables(const std::string& failpoints) {
  if (failpoints.empty()) return {};
  return {{kFailpointsVariable, failpoints}};
}

// A field of the first line of the log that has the event.
std::string FieldOf(const std::string& log, absl::string_view event, absl::string_view field) {
  for (const absl::string_view line : absl::StrSplit(log, '\n')) {
    if (!absl::StrContains(line, event)) continue;
    const absl::StatusOr<Json> json = ParseJson(line);
    if (!json.ok() || json->AsObject() == nullptr) continue;
    const Json* value = json->AsObject()->Find(field);
    if (value != nullptr && value->AsString() != nullptr) return *value->AsString();
  }
  return "";
}

}  // namespace

bool IsRunning(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}

std::string KilledAt(const std::string& log) { return FieldOf(log, "failpoint.kill", "name"); }

CrashServer::CrashServer(const std::string& data_dir, const std::string& failpoints,
                         const std::vector<std::string>& flags)
    : process_("modelrefd", Arguments(data_dir, flags), Variables(failpoints)) {}

bool CrashServer::WaitUntilServing() {
  const absl::Time end = RealClock().TimeNow() + kDeadline;
  while (address_.empty()) {
    // Asked first: what it logged before it died counts.
    const bool is_running = IsRunning();
    address_ = FieldOf(process_.err(), "server.started", "listen");
    if (!address_.empty()) break;
    if (!is_running || RealClock().TimeNow() > end) return false;
    Pause(absl::Milliseconds(5));
  }
  client_ = NewClient();
  return client_ != nullptr;
}

std::unique_ptr<Client> CrashServer::NewClient() const {
  ClientOptions options;
  options.address = address_;
  options.retry.max_attempts = 1;
  options.wait_for_ready = false;
  options.connect_timeout = absl::Seconds(2);
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
  return client.ok() ? *std::move(client) : nullptr;
}

bool CrashServer::IsRunning() const { return testing::IsRunning(process_.pid()); }

bool CrashServer::WaitUntilDead(absl::Duration patience) const {
  const absl::Time end = RealClock().TimeNow() + patience;
  while (IsRunning()) {
    if (RealClock().TimeNow() > end) return false;
    Pause(absl::Milliseconds(5));
  }
  return true;
}

void CrashServer::Kill() {
  process_.Signal(SIGKILL);
  process_.Wait();
}

int CrashServer::Stop() {
  // An idle channel takes seconds to notice that its server wants to go.
  client_.reset();
  process_.Signal(SIGTERM);
  if (!WaitUntilDead(kDeadline)) process_.Signal(SIGKILL);
  return process_.Wait();
}

std::string CrashServer::KilledAt() const { return testing::KilledAt(process_.err()); }

}  // namespace modelref::testing
