// How a real modelrefd stops, and what it tells systemd.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/environment.h"
#include "tests/testing/event.h"
#include "tests/testing/paths.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::grpc::health::v1::HealthCheckResponse;
using ::modelref::testing::Child;
using ::modelref::testing::Eventually;
using ::modelref::testing::IsOk;
using ::modelref::testing::kDeadline;
using ::modelref::testing::Models;
using ::modelref::testing::NumberFromEnvironment;
using ::modelref::testing::ServerChild;
using ::modelref::testing::TempDir;

absl::StatusOr<std::unique_ptr<WatchStream>> OpenWatch(Client& client) {
  v1::WatchRequest request;
  request.mutable_now();
  auto stream = client.Watch(request);
  if (!stream.ok()) return stream;
  if (const auto created = (*stream)->Next(kDeadline); !created.ok()) return created.status();
  return stream;
}

// Reads until the stream has told of its end and ended.
bool IsDrained(WatchStream& stream) {
  bool told = false;
  while (true) {
    const auto message = stream.Next(absl::Seconds(60));
    if (!message.ok()) return false;
    if (!message->has_value()) return told;
    told = (*message)->has_drain() && (*message)->drain().reason() == v1::DRAIN_REASON_SHUTDOWN;
  }
}

TEST(ServerStopTest, HealthSaysNotServingBeforeAnyStreamEnds) {
  const TempDir data;
  ServerChild server(data.path(), {"--set", "runtime.drain_delay=1s"});
  ASSERT_OK_AND_ASSIGN(const auto stream, OpenWatch(server.client()));
  const auto stub = grpc::health::v1::Health::NewStub(
      grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto watch = stub->Watch(&context, grpc::health::v1::HealthCheckRequest());
  HealthCheckResponse health;
  ASSERT_TRUE(watch->Read(&health));
  EXPECT_EQ(health.status(), HealthCheckResponse::SERVING);
  const absl::Time began = RealClock().TimeNow();
  server.process().Signal(SIGTERM);
  ASSERT_TRUE(watch->Read(&health));
  EXPECT_EQ(health.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_TRUE(absl::StartsWith(server.HttpGet("/healthz"), "HTTP/1.1 503"));
  EXPECT_THAT(server.client().ListCategories(v1::ListCategoriesRequest()), IsOk());
  EXPECT_TRUE(IsDrained(*stream));
  EXPECT_GE(RealClock().TimeNow() - began, absl::Seconds(1));
  EXPECT_EQ(server.process().Wait(), 0) << server.process().err();
}

TEST(ServerStopTest, TheEndsOfManyStreamsAreSpreadAndNoneIsCutOff) {
  const int streams = static_cast<int>(NumberFromEnvironment("MODELREF_DRAIN_STREAMS", 300));
  const absl::Duration spread = std::min(absl::Seconds(30), absl::Seconds(streams) / 100);
  const TempDir data;
  ServerChild server(data.path(), {"--set", "limits.streams_per_connection=10000"});
  std::vector<std::unique_ptr<WatchStream>> open;
  for (int i = 0; i < streams; ++i) {
    ASSERT_OK_AND_ASSIGN(auto stream, OpenWatch(server.client()));
    open.push_back(std::move(stream));
  }
  const absl::Time began = RealClock().TimeNow();
  server.process().Signal(SIGTERM);
  int drained = 0;
  absl::Duration half;
  for (const auto& stream : open) {
    drained += IsDrained(*stream) ? 1 : 0;
    if (drained == streams / 2) half = RealClock().TimeNow() - began;
  }
  const absl::Duration all = RealClock().TimeNow() - began;
  EXPECT_EQ(drained, streams);
  EXPECT_GT(half, spread * 0.2);
  EXPECT_GT(all, spread * 0.7);
  EXPECT_EQ(server.process().Wait(), 0) << server.process().err();
  EXPECT_LT(RealClock().TimeNow() - began, absl::Seconds(45));
  std::printf("%d streams: half drained after %s, all after %s, exit 0 after %s\n", streams,
              absl::FormatDuration(half).c_str(), absl::FormatDuration(all).c_str(),
              absl::FormatDuration(RealClock().TimeNow() - began).c_str());
}

TEST(ServerStopTest, ASecondSignalForcesTheEnd) {
  const TempDir data;
  ServerChild server(data.path(), {"--set", "runtime.drain_delay=1h"});
  server.process().Signal(SIGTERM);
  ASSERT_TRUE(server.process().WaitForText("err", "server.draining"));
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 128 + SIGTERM);
}

// What systemd would hear.
class Listener {
 public:
  explicit Listener(const std::string& path) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Listener() { close(fd_); }
  // Takes in what has come; how often `message` was among it so far.
  int Count(const std::string& message) {
    char buffer[256];
    ssize_t size = 0;
    while ((size = recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
      heard_.emplace_back(buffer, static_cast<size_t>(size));
    }
    return static_cast<int>(std::count(heard_.begin(), heard_.end(), message));
  }
  const std::vector<std::string>& heard() const { return heard_; }

 private:
  const int fd_;
  std::vector<std::string> heard_;
};

TEST(SystemdTest, IsToldOfTheStartTheEndAndThatAllIsWell) {
  const TempDir data;
  const TempDir run;
  Listener systemd(run.PathOf("notify"));
  ServerChild server(data.path(), {},
                     {{"NOTIFY_SOCKET", run.PathOf("notify")}, {"WATCHDOG_USEC", "600000"}});
  EXPECT_EQ(systemd.Count("READY=1"), 1);
  EXPECT_TRUE(Eventually([&] { return systemd.Count("WATCHDOG=1") >= 4; }));
  EXPECT_GE(server.Metric("modelref_self_probes_total"), 3);
  EXPECT_EQ(server.Metric("modelref_self_probe_ok"), 1);
  EXPECT_EQ(systemd.Count("STOPPING=1"), 0);
  server.process().Signal(SIGTERM);
  EXPECT_TRUE(Eventually([&] { return systemd.Count("STOPPING=1") == 1; }));
  EXPECT_EQ(server.process().Wait(), 0);
}

TEST(SystemdTest, AServerThatCannotAnswerItselfFeedsNoWatchdogUntilItCan) {
  const TempDir data;
  const TempDir run;
  Listener systemd(run.PathOf("notify"));
  ServerChild server(data.path(), {"--set", "runtime.self_probe_timeout=200ms"},
                     {{"NOTIFY_SOCKET", run.PathOf("notify")}, {"WATCHDOG_USEC", "600000"}});
  EXPECT_TRUE(Eventually([&] { return systemd.Count("WATCHDOG=1") >= 2; }));
  // No further descriptor, so no connection either.
  rlimit before{};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  const rlimit none = {3, before.rlim_max};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &none, nullptr), 0);
  EXPECT_TRUE(
      Eventually([&] { return server.LogLines("error", "self_probe.failed").size() >= 1; }));
  const int fed = systemd.Count("WATCHDOG=1");
  EXPECT_TRUE(
      Eventually([&] { return server.LogLines("error", "self_probe.failed").size() >= 4; }));
  EXPECT_LE(systemd.Count("WATCHDOG=1"), fed + 1);
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  EXPECT_TRUE(Eventually([&] { return systemd.Count("WATCHDOG=1") >= fed + 3; }));
  EXPECT_EQ(server.LogLines("info", "self_probe.recovered").size(), 1);
  EXPECT_EQ(server.Metric("modelref_self_probe_ok"), 1);
  EXPECT_GE(server.Metric("modelref_self_probe_failures_total"), 4);
}

