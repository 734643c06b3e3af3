// What clients may do to a real modelrefd without harm to others. MODELREF_STORM and
// MODELREF_STALLED set the sizes for the long tests.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "grpcpp/grpcpp.h"
#include "modelref/v1/reference.grpc.pb.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/environment.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Eventually;
using ::modelref::testing::kDeadline;
using ::modelref::testing::Models;
using ::modelref::testing::NumberFromEnvironment;
using ::modelref::testing::ServerChild;
using ::modelref::testing::TempDir;

int PortOf(const ServerChild& server) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(server.address().substr(server.address().rfind(':') + 1), &port));
  return port;
}

// A connection that says nothing; -1 when there is none to be had.
int ConnectRaw(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

// Lets this process have as many descriptors as it may, once.
void RaiseOwnLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Calls the server all the time on a connection of its own.
class HealthyClient {
 public:
  explicit HealthyClient(const std::string& address) {
    ClientOptions options;
    options.address = address;
    options.user_agent = "healthy";
    options.retry.max_attempts = 1;
    client_ = *Client::Create(options);
    Call();
    latencies_.clear();
    thread_ = std::thread([this] {
      while (!done_.load()) Call();
    });
  }
  ~HealthyClient() { Stop(); }
  void Stop() {
    done_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  size_t calls() const { return calls_.load(); }
  int failures() const { return failures_; }
  // Of the calls since number `first`. After Stop().
  absl::Duration P99(size_t first, size_t last) const {
    std::vector<absl::Duration> some(latencies_.begin() + static_cast<ptrdiff_t>(first),
                                     latencies_.begin() + static_cast<ptrdiff_t>(last));
    std::sort(some.begin(), some.end());
    return some.empty() ? absl::ZeroDuration() : some[some.size() * 99 / 100];
  }

 private:
  void Call() {
    v1::GetCategoryRequest request;
    request.set_category("clip");
    const absl::Time began = RealClock().TimeNow();
    if (!client_->GetCategory(request).ok()) ++failures_;
    latencies_.push_back(RealClock().TimeNow() - began);
    calls_.fetch_add(1);
  }

  std::unique_ptr<Client> client_;
  std::vector<absl::Duration> latencies_;
  std::atomic<size_t> calls_{0};
  int failures_ = 0;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

// Runs `harm` beside a healthy client, which must not notice.
template <typename Harm>
void ExpectUnharmed(const ServerChild& server, const char* what, Harm harm) {
  HealthyClient healthy(server.address());
  EXPECT_TRUE(Eventually([&] { return healthy.calls() > 500; }));
  const size_t begin = healthy.calls();
  harm();
  EXPECT_TRUE(Eventually([&, at = healthy.calls()] { return healthy.calls() > at + 100; }));
  const size_t end = healthy.calls() - 1;
  healthy.Stop();
  EXPECT_EQ(healthy.failures(), 0);
  const absl::Duration before = healthy.P99(0, begin - 1);
  const absl::Duration during = healthy.P99(begin - 1, end);
  std::printf("%s: p99 of a healthy client %s before, %s during (%.2f), %zu calls\n", what,
              absl::FormatDuration(before).c_str(), absl::FormatDuration(during).c_str(),
              absl::FDivDuration(during, before), end - begin);
  // Both sides share the processors of the machine with the harm itself; a server that is held up
  // shows as seconds.
  EXPECT_LT(during, std::max(before * 20, absl::Milliseconds(500)));
}

class ServerRobustnessTest : public ::testing::Test {
 protected:
  ServerRobustnessTest() {
    RaiseOwnLimit();
    data_.Write("clip.json", Models(1, 20));
  }
  TempDir data_;
};

TEST_F(ServerRobustnessTest, AStormOfHalfOpenConnectionsIsOutlived) {
  const int storm = static_cast<int>(NumberFromEnvironment("MODELREF_STORM", 1'000));
  ServerChild server(data_.path(), {"--set", "limits.connections_per_address=20000", "--set",
                                    "connection.handshake_timeout=2s"});
  std::vector<int> connections;
  ExpectUnharmed(server, absl::StrCat("storm of ", storm).c_str(), [&] {
    for (int i = 0; i < storm; ++i) {
      const int fd = ConnectRaw(PortOf(server));
      if (fd >= 0) connections.push_back(fd);
    }
    EXPECT_EQ(connections.size(), static_cast<size_t>(storm));
    EXPECT_TRUE(
        Eventually([&] { return server.Metric("modelref_connections_accepted_total") >= storm; }));
  });
  // They never said a word and are gone without their doing.
  EXPECT_TRUE(Eventually([&] { return server.Metric("modelref_connections_open") < 20; }));
  for (const int fd : connections) close(fd);
}

TEST_F(ServerRobustnessTest, AFullTableOfDescriptorsIsOutlived) {
  ServerChild server(data_.path());
  const auto files = static_cast<rlim_t>(server.Metric("modelref_process_open_fds"));
  rlimit before{};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  std::vector<int> connections;
  ExpectUnharmed(server, "full table", [&] {
    const rlimit low = {files + 20, before.rlim_max};
    ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &low, nullptr), 0);
    for (int i = 0; i < 60; ++i) connections.push_back(ConnectRaw(PortOf(server)));
    EXPECT_TRUE(Eventually(
        [&] { return !server.LogLines("warning", "\"reason\":\"descriptors\"").empty(); }));
    ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  });
  EXPECT_GT(server.Metric("modelref_connections_refused_total{reason=\"descriptors\"}"), 0);
  for (const int fd : connections) close(fd);
  const HealthyClient later(server.address());
  EXPECT_EQ(later.failures(), 0);
}

TEST_F(ServerRobustnessTest, TheConnectionsOfTheProcessAreLimited) {
  ServerChild server(data_.path(), {"--set", "limits.connections=10"});
  std::vector<int> connections;
  ExpectUnharmed(server, "too many connections", [&] {
    for (int i = 0; i < 30; ++i) connections.push_back(ConnectRaw(PortOf(server)));
    EXPECT_TRUE(Eventually([&] {
      return server.Metric("modelref_connections_refused_total{reason=\"connections\"}") >= 20;
    }));
  });
  EXPECT_LE(server.Metric("modelref_connections_open"), 10);
  for (const int fd : connections) close(fd);
}

TEST_F(ServerRobustnessTest, StalledReadersHoldNoMoreThanAMessageEach) {
  const int stalled = static_cast<int>(NumberFromEnvironment("MODELREF_STALLED", 100));
  data_.Write("clip.json", Models(1, 20));
  data_.Write("controlnet.json", Models(1, 5'000, std::string(2'000, 'd')));
  ServerChild server(data_.path(), {"--set", "limits.streams_per_connection=10000"});
  const double memory_before = server.Metric("modelref_process_resident_memory_bytes");
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto stub = v1::ReferenceService::NewStub(
      grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), arguments));
  v1::StreamCategoryRequest request;
  request.set_category("controlnet");
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::StreamCategoryResponse>>> readers;
  double grown = 0;
  ExpectUnharmed(server, absl::StrCat(stalled, " stalled readers").c_str(), [&] {
    for (int i = 0; i < stalled; ++i) {
      contexts.push_back(std::make_unique<grpc::ClientContext>());
      readers.push_back(stub->StreamCategory(contexts.back().get(), request));
    }
    EXPECT_TRUE(Eventually([&] { return server.Metric("modelref_rpc_streams_open") >= stalled; }));
    grown = server.Metric("modelref_process_resident_memory_bytes") - memory_before;
  });
  // One message is at most 256 KiB.
  EXPECT_LT(grown, stalled * 600e3 + 64e6);
  std::printf("%d stalled readers: %.1f KiB each\n", stalled, grown / 1024 / stalled);
  for (const auto& context : contexts) context->TryCancel();
  for (const auto& reader : readers) (void)reader->Finish();
  EXPECT_TRUE(Eventually([&] { return server.Metric("modelref_rpc_streams_open") == 0; }));
}

