#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/json.h"
#include "clients/cpp/client.h"
#include "clients/modelrefctl/command_line.h"
#include "clients/modelrefctl/host.h"
#include "clients/modelrefctl/settings.h"
#include "clients/modelrefctl/table.h"

namespace google::protobuf {
class Message;
}

namespace modelref::ctl {

// One run of one command: what was asked, and the means to answer. Single-threaded.
class Invocation {
 public:
  Invocation(CommandLine line, Settings settings, Host& host)
      : line_(std::move(line)), settings_(std::move(settings)), host_(host) {}

  const CommandLine& line() const { return line_; }
  const std::vector<std::string>& arguments() const { return line_.arguments; }
  const Settings& settings() const { return settings_; }
  Host& host() { return host_; }
  OutputMode output() const { return settings_.output; }

  // The client of the server that was asked for; made and connected on first use.
  absl::StatusOr<Client*> client();

  // stdout: data only.
  absl::Status Print(absl::string_view text) { return host_.out->Write(text); }
  TableStyle table_style() const;
  // A table as -o table, wide or plain has it.
  absl::Status PrintTable(const Table& table);
  // A value, or a whole message, as -o json or yaml has it.
  absl::Status PrintValue(const Json& value);
  absl::Status PrintMessage(const google::protobuf::Message& message);
  // One message on one line of JSON.
  absl::Status PrintLine(const google::protobuf::Message& message);

  // stderr, unless --quiet: hints and warnings.
  void Note(absl::string_view text);

  // For commands whose exit status has a meaning of its own (Nagios).
  void set_exit_code(int code) { exit_code_ = code; }
  std::optional<int> exit_code() const { return exit_code_; }

 private:
  const CommandLine line_;
  const Settings settings_;
  Host& host_;
  std::unique_ptr<Client> client_;
  std::optional<int> exit_code_;
};

}  // namespace modelref::ctl
