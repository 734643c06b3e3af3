// modelrefctl as a process: start-up, pipes, signals and descriptors. Needs no server.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/modelrefctl_child.h"

namespace modelref {
namespace {

using ::modelref::testing::Child;
using ::modelref::testing::RunShell;
using ::modelref::testing::ShellResult;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Accepts connections and never says a word.
class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 16), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() {
    close(fd_);
    if (connection_ >= 0) close(connection_);
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  // Blocks until somebody connects.
  void Accept() {
    const int connection = accept(fd_, nullptr, nullptr);
    EXPECT_GE(connection, 0);
    connection_ = connection;
  }

 private:
  const int fd_;
  int connection_ = -1;
  int port_ = 0;
};

TEST(ModelrefctlProcessTest, StartsInTwentyMillisecondsOfProcessorTime) {
  if (kSanitized) GTEST_SKIP() << "sanitizers take longer to start";
  absl::Duration best = absl::InfiniteDuration();
  for (int i = 0; i < 10; ++i) {
    Child child("modelrefctl", {"version"});
    ASSERT_EQ(child.Wait(), 0);
    best = std::min(best, child.cpu_time());
  }
  EXPECT_LT(best, absl::Milliseconds(20));
}

TEST(ModelrefctlProcessTest, ReaderThatLeavesEarlyIsNoError) {
  const ShellResult result = RunShell("modelrefctl help | head -n 1");
  EXPECT_EQ(result.out, "Examples:\n");
  EXPECT_EQ(result.err, "");
}

TEST(ModelrefctlProcessTest, FullDiskIsAnErrorThatSaysSo) {
  const ShellResult result = RunShell("modelrefctl help > /dev/full");
  EXPECT_EQ(result.code, 1);
  EXPECT_TRUE(absl::StrContains(result.err, "No space left")) << result.err;
}

TEST(ModelrefctlProcessTest, InterruptEndsAWatchAndAPlainCallWithItsCode) {
  for (const char* command : {"watch", "info"}) {
    SilentServer server;
    Child child("modelrefctl", {command, "--server", server.address(), "--timeout", "30s"});
    server.Accept();
    child.Signal(SIGINT);
    EXPECT_EQ(child.Wait(), 130) << command << child.err();
    EXPECT_EQ(child.out(), "") << command;
  }
}

TEST(ModelrefctlProcessTest, SilentServerIsATimeout) {
  SilentServer server;
  Child child("modelrefctl", {"category", "list", "-s", server.address(), "--timeout", "200ms"});
  EXPECT_EQ(child.Wait(), 8);
  EXPECT_TRUE(absl::StrContains(child.err(), "--timeout")) << child.err();
}

TEST(ModelrefctlProcessTest, NothingOnStdoutAndExitCodeTwoForWrongUse) {
  for (const char* line :
       {"modelrefctl", "modelrefctl catgory list", "modelrefctl category list -o",
        "modelrefctl category list --server nonsense"}) {
    const ShellResult result = RunShell(line);
    EXPECT_EQ(result.code, 2) << line << result.err;
    EXPECT_EQ(result.out, "") << line;
    EXPECT_NE(result.err, "") << line;
  }
}

}  // namespace
}  // namespace modelref
