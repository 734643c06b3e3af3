#include "clients/cpp/address.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;

TEST(ServerAddressTest, HostAndPortAreResolvedByDns) {
  ASSERT_OK_AND_ASSIGN(const ServerAddress address, ParseServerAddress("ref.example.net:443"));
  EXPECT_EQ(address.target, "dns:///ref.example.net:443");
  EXPECT_EQ(address.text, "ref.example.net:443");
  EXPECT_FALSE(address.local);
}

TEST(ServerAddressTest, OnlyLoopbackAndUnixSocketsAreLocal) {
  for (const char* text : {"localhost:1", "127.0.0.1:50051", "127.9.9.9:1", "[::1]:50051",
                           "LOCALHOST:1", "unix:/run/modelref.sock"}) {
    ASSERT_OK_AND_ASSIGN(const ServerAddress address, ParseServerAddress(text));
    EXPECT_TRUE(address.local) << text;
  }
  for (const char* text :
       {"10.0.0.1:1", "[2001:db8::1]:1", "0.0.0.0:1", "localhost.example:1", "128.0.0.1:1"}) {
    ASSERT_OK_AND_ASSIGN(const ServerAddress address, ParseServerAddress(text));
    EXPECT_FALSE(address.local) << text;
  }
}

TEST(ServerAddressTest, UnixSocketKeepsItsPath) {
  ASSERT_OK_AND_ASSIGN(const ServerAddress address, ParseServerAddress("unix:/run/m.sock"));
  EXPECT_EQ(address.target, "unix:/run/m.sock");
}

TEST(ServerAddressTest, NonsenseIsRefusedWithTheRightForm) {
  for (const std::string& text :
       {std::string(), std::string("localhost"), std::string("localhost:"),
        std::string("localhost:0"), std::string("localhost:65536"), std::string(":50051"),
        std::string("::1:50051"), std::string("http://localhost:1"), std::string("a b:1"),
        std::string("unix:"), absl::StrCat("unix:/", std::string(200, 'x')),
        absl::StrCat(std::string(300, 'h'), ":1"), std::string("host:1\n")}) {
    const auto address = ParseServerAddress(text);
    EXPECT_THAT(address, HasReason("BAD_ADDRESS")) << text;
    EXPECT_NE(std::string(address.status().message()).find("host:port"), std::string::npos);
  }
}

}  // namespace
}  // namespace modelref
