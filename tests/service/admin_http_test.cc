#include "service/admin_http.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::testing::AllOf;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::StatusIs;

int PortOf(const AdminHttp& http) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(http.address().substr(http.address().rfind(':') + 1), &port));
  return port;
}

// A connection to the port; reads give up after ten seconds.
class Connection {
 public:
  explicit Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return connected_; }
  void Send(absl::string_view text) const { send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  // Everything until the server closes.
  std::string ReadAll() const {
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t got; (got = recv(fd_, buffer.data(), buffer.size(), 0)) > 0;) {
      text.append(buffer.data(), static_cast<size_t>(got));
    }
    return text;
  }

 private:
  const int fd_;
  bool connected_ = false;
};

std::string Get(int port, absl::string_view path) {
  const Connection connection(port);
  connection.Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\n\r\n"));
  return connection.ReadAll();
}

class AdminHttpTest : public ::testing::Test {
 protected:
  std::unique_ptr<AdminHttp> Start(AdminHttp::Options options = {}) {
    if (options.address == AdminHttp::Options().address) options.address = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<AdminHttp>> http =
        AdminHttp::Start(options, metrics_, [this] { return health_; });
    EXPECT_TRUE(http.ok()) << http.status();
    return *std::move(http);
  }

  MetricsRegistry metrics_;
  HealthSummary health_{true, {}};
};

TEST_F(AdminHttpTest, ServesMetricsAsText) {
  metrics_.AddCounter("modelref_tests_total", "Tests.").Increment(3);
  const auto http = Start();
  const std::string answer = Get(PortOf(*http), "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\n# HELP modelref_tests_total Tests.\n"));
  EXPECT_THAT(answer, HasSubstr("modelref_tests_total 3\n"));
}

TEST_F(AdminHttpTest, HealthFollowsTheServerAndNamesWhatIsDegraded) {
  health_.degraded = {"document blip/v2: \"quoted\""};
  const auto http = Start();
  const std::string good = Get(PortOf(*http), "/healthz");
  EXPECT_THAT(good, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(good,
              HasSubstr(R"({"status":"SERVING","degraded":["document blip/v2: \"quoted\""]})"));
  health_.serving = false;
  const std::string bad = Get(PortOf(*http), "/healthz");
  EXPECT_THAT(bad, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(bad, HasSubstr("\"status\":\"NOT_SERVING\""));
}

TEST_F(AdminHttpTest, TheRootSaysWhatThereIsAndOtherPathsAreNotFound) {
  const auto http = Start();
  EXPECT_THAT(Get(PortOf(*http), "/"), AllOf(HasSubstr("/metrics"), HasSubstr("/healthz")));
  EXPECT_THAT(Get(PortOf(*http), "/etc/passwd"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get(PortOf(*http), "/../metrics"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(AdminHttpTest, LargeBodiesAndHeadersAreRefused) {
  AdminHttp::Options options;
  options.io_timeout = absl::Milliseconds(200);  // It waits for the body to skip it.
  const auto http = Start(options);
  const Connection body(PortOf(*http));
  body.Send("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_THAT(body.ReadAll(), HasSubstr("HTTP/1.1 4"));
  const Connection header(PortOf(*http));
  header.Send(absl::StrCat("GET /", std::string(10'000, 'x'), " HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_THAT(header.ReadAll(), StartsWith("HTTP/1.1 414 "));
}

TEST_F(AdminHttpTest, SilentPeersAreCutOffAndDoNotKeepOthersOut) {
  AdminHttp::Options options;
  options.threads = 1;
  options.io_timeout = absl::Milliseconds(200);
  const auto http = Start(options);
  const Connection silent(PortOf(*http));
  silent.Send("GET /metr");
  EXPECT_THAT(Get(PortOf(*http), "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(AdminHttpTest, ManyScrapesAtOnceAreAllAnswered) {
  const auto http = Start();
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10; ++j) {
        if (Get(PortOf(*http), "/healthz").rfind("HTTP/1.1 200", 0) == 0) ++answered;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 80);
}

TEST_F(AdminHttpTest, APortInUseIsOneLineThatSaysWhatToDo) {
  const auto first = Start();
  const absl::StatusOr<std::unique_ptr<AdminHttp>> second =
      AdminHttp::Start({.address = first->address()}, metrics_, [] { return HealthSummary(); });
  EXPECT_THAT(second, HasReason("ADDRESS_IN_USE"));
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr(first->address()), HasSubstr("--admin-listen"))));
}

TEST_F(AdminHttpTest, AnAddressOfAnotherMachineIsRefused) {
  for (const char* address : {"192.0.2.1:9090", "nowhere", "127.0.0.1:70000"}) {
    EXPECT_THAT(AdminHttp::Start({.address = address}, metrics_, [] { return HealthSummary(); }),
                HasReason("ADDRESS_INVALID"))
        << address;
  }
}

TEST_F(AdminHttpTest, StoppingClosesThePortAndMayBeRepeated) {
  const auto http = Start();
  const int port = PortOf(*http);
  ASSERT_TRUE(Connection(port).connected());
  http->Stop();
  http->Stop();
  EXPECT_FALSE(Connection(port).connected());
}

}  // namespace
}  // namespace modelref
