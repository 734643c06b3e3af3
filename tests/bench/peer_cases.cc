// The same bytes from servers that others run: what their protocols and code cost here.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "modelref/v1/reference.pb.h"
#include "tests/bench/bench_cases.h"
#include "tests/bench/bench_data.h"

namespace modelref::bench {
namespace {

constexpr int kConnections = 4;
constexpr int kInFlight = 16;

void WriteFile(const std::string& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) Die("cannot write " + file);
}

// Folders that nginx wants to have, and that only root has by default.
std::string Temporary(const std::string& root) {
  std::string lines;
  for (const char* of : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    absl::StrAppend(&lines, of, "_temp_path ", root, "/", of, ";\n");
  }
  return lines;
}

// One process that serves files over HTTP/2 without TLS.
RunningServer StartNginx(const std::string& program, const std::string& folder,
                         const std::string& content) {
  RunningServer server;
  server.address = FreeAddress();
  const std::string root = folder + "/nginx";
  const std::string log = root + "/nginx.log";
  std::filesystem::create_directories(root);
  WriteFile(root + "/medium.json", content);
  // gzip_static wants both; the packed one only has to exist beside the other.
  if (std::system(absl::StrCat("gzip -kf ", root, "/medium.json").c_str()) != 0) Die("no gzip");
  WriteFile(root + "/nginx.conf",
            absl::StrCat("daemon off; master_process off; pid ", root, "/pid;\n", "error_log ", log,
                         " error;\nevents { worker_connections 1024; }\n",
                         "http { access_log off; keepalive_requests 1000000000; gzip_static on;\n",
                         "open_file_cache max=100; root ", root, ";\n", Temporary(root),
                         "server { listen ", server.address, " http2; } }\n"));
  server.process = std::make_unique<ChildProcess>(
      std::vector<std::string>{program, "-e", log, "-p", root, "-c", root + "/nginx.conf"}, log);
  AwaitListening(*server.process, server.address, log);
  return server;
}

void MeasureNginx(const RunningServer& ours, const H2Request& request, const std::string& content,
                  Bench* bench) {
  for (const bool gzip : {false, true}) {
    const std::string name = gzip ? "GetCategory 10 KB, gzip, beside nginx, gzip_static"
                                  : "GetCategory 10 KB beside nginx";
    const std::string program = FindProgram("nginx");
    if (program.empty()) {
      bench->report.AddNotRun(name, "nginx is not installed");
      continue;
    }
    const RunningServer nginx = StartNginx(program, bench->folder, content);
    H2Request get;
    get.path = "/medium.json";
    get.get = true;
    H2Request call = request;
    get.accept_gzip = call.accept_gzip = gzip;
    if (gzip && !BecomesCompressed(ours, call)) Die("modelrefd does not compress");
    const std::vector<RateSeries> series =
        MeasureRates(bench->plan, {{&ours, {&call}}, {&nginx, {&get}}}, kConnections, kInFlight);
    AddRates(name, series[0], series[1], {}, &bench->report);
  }
}

// A connection that asks for one key, many times before it reads.
class RedisLoop {
 public:
  RedisLoop(const std::string& address, const std::string& value)
      : answer_(absl::StrCat("$", value.size(), "\r\n", value, "\r\n")) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port =
        htons(static_cast<uint16_t>(std::atoi(address.substr(address.rfind(':') + 1).c_str())));
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) Die("no redis");
    Send(absl::StrCat("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$", value.size(), "\r\n", value, "\r\n"));
    Receive(5);  // +OK
  }
  ~RedisLoop() { close(fd_); }
  RedisLoop(const RedisLoop&) = delete;
  RedisLoop& operator=(const RedisLoop&) = delete;

  // Calls per second.
  double Run(double seconds) {
    constexpr int kPipelined = kConnections * kInFlight;
    std::string batch;
    for (int i = 0; i < kPipelined; ++i) batch += "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    const SteadyTime start = SteadyClock::now();
    double calls = 0;
    while (SecondsSince(start) < seconds) {
      Send(batch);
      Receive(kPipelined * answer_.size());
      calls += kPipelined;
    }
    return calls / SecondsSince(start);
  }

 private:
  void Send(const std::string& bytes) {
    if (send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
      Die("redis does not read");
    }
  }
  void Receive(size_t bytes) {
    char buffer[65536];
    while (bytes > 0) {
      const ssize_t n = recv(fd_, buffer, std::min(bytes, sizeof(buffer)), 0);
      if (n <= 0) Die("redis does not answer");
      bytes -= static_cast<size_t>(n);
    }
  }

  const std::string answer_;
  int fd_ = -1;
};

void MeasureRedis(const RunningServer& ours, const H2Request& request, const std::string& content,
                  Bench* bench) {
  const std::string name = "GetCategory 10 KB beside redis GET";
  const std::string program = FindProgram("redis-server");
  if (program.empty()) return bench->report.AddNotRun(name, "redis is not installed");
  const std::string log = bench->folder + "/redis.log";
  RunningServer redis;
  redis.address = FreeAddress();
  redis.process = std::make_unique<ChildProcess>(
      std::vector<std::string>{program, "--port",
                               redis.address.substr(redis.address.rfind(':') + 1), "--bind",
                               "127.0.0.1", "--save", "", "--dir", bench->folder},
      log);
  AwaitListening(*redis.process, redis.address, log);
  RedisLoop loop(redis.address, content);
  H2Client client(ours.address, kConnections);
  Rounds rates;
  for (int round = 0; round < bench->plan.rounds; ++round) {
    const LoopResult result = client.RunLoop({&request}, kInFlight, bench->plan.seconds);
    rates.ours.push_back(static_cast<double>(result.in_time) / result.seconds);
    rates.bare.push_back(loop.Run(bench->plan.seconds));
  }
  bench->report.AddRounds(name, "calls/s", rates, {});
}

}  // namespace

void RunPeerCases(Bench* bench) {
  const std::string data = bench->folder + "/peers";
  MakeDataDirectory(data);
  ServerOptions options;
  options.settings = {kCompressAll};
  const RunningServer ours = StartModelrefd(data, bench->folder + "/peers.log", options);
  v1::GetCategoryRequest request;
  request.set_category(std::string(kMedium));
  const H2Request call = ReferenceRequest("GetCategory", request);
  H2Client client(ours.address, 1);
  v1::GetCategoryResponse response;
  const Answer answer = client.Call(call);
  if (!answer.end.ok || !response.ParseFromString(answer.messages[0])) Die("no document");
  MeasureNginx(ours, call, response.json(), bench);
  MeasureRedis(ours, call, response.json(), bench);
}

}  // namespace modelref::bench
