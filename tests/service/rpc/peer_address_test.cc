#include "service/rpc/peer_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

namespace modelref {
namespace {

TEST(PeerAddressTest, APeersOriginIsItsAddressOrTheNetOfItsHost) {
  EXPECT_EQ(OriginOf("ipv4:10.0.0.7:51234"), "10.0.0.7");
  EXPECT_EQ(OriginOf("ipv6:[2001:db8:1:2:3:4:5:6]:51234"), "2001:db8:1:2::/64");
  EXPECT_EQ(OriginOf("ipv6:[2001:db8:1:2:ffff::1]:1"), "2001:db8:1:2::/64");
  EXPECT_NE(OriginOf("ipv6:[2001:db8:1:3::1]:1"), "2001:db8:1:2::/64");
  EXPECT_EQ(OriginOf("ipv6:[fe80::1%eth0]:1"), "fe80::/64");
  EXPECT_EQ(OriginOf("ipv6:[::ffff:10.0.0.7]:1"), "10.0.0.7");
}

TEST(PeerAddressTest, WhatIsNotUnderstoodIsItsOwnOrigin) {
  EXPECT_EQ(OriginOf("unix:"), "unix");
  EXPECT_EQ(OriginOf("ipv6:[nonsense]:7"), "ipv6:[nonsense]");
  EXPECT_EQ(OriginOf("ipv6:["), "ipv6");
  EXPECT_EQ(OriginOf(""), "");
  EXPECT_EQ(OriginOf("vsock:1:2"), "vsock:1");
}

TEST(PeerAddressTest, ASocketAndItsPeerHaveOneOrigin) {
  sockaddr_storage storage{};
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  v6->sin6_family = AF_INET6;
  for (const char* text : {"2001:db8::5", "::1", "::ffff:192.0.2.1"}) {
    ASSERT_EQ(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    EXPECT_EQ(OriginOf(storage), OriginOf(std::string("ipv6:[") + text + "]:9")) << text;
  }
}

}  // namespace
}  // namespace modelref
