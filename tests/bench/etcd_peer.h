#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/bench/h2_client.h"
#include "tests/bench/server_pair.h"

namespace modelref::bench {

// An etcd of its own, with one key that is watched.
class EtcdPeer {
 public:
  // Null when it is not installed; then `missing` says so.
  static std::unique_ptr<EtcdPeer> Start(const std::string& folder, std::string* missing);

  const RunningServer& server() const { return server_; }
  const std::string& version() const { return version_; }
  const H2Request& watch() const { return watch_; }
  // Changes the key; does not wait for the answer.
  void SendPut();
  static bool IsEvent(absl::string_view message);

 private:
  EtcdPeer(const std::string& program, const std::string& folder);

  std::string version_;
  RunningServer server_;
  H2Request watch_;
  H2Request put_;
  std::unique_ptr<H2Client> client_;
};

}  // namespace modelref::bench
