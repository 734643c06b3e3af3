// What clients may do to a real modelrefd without harm to others. MODELREF_STORM and
// MODELREF_STALLED set the sizes for the long tests.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "grpcpp/grpcpp.h"
#include "modelref/v1/reference.grpc.pb.h"
#include "tests/e2e/healthy_client.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/environment.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Eventually;
using ::modelref::testing::ExpectUnharmed;
using ::modelref::testing::Harm;
using ::modelref::testing::HealthyClient;
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

constexpr double kMegabyte = 1e6;

class ServerRobustnessTest : public ::testing::Test {
 protected:
  ServerRobustnessTest() {
    RaiseOwnLimit();
    data_.Write("clip.json", Models(1, 20));
  }
  TempDir data_;
};

// Many at once, of which each says `hello`. Those that say nothing of HTTP/2 are gone without their
// doing, the others when they leave.
void OutliveStorm(const TempDir& data, const std::string& what, absl::string_view hello,
                  double bytes_each) {
  const int storm = static_cast<int>(NumberFromEnvironment("MODELREF_STORM", 1'000));
  ServerChild server(data.path(), {"--set", "limits.connections_per_address=20000", "--set",
                                   "connection.handshake_timeout=2s"});
  std::vector<int> connections;
  Harm harm{absl::StrCat("storm of ", storm, ", ", what)};
  harm.most_bytes = bytes_each * storm + 32 * kMegabyte;
  harm.arrive = [&] {
    for (int i = 0; i < storm; ++i) {
      const int fd = ConnectRaw(PortOf(server));
      if (fd < 0) continue;
      connections.push_back(fd);
      EXPECT_EQ(send(fd, hello.data(), hello.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(hello.size()));
    }
    EXPECT_EQ(connections.size(), static_cast<size_t>(storm));
    EXPECT_TRUE(
        Eventually([&] { return server.Metric("modelref_connections_accepted_total") >= storm; }));
  };
  harm.arrival_is_work = true;
  ExpectUnharmed(server, harm);
  const auto is_over = [&] { return server.Metric("modelref_connections_open") < 20; };
  if (hello.empty()) {
    EXPECT_TRUE(Eventually(is_over));
  }
  for (const int fd : connections) close(fd);
  EXPECT_TRUE(Eventually(is_over));
}

TEST_F(ServerRobustnessTest, AStormOfHalfOpenConnectionsIsOutlived) {
  OutliveStorm(data_, "half open", "", 32e3);
}

TEST_F(ServerRobustnessTest, AStormOfClientsIsOutlived) {
  // The preface of HTTP/2 and empty settings.
  constexpr absl::string_view kHello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  OutliveStorm(data_, "clients", kHello, 64e3);
}

TEST_F(ServerRobustnessTest, AFullTableOfDescriptorsIsOutlived) {
  ServerChild server(data_.path());
  const auto files = static_cast<rlim_t>(server.Metric("modelref_process_open_fds"));
  rlimit before{};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  // Room for the healthy client and the looks at the metrics.
  const rlimit low = {files + 20, before.rlim_max};
  std::vector<int> connections;
  Harm harm{"full table", nullptr, 32 * kMegabyte};
  harm.arrive = [&] {
    ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &low, nullptr), 0);
    for (int i = 0; i < 60; ++i) connections.push_back(ConnectRaw(PortOf(server)));
    EXPECT_TRUE(Eventually(
        [&] { return !server.LogLines("warning", "\"reason\":\"descriptors\"").empty(); }));
  };
  ExpectUnharmed(server, harm);
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  EXPECT_GT(server.Metric("modelref_connections_refused_total{reason=\"descriptors\"}"), 0);
  for (const int fd : connections) close(fd);
  HealthyClient later(server.address());
  later.Stop();
  EXPECT_EQ(later.failures(), 0);
}

TEST_F(ServerRobustnessTest, TheConnectionsOfTheProcessAreLimited) {
  ServerChild server(data_.path(), {"--set", "limits.connections=10"});
  std::vector<int> connections;
  Harm harm{"too many connections", nullptr, 32 * kMegabyte};
  harm.arrive = [&] {
    for (int i = 0; i < 30; ++i) connections.push_back(ConnectRaw(PortOf(server)));
    EXPECT_TRUE(Eventually([&] {
      return server.Metric("modelref_connections_refused_total{reason=\"connections\"}") >= 20;
    }));
  };
  ExpectUnharmed(server, harm);
  EXPECT_LE(server.Metric("modelref_connections_open"), 10);
  for (const int fd : connections) close(fd);
}

TEST_F(ServerRobustnessTest, StalledReadersHoldNoMoreThanAMessageEach) {
  const int stalled = static_cast<int>(NumberFromEnvironment("MODELREF_STALLED", 1'000));
  data_.Write("controlnet.json", Models(1, 5'000, std::string(2'000, 'd')));
  ServerChild server(data_.path(), {"--set", "limits.streams_per_connection=10000"});
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto stub = v1::ReferenceService::NewStub(
      grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), arguments));
  v1::StreamCategoryRequest request;
  request.set_category("controlnet");
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::StreamCategoryResponse>>> readers;
  Harm harm{absl::StrCat(stalled, " stalled readers")};
  // One message is at most 256 KiB.
  harm.most_bytes = stalled * 300e3 + 64 * kMegabyte;
  harm.arrive = [&] {
    for (int i = 0; i < stalled; ++i) {
      contexts.push_back(std::make_unique<grpc::ClientContext>());
      readers.push_back(stub->StreamCategory(contexts.back().get(), request));
    }
    EXPECT_TRUE(Eventually([&] { return server.Metric("modelref_rpc_streams_open") >= stalled; }));
  };
  harm.arrival_is_work = true;
  ExpectUnharmed(server, harm);
  for (const auto& context : contexts) context->TryCancel();
  for (const auto& reader : readers) (void)reader->Finish();
  EXPECT_TRUE(Eventually([&] { return server.Metric("modelref_rpc_streams_open") == 0; }));
}

TEST_F(ServerRobustnessTest, SixtyFourKilobytesOfHeadersHarmNobody) {
  ServerChild server(data_.path());
  const auto stub = v1::ReferenceService::NewStub(
      grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()));
  std::atomic<bool> over{false};
  std::thread sender;
  Harm harm{"64 KiB headers", nullptr, 64 * kMegabyte};
  harm.arrive = [&] {
    sender = std::thread([&] {
      for (int i = 0; i < 50 || !over.load(); ++i) {
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
  };
  ExpectUnharmed(server, harm);
  over.store(true);
  sender.join();
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
