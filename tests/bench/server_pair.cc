#include "tests/bench/server_pair.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace modelref::bench {
namespace {

std::string OwnProgram(const std::string& name) {
  const std::string program = FindProgram(name);
  if (program.empty()) Die(name + " is not built");
  return program;
}

}  // namespace

RunningServer StartModelrefd(const std::string& data_dir, const std::string& log) {
  RunningServer server;
  server.address = FreeAddress();
  const std::vector<std::string> words = {
      OwnProgram("modelrefd"),
      "--data-dir",
      data_dir,
      "--listen",
      server.address,
      "--admin-listen",
      "none",
      "--set",
      absl::StrCat("limits.streams_per_connection=", kStreamsPerConnection)};
  server.process = std::make_unique<ChildProcess>(words, log);
  AwaitListening(*server.process, server.address, log);
  return server;
}

RunningServer StartBare(const std::vector<RecordedAnswer>& answers, const std::string& folder) {
  const std::string log = folder + "/bare.log";
  const std::string file = folder + "/answers";
  WriteAnswers(file, answers);
  RunningServer server;
  server.address = FreeAddress();
  const std::vector<std::string> words = {OwnProgram("bare_server"), file, server.address,
                                          absl::StrCat(kStreamsPerConnection)};
  server.process = std::make_unique<ChildProcess>(words, log);
  AwaitListening(*server.process, server.address, log);
  return server;
}

ServerPair::ServerPair(std::string folder, const std::string& data_dir)
    : folder_(std::move(folder)), ours_(StartModelrefd(data_dir, folder_ + "/modelrefd.log")) {}

const RecordedAnswer& ServerPair::Record(AnswerKind kind, const H2Request& request) {
  H2Client client(ours_.address, 1);
  Answer answer = client.Call(request);
  if (!answer.end.ok) Die("modelrefd refuses " + request.path);
  return answers_.emplace_back(
      RecordedAnswer{kind, request.path, request.body, std::move(answer.messages)});
}

void ServerPair::RecordWatch(const H2Request& request, const std::function<void()>& change,
                             const std::function<bool(absl::string_view)>& is_event) {
  H2Client client(ours_.address, 1);
  RecordedAnswer watch{AnswerKind::kWatch, request.path, request.body, {}};
  client.OpenStreams(request, 1, [&](absl::string_view first) {
    if (watch.messages.empty()) watch.messages.emplace_back(first);
  });
  client.AwaitEvent(change, [&](absl::string_view message) {
    if (!is_event(message)) return false;
    watch.messages.emplace_back(message);
    return true;
  });
  answers_.push_back(std::move(watch));
}

void ServerPair::StartBare() { bare_ = bench::StartBare(answers_, folder_); }

}  // namespace modelref::bench
