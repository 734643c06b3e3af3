#include "audit/chain.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

TEST(AuditChainTest, CoversThePreviousChainAllBytesSinceAndTheLine) {
  AuditChain chain;
  EXPECT_EQ(chain.head(), Sha256Digest{});
  const Sha256Digest first = Sha256(absl::StrCat(std::string(32, '\0'), "line 1"));
  EXPECT_EQ(chain.Seal("line 1"), first);
  chain.Cover("foreign");
  chain.Cover("\n");
  const Sha256Digest second = Sha256(absl::StrCat(AsBytes(first), "foreign\nline 2"));
  EXPECT_EQ(chain.Seal("line 2"), second);
  EXPECT_EQ(chain.head(), second);
}

TEST(AuditChainTest, ContinuesFromAHeadAndForgetsWhatWasPending) {
  AuditChain chain;
  chain.Cover("forgotten");
  const Sha256Digest head = Sha256("head");
  chain.Continue(head);
  EXPECT_EQ(chain.head(), head);
  EXPECT_EQ(chain.Seal("x"), Sha256(absl::StrCat(AsBytes(head), "x")));
}

}  // namespace
}  // namespace modelref
