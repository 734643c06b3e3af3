#include "tests/bench/server_pair.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/testing/certificates.h"

namespace modelref::bench {
namespace {

std::string OwnProgram(const std::string& name) {
  const std::string program = FindProgram(name);
  if (program.empty()) Die(name + " is not built");
  return program;
}

// The files of a certificate, which are made beside `file` once.
struct TlsFiles {
  explicit TlsFiles(const std::string& file)
      : certificate(file + ".certificate"), key(file + ".key") {
    if (std::filesystem::exists(key)) return;
    const testing::TestCertificate made =
        testing::MakeCertificate("bench", testing::MakeAuthority("bench"));
    std::ofstream(certificate) << made.certificate;
    std::ofstream(key) << made.key;
    std::filesystem::permissions(key, std::filesystem::perms::owner_read);
  }
  const std::string certificate;
  const std::string key;
};

}  // namespace

RunningServer StartModelrefd(const std::string& data_dir, const std::string& log,
                             const ServerOptions& options) {
  RunningServer server;
  server.address = FreeAddress();
  server.tls = options.tls;
  std::vector<std::string> words = {
      OwnProgram("modelrefd"),
      "--data-dir",
      data_dir,
      "--listen",
      server.address,
      "--admin-listen",
      "none",
      "--set",
      absl::StrCat("limits.streams_per_connection=", kStreamsPerConnection)};
  std::vector<std::string> settings = options.settings;
  if (options.tls) {
    const TlsFiles files(log);
    settings.push_back("tls.certificate_file=" + files.certificate);
    settings.push_back("tls.private_key_file=" + files.key);
  }
  for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
  server.process = std::make_unique<ChildProcess>(words, log);
  AwaitListening(*server.process, server.address, log);
  return server;
}

RunningServer StartBare(const std::vector<RecordedAnswer>& answers, const std::string& folder,
                        bool tls) {
  const std::string log = folder + "/bare.log";
  const std::string file = folder + "/answers";
  WriteAnswers(file, answers);
  RunningServer server;
  server.address = FreeAddress();
  server.tls = tls;
  std::vector<std::string> words = {OwnProgram("bare_server"), file, server.address,
                                    absl::StrCat(kStreamsPerConnection)};
  if (tls) {
    const TlsFiles files(log);
    words.insert(words.end(), {files.certificate, files.key});
  }
  server.process = std::make_unique<ChildProcess>(words, log);
  AwaitListening(*server.process, server.address, log);
  return server;
}

bool BecomesCompressed(const RunningServer& server, const H2Request& request) {
  constexpr double kPatienceSeconds = 20;
  H2Client client(server.address, 1, server.tls);
  for (const SteadyTime start = SteadyClock::now(); SecondsSince(start) < kPatienceSeconds;) {
    if (client.Call(request).end.compressed) return true;
    client.Idle(0.005);
  }
  return false;
}

ServerPair::ServerPair(std::string folder, const std::string& data_dir,
                       const ServerOptions& options)
    : folder_(std::move(folder)),
      ours_(StartModelrefd(data_dir, folder_ + "/modelrefd.log", options)) {}

const RecordedAnswer& ServerPair::Record(AnswerKind kind, const H2Request& request) {
  H2Client client(ours_.address, 1, ours_.tls);
  Answer answer = client.Call(request);
  if (!answer.end.ok) Die("modelrefd refuses " + request.path);
  return answers_.emplace_back(RecordedAnswer{kind, request.path, request.body,
                                              answer.end.compressed, std::move(answer.messages)});
}

void ServerPair::RecordWatch(const H2Request& request, const std::function<void()>& change,
                             const std::function<bool(absl::string_view)>& is_event) {
  H2Client client(ours_.address, 1, ours_.tls);
  RecordedAnswer watch{AnswerKind::kWatch, request.path, request.body, false, {}};
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

void ServerPair::StartBare() { bare_ = bench::StartBare(answers_, folder_, ours_.tls); }

}  // namespace modelref::bench