TEST(SystemdTest, ServesOnTheSocketThatWasPassed) {
  const TempDir data;
  data.Write("clip.json", Models(1, 3));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);  // Inherited.
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 16), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  Child server(
      "/bin/bash",
      {"-c", absl::StrCat("exec 3<&", fd, "; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=grpc exec ",
                          testing::BinaryDir(), "/bin/modelrefd --listen systemd:grpc",
                          " --admin-listen none --data-dir ", data.path())});
  close(fd);
  ASSERT_TRUE(server.WaitForText("err", "server.started")) << server.err();
  ClientOptions options;
  options.address = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  EXPECT_TRUE(absl::StrContains(server.err(), options.address)) << server.err();
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Create(options));
  v1::GetCategoryRequest request;
  request.set_category("clip");
  EXPECT_THAT(client->GetCategory(request), IsOk());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

TEST(SystemdTest, AnAddressWithoutAPassedSocketIsOneLine) {
  const TempDir data;
  Child server("modelrefd",
               {"--data-dir", data.path(), "--listen", "systemd", "--admin-listen", "none"});
  EXPECT_EQ(server.Wait(), 1);
  EXPECT_TRUE(absl::StrContains(server.err(), "systemd passed no sockets")) << server.err();
}

}  // namespace
}  // namespace modelref
