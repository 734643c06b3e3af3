#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/child_process.h"
#include "tests/bench/h2_client.h"
#include "tests/bench/recorded_answers.h"

namespace modelref::bench {

// Enough for 30,000 streams on 50 connections.
inline constexpr int kStreamsPerConnection = 1000;

// A server that was started, with its address.
struct RunningServer {
  std::unique_ptr<ChildProcess> process;
  std::string address;
  bool tls = false;

  ChildProcess& child() const { return *process; }
};

// How modelrefd is started beside its directory.
struct ServerOptions {
  std::vector<std::string> settings;  // "name=value" each.
  bool tls = false;                   // With a certificate that is made for it.
};

// Starts modelrefd on the directory and waits until it listens. `log` is a file.
RunningServer StartModelrefd(const std::string& data_dir, const std::string& log,
                             const ServerOptions& options = {});
// The same for the bare server, which answers with what was recorded.
RunningServer StartBare(const std::vector<RecordedAnswer>& answers, const std::string& folder,
                        bool tls = false);

// Asks until the answer is compressed, which it is once somebody has asked; false when it never is.
bool BecomesCompressed(const RunningServer& server, const H2Request& request);

// modelrefd and a bare server that answers the same.
class ServerPair {
 public:
  // `folder` takes logs and the recorded answers.
  ServerPair(std::string folder, const std::string& data_dir, const ServerOptions& options = {});

  // Asks modelrefd, and keeps the answer for the bare server. Ends the process when there is none.
  const RecordedAnswer& Record(AnswerKind kind, const H2Request& request);
  // Opens a stream, makes `change` happen, and keeps the first message and the event.
  void RecordWatch(const H2Request& request, const std::function<void()>& change,
                   const std::function<bool(absl::string_view)>& is_event);
  void StartBare();

  const RunningServer& ours() const { return ours_; }
  const RunningServer& bare() const { return bare_; }
  const std::vector<RecordedAnswer>& answers() const { return answers_; }

 private:
  const std::string folder_;
  RunningServer ours_;
  RunningServer bare_;
  std::vector<RecordedAnswer> answers_;
};

}  // namespace modelref::bench
