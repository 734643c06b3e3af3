#include "service/rpc/acceptor.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/mutex.h"
#include "tests/service/rpc/rpc_test_server.h"

namespace modelref::testing {
namespace {

// An acceptor on a free port whose connections are kept here.
class Door {
 public:
  explicit Door(const Acceptor::Options& options, const std::string& address = "127.0.0.1:0")
      : acceptor_(options) {
    auto sockets = OpenListenSockets(address, ListenSocketOptions());
    EXPECT_TRUE(sockets.ok()) << sockets.status();
    port_ = sockets->front().port();
    for (ListenSocket& socket : *sockets) {
      acceptor_.Add(std::move(socket), [this](UniqueFd connection) {
        MutexLock lock(&mutex_);
        connections_.push_back(std::move(connection));
      });
    }
    acceptor_.Start();
  }
  ~Door() { acceptor_.Stop(); }

  // A connection to it, whether or not it is accepted. Not valid when there is no descriptor.
  UniqueFd Connect() const {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port_));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!fd.valid()) return fd;
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    return fd;
  }

  size_t kept() {
    MutexLock lock(&mutex_);
    return connections_.size();
  }
  void CloseAll() {
    MutexLock lock(&mutex_);
    connections_.clear();
  }
  uint64_t Refused(RefusedConnection reason) const {
    return acceptor_.Stats().refused[static_cast<size_t>(reason)];
  }

 private:
  Mutex mutex_;
  std::vector<UniqueFd> connections_ ABSL_GUARDED_BY(mutex_);
  Acceptor acceptor_;
  int port_ = 0;
};

Acceptor::Options Limited(size_t connections, size_t per_origin) {
  Acceptor::Options options;
  options.limits = {connections, per_origin};
  return options;
}

// Whether the other side has closed it.
bool IsClosed(const UniqueFd& fd) {
  char byte = 0;
  return recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0;
}

// Descriptors that take up the whole table but for what the test itself is about to use.
class FullTable {
 public:
  explicit FullTable(size_t left) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest = UniqueFd(dup(0)).get();
    const rlimit low = {static_cast<rlim_t>(lowest) + left, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  }
  ~FullTable() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(AcceptorTest, ConnectionsBeyondTheLimitAreClosedAndThereIsRoomAgainAfterwards) {
  Door door(Limited(3, 100));
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(door.Connect());
  ASSERT_TRUE(Eventually([&] { return door.Refused(RefusedConnection::kTooMany) == 2; }));
  EXPECT_EQ(door.kept(), 3);
  EXPECT_TRUE(Eventually([&] { return IsClosed(clients[3]) && IsClosed(clients[4]); }));
  EXPECT_FALSE(IsClosed(clients[0]));
  door.CloseAll();
  // It may take a sweep until what was closed is noticed.
  EXPECT_TRUE(Eventually([&] {
    clients.push_back(door.Connect());
    return door.kept() > 0;
  }));
}

TEST(AcceptorTest, OneAddressMayHaveFewerThanAll) {
  Door door(Limited(100, 2));
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(door.Connect());
  EXPECT_TRUE(Eventually([&] { return door.Refused(RefusedConnection::kTooManyOfOrigin) == 1; }));
  EXPECT_EQ(door.kept(), 2);
}

TEST(AcceptorTest, AcceptingGoesOnAfterTheDescriptorsHaveRunOut) {
  Door door(Limited(1'000, 1'000));
  std::vector<UniqueFd> clients;
  {
    const FullTable full(6);
    for (int i = 0; i < 6; ++i) clients.push_back(door.Connect());
    EXPECT_TRUE(Eventually([&] { return door.Refused(RefusedConnection::kDescriptors) > 0; }));
  }
  clients.clear();
  const size_t before = door.kept();
  const UniqueFd after = door.Connect();
  ASSERT_TRUE(after.valid());
  EXPECT_TRUE(Eventually([&] { return door.kept() > before; }));
  EXPECT_FALSE(IsClosed(after));
}

TEST(AcceptorTest, AStormIsTakenAtTheConfiguredPace) {
  Acceptor::Options options = Limited(1'000, 1'000);
  options.per_second = 200;
  Door door(options);
  const auto began = std::chrono::steady_clock::now();
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(door.Connect());
  EXPECT_TRUE(Eventually([&] { return door.kept() == 100; }));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  EXPECT_GT(took.count(), 0.4);
}

}  // namespace
}  // namespace modelref::testing