TEST_F(ServerRobustnessTest, SixtyFourKilobytesOfHeadersHarmNobody) {
  ServerChild server(data_.path());
  ExpectUnharmed(server, "64 KiB headers", [&] {
    const auto stub = v1::ReferenceService::NewStub(
        grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()));
    for (int i = 0; i < 50; ++i) {
      grpc::ClientContext context;
      context.AddMetadata("x-filler", std::string(i % 2 == 0 ? 64 << 10 : 60 << 10, 'x'));
      v1::GetCategoryRequest request;
      request.set_category("clip");
      v1::GetCategoryResponse response;
      const grpc::Status status = stub->GetCategory(&context, request, &response);
      EXPECT_EQ(status.error_code(),
                i % 2 == 0 ? grpc::StatusCode::RESOURCE_EXHAUSTED : grpc::StatusCode::OK)
          << status.error_message();
    }
  });
}

TEST_F(ServerRobustnessTest, ACallerMayBeHeldToARate) {
  ServerChild server(data_.path(), {"--set", "limits.calls_per_second_per_caller=50"});
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    const auto answer = server.Get("clip");
    if (answer.ok()) continue;
    ++refused;
    EXPECT_THAT(answer, testing::HasReason("RATE_LIMIT"));
    EXPECT_TRUE(ExtrasOf(answer.status()).retry_after.has_value());
  }
  EXPECT_GT(refused, 0);
  EXPECT_EQ(server.Metric("modelref_caller_calls_refused_total"), refused);
  EXPECT_TRUE(Eventually([&] { return server.Get("clip").ok(); }));
}

TEST_F(ServerRobustnessTest, SlowCallsAreLoggedWithTheirTrace) {
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  ServerChild server(data_.path(), {"--set", "log.slow_call=0s"});
  const auto stub = v1::ReferenceService::NewStub(
      grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.AddMetadata("traceparent", trace);
  v1::GetCategoryRequest request;
  request.set_category("clip");
  v1::GetCategoryResponse response;
  ASSERT_TRUE(stub->GetCategory(&context, request, &response).ok());
  EXPECT_TRUE(Eventually([&] { return !server.LogLines("warning", trace).empty(); }));
  EXPECT_GT(server.Metric("modelref_rpc_slow_total"), 0);
}

}  // namespace
}  // namespace modelref
