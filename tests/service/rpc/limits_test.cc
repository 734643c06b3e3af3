// What one caller or connection may ask of a server, through a real port.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "tests/service/rpc/rpc_test_server.h"
#include "tests/service/rpc/stream_feed.h"

namespace modelref::testing {
namespace {

void AddEcho(MethodTable* table) { AddText(table, "/test.Echo/Echo", Echo); }

// A stream that says "open" and then waits until it is drained.
class OpenStream final : public StreamSource {
 public:
  StreamStep Next(StreamPhase phase) override {
    if (phase != StreamPhase::kServing) return EndStream{absl::OkStatus()};
    if (std::exchange(said_, true)) return WaitForWake{};
    return SendMessage{*SerializeMessage(MakeText("open"))};
  }

 private:
  bool said_ = false;
};

void AddOpenStream(MethodTable* table) {
  table->ServerStream<Text>("/test.Echo/Open",
                            [](const CallContext&, const Text&,
                               const Waker&) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
                              return std::make_unique<OpenStream>();
                            });
}

void AddBoth(MethodTable* table) {
  AddEcho(table);
  AddOpenStream(table);
}

absl::StatusOr<std::string> CallWithMetadata(TestServer& server, size_t bytes) {
  grpc::ClientContext context;
  context.AddMetadata("x-filler", std::string(bytes, 'x'));
  return server.Call("/test.Echo/Echo", "hello", &context);
}

TEST(LimitsTest, SixtyKilobytesOfMetadataAreTaken) {
  TestServer server(AddBoth);
  const auto answer = CallWithMetadata(server, 60 << 10);
  EXPECT_TRUE(answer.ok()) << answer.status();
}

TEST(LimitsTest, TooMuchMetadataEndsItsOwnCallOnly) {
  TestServer server(AddBoth);
  TestStream stream(server.channel(), "/test.Echo/Open", "");
  ASSERT_EQ(stream.Read().value_or(""), "open");
  for (const size_t bytes : {size_t{70} << 10, size_t{200} << 10}) {
    const auto refused = CallWithMetadata(server, bytes);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted) << refused.status();
    EXPECT_EQ(ReasonOf(refused.status()), "METADATA_TOO_LARGE") << refused.status();
  }
  EXPECT_TRUE(server.Call("/test.Echo/Echo", "still here").ok());
  server->BeginDrain(absl::ZeroDuration());
  // Ended by the server as planned, not cut off with its connection.
  EXPECT_EQ(stream.Read().status().code(), absl::StatusCode::kOutOfRange);
}

TEST(LimitsTest, NoStreamIsOpenedWhileMemoryIsShort) {
  TestServer server(AddBoth);
  server->SetMemoryShort(true);
  TestStream refused(server.channel(), "/test.Echo/Open", "");
  const absl::Status status = refused.Read().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "MEMORY_LIMIT");
  EXPECT_TRUE(server.Call("/test.Echo/Echo", "unary calls go on").ok());
  server->SetMemoryShort(false);
  TestStream taken(server.channel(), "/test.Echo/Open", "");
  EXPECT_EQ(taken.Read().value_or(""), "open");
}

TEST(LimitsTest, PeersThatSayNothingAreGoneAfterTheHandshakeTimeout) {
  TestServer server(AddBoth, [](RpcServerOptions* options) {
    options->keepalive.handshake_timeout = absl::Milliseconds(200);
  });
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(server->port()));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  std::string heard(4096, '\0');
  const timeval patience = {60, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ssize_t size = 0;
  // Our SETTINGS come first.
  while ((size = recv(fd, heard.data(), heard.size(), 0)) > 0) {
  }
  EXPECT_EQ(size, 0) << "the connection was not closed";
  close(fd);
}

TEST(LimitsTest, DrainedStreamsAreAwaited) {
  TestServer server(AddBoth);
  std::vector<std::unique_ptr<TestStream>> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(std::make_unique<TestStream>(server.channel(), "/test.Echo/Open", ""));
    ASSERT_EQ(streams.back()->Read().value_or(""), "open");
  }
  EXPECT_FALSE(server->AwaitDrained(absl::Milliseconds(20)));
  server->BeginDrain(absl::Milliseconds(200));
  EXPECT_TRUE(server->AwaitDrained(kPatience));
}

TEST(LimitsTest, UnixSocketHasItsPermissionsFromTheStartAndGoesWithTheServer) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/modelref-", getpid(), "-mode.sock");
  struct stat info {};
  {
    TestServer server(AddEcho, [&](RpcServerOptions* options) {
      options->listen = {{absl::StrCat("unix:", path), nullptr}};
      options->unix_socket_mode = 0660;
    });
    ASSERT_TRUE(server.start_status().ok()) << server.start_status();
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0660u);
    EXPECT_TRUE(server.Call("/test.Echo/Echo", "").ok());
  }
  EXPECT_NE(stat(path.c_str(), &info), 0);
}

}  // namespace
}  // namespace modelref::testing
