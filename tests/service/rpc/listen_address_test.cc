#include "service/rpc/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "tests/service/rpc/rpc_test_server.h"

namespace modelref::testing {
namespace {

using ::testing::HasSubstr;

void AddPeer(MethodTable* table) {
  AddText(table, "/test.Echo/Peer", [](const CallContext& context, const std::string&) {
    return absl::StatusOr<std::string>(
        absl::StrCat(context.peer(), context.is_local_peer() ? " local" : " remote"));
  });
}

TestServer::Options ListenOn(const std::string& address) {
  return [address](RpcServerOptions* options) { options->listen = {{address, nullptr}}; };
}

std::string SocketPath(const std::string& name) {
  return absl::StrCat(::testing::TempDir(), "/modelref-", getpid(), "-", name, ".sock");
}

// Leaves a socket file behind that nobody listens on, as a killed server does.
void MakeStaleSocket(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
}

TEST(ListenTest, PortInUseNamesTheAddressAndSaysWhatToDo) {
  TestServer first(AddPeer);
  const std::string address = first->addresses().at(0);
  TestServer second(AddPeer, ListenOn(address));
  EXPECT_EQ(second.start_status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(second.start_status()), "ADDRESS_IN_USE");
  EXPECT_THAT(std::string(second.start_status().message()), HasSubstr(address));
  EXPECT_TRUE(first.Call("/test.Echo/Peer", "").ok());
}

TEST(ListenTest, FailureOfOneAddressOpensNone) {
  TestServer first(AddPeer);
  const std::string path = SocketPath("none");
  TestServer second(AddPeer, [&](RpcServerOptions* options) {
    options->listen = {{absl::StrCat("unix:", path), nullptr}, {first->addresses().at(0), nullptr}};
  });
  EXPECT_EQ(ReasonOf(second.start_status()), "ADDRESS_IN_USE");
  EXPECT_THAT(std::string(second.start_status().message()), HasSubstr(first->addresses().at(0)));
  TestServer third(AddPeer, ListenOn(absl::StrCat("unix:", path)));
  EXPECT_TRUE(third.start_status().ok()) << third.start_status();
}

TEST(ListenTest, BadAddressesAreInvalid) {
  for (const char* address : {"", "nonsense", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", ":80",
                              "::1:80", "unix:", "203.0.113.7:0"}) {
    TestServer server(AddPeer, ListenOn(address));
    EXPECT_EQ(server.start_status().code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_EQ(ReasonOf(server.start_status()), "ADDRESS_INVALID") << address;
  }
  TestServer nowhere(AddPeer, [](RpcServerOptions* options) { options->listen.clear(); });
  EXPECT_EQ(ReasonOf(nowhere.start_status()), "ADDRESS_INVALID");
}

TEST(ListenTest, SeveralAddressesServeTheSame) {
  const std::string path = SocketPath("several");
  TestServer server(AddPeer, [&](RpcServerOptions* options) {
    options->listen.push_back({absl::StrCat("unix:", path), nullptr});
  });
  ASSERT_TRUE(server.start_status().ok()) << server.start_status();
  EXPECT_NE(server->port(0), 0);
  EXPECT_EQ(server->port(1), 0);
  EXPECT_EQ(server->addresses().at(0), absl::StrCat("127.0.0.1:", server->port(0)));
  EXPECT_EQ(server->addresses().at(1), absl::StrCat("unix:", path));
  EXPECT_THAT(*server.Call("/test.Echo/Peer", ""), HasSubstr("ipv4:127.0.0.1:"));
}

TEST(ListenTest, UnixPeerIsLocal) {
  TestServer server(AddPeer, ListenOn(absl::StrCat("unix:", SocketPath("peer"))));
  ASSERT_TRUE(server.start_status().ok()) << server.start_status();
  const auto peer = server.Call("/test.Echo/Peer", "");
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_THAT(*peer, ::testing::StartsWith("unix:"));
  EXPECT_THAT(*peer, ::testing::EndsWith(" local"));
}

TEST(ListenTest, Ipv6LoopbackPeerIsLocal) {
  TestServer server(AddPeer, ListenOn("[::1]:0"));
  if (!server.start_status().ok()) GTEST_SKIP() << "no IPv6: " << server.start_status();
  const auto peer = server.Call("/test.Echo/Peer", "");
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_THAT(*peer, ::testing::StartsWith("ipv6:[::1]:"));
  EXPECT_THAT(*peer, ::testing::EndsWith(" local"));
}

TEST(ListenTest, StaleUnixSocketIsReplaced) {
  const std::string path = SocketPath("stale");
  MakeStaleSocket(path);
  TestServer server(AddPeer, ListenOn(absl::StrCat("unix:", path)));
  ASSERT_TRUE(server.start_status().ok()) << server.start_status();
  EXPECT_TRUE(server.Call("/test.Echo/Peer", "").ok());
}

TEST(ListenTest, UnixSocketOfALivingServerIsLeftAlone) {
  const std::string address = absl::StrCat("unix:", SocketPath("living"));
  TestServer first(AddPeer, ListenOn(address));
  TestServer second(AddPeer, ListenOn(address));
  EXPECT_EQ(ReasonOf(second.start_status()), "ADDRESS_IN_USE");
  EXPECT_TRUE(first.Call("/test.Echo/Peer", "").ok());
}

TEST(ListenTest, FileInTheSocketsPlaceIsLeftAlone) {
  const std::string path = SocketPath("file");
  std::ofstream(path) << "precious";
  TestServer server(AddPeer, ListenOn(absl::StrCat("unix:", path)));
  EXPECT_EQ(ReasonOf(server.start_status()), "ADDRESS_INVALID");
  std::string content;
  std::ifstream(path) >> content;
  EXPECT_EQ(content, "precious");
  std::remove(path.c_str());
}

TEST(LocalPeerTest, OnlyLoopbackAndUnixAreLocal) {
  for (const char* local : {"ipv4:127.0.0.1:1", "ipv4:127.9.9.9:1", "ipv6:[::1]:1",
                            "ipv6:[::ffff:127.0.0.1]:1", "unix:", "unix:/run/x"}) {
    EXPECT_TRUE(IsLocalPeer(local)) << local;
  }
  for (const char* remote : {"", "ipv4:10.0.0.1:1", "ipv4:1.127.0.0:1", "ipv6:[::ffff:10.0.0.1]:1",
                             "ipv6:[::10]:1", "ipv6:[2001:db8::1]:1", "unknown"}) {
    EXPECT_FALSE(IsLocalPeer(remote)) << remote;
  }
}

}  // namespace
}  // namespace modelref::testing
