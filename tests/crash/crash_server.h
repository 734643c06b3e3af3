#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clients/cpp/client.h"
#include "tests/e2e/modelrefctl_child.h"

namespace modelref::testing {

// A modelrefd that may die at any moment, also before it serves.
class CrashServer {
 public:
  // `failpoints` as backends/base/failpoint.h has it.
  CrashServer(const std::string& data_dir, const std::string& failpoints,
              const std::vector<std::string>& flags = {});

  // Makes the client. False when the server died first or does not come.
  bool WaitUntilServing();
  // Null before.
  Client* client() { return client_.get(); }
  std::unique_ptr<Client> NewClient() const;
  bool IsRunning() const;
  // Waits until it is dead; false when it is not after `patience`.
  bool WaitUntilDead(absl::Duration patience) const;
  void Kill();
  // Ends it as an operator does. What it returned.
  int Stop();
  // The failpoint that killed it; empty when none did.
  std::string KilledAt() const;
  std::string log() const { return process_.err(); }
  pid_t pid() const { return process_.pid(); }

 private:
  Child process_;
  std::string address_;
  std::unique_ptr<Client> client_;
};

// Whether a child that was started has not ended yet; it need not have been waited for.
bool IsRunning(pid_t pid);
// The failpoint that a log tells to have killed its program; empty when none did.
std::string KilledAt(const std::string& log);

}  // namespace modelref::testing
