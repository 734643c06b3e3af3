#include "service/auth/caller.h"

#include <gtest/gtest.h>

namespace modelref {
namespace {

TEST(CallerTest, EachRoleIncludesTheOnesBeforeAndAWorkerReads) {
  const Role ladder[] = {Role::kReader, Role::kRequestor, Role::kApprover, Role::kAdmin};
  for (size_t held = 0; held < 4; ++held) {
    for (size_t needed = 0; needed < 4; ++needed) {
      EXPECT_EQ(Includes(ladder[held], ladder[needed]), held >= needed) << held << " " << needed;
    }
    EXPECT_TRUE(Includes(ladder[held], Role::kNone));
    EXPECT_FALSE(Includes(Role::kNone, ladder[held]));
  }
  EXPECT_TRUE(Includes(Role::kWorker, Role::kReader));
  EXPECT_TRUE(Includes(Role::kWorker, Role::kWorker));
  EXPECT_FALSE(Includes(Role::kWorker, Role::kRequestor));
  EXPECT_FALSE(Includes(Role::kWorker, Role::kAdmin));
  EXPECT_FALSE(Includes(Role::kApprover, Role::kWorker));
  EXPECT_TRUE(Includes(Role::kAdmin, Role::kWorker));
}

TEST(CallerTest, RolesHaveNames) {
  for (const Role role :
       {Role::kReader, Role::kRequestor, Role::kApprover, Role::kAdmin, Role::kWorker}) {
    EXPECT_EQ(FindRole(RoleName(role)), role);
  }
  EXPECT_EQ(FindRole("none"), std::nullopt);
  EXPECT_EQ(FindRole("root"), std::nullopt);
}

TEST(CallerTest, OnlyThisMachineIsLocal) {
  EXPECT_EQ(PeerKindOf("unix:/run/modelref.sock"), PeerKind::kUnix);
  EXPECT_EQ(PeerKindOf("unix:"), PeerKind::kUnix);
  EXPECT_EQ(PeerKindOf("unix-abstract:name"), PeerKind::kUnix);
  EXPECT_EQ(PeerKindOf("ipv4:127.0.0.1:1"), PeerKind::kLoopback);
  EXPECT_EQ(PeerKindOf("ipv4:127.9.9.9:1"), PeerKind::kLoopback);
  EXPECT_EQ(PeerKindOf("ipv6:[::1]:1"), PeerKind::kLoopback);
  EXPECT_EQ(PeerKindOf("ipv6:%5B::1%5D:1"), PeerKind::kLoopback);
  EXPECT_EQ(PeerKindOf("ipv6:[::ffff:127.0.0.1]:1"), PeerKind::kLoopback);
  for (const char* remote :
       {"ipv4:10.0.0.7:1", "ipv4:1.127.0.0:1", "ipv6:[::2]:1", "ipv6:[::1:2]:1",
        "ipv6:[::ffff:10.0.0.1]:1", "ipv6:[fe80::1]:1", "", "dns:localhost:1", "127.0.0.1:1"}) {
    EXPECT_EQ(PeerKindOf(remote), PeerKind::kRemote) << remote;
  }
}

}  // namespace
}  // namespace modelref
