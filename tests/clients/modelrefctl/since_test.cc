#include "clients/modelrefctl/since.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "clients/modelrefctl/exit_codes.h"
#include "tests/testing/status_matchers.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::IsOk;

const std::string kEpoch(32, 'a');

TEST(SinceTest, PositionIsRevisionWithEpochAndChainAsGiven) {
  v1::WatchRequest request;
  ASSERT_THAT(ParseSince("812", &request), IsOk());
  EXPECT_EQ(request.position().revision(), 812u);
  EXPECT_EQ(request.position().epoch(), "");
  ASSERT_THAT(ParseSince(kEpoch + ":0", &request), IsOk());
  EXPECT_EQ(request.position().revision(), 0u);
  EXPECT_EQ(request.position().epoch(), std::string(16, '\xaa'));
  EXPECT_EQ(request.position().chain(), "");
  ASSERT_THAT(ParseSince(kEpoch + ":18446744073709551615:0123456789abcdef", &request), IsOk());
  EXPECT_EQ(request.position().revision(), 18446744073709551615u);
  EXPECT_EQ(ToHex(request.position().chain()), "0123456789abcdef");
}

TEST(SinceTest, TokenIsHexadecimalOrBase64) {
  std::string token;
  for (int i = 0; i < 60; ++i) token.push_back(static_cast<char>(i * 37));
  for (const std::string& text :
       {ToHex(token), absl::Base64Escape(token), absl::WebSafeBase64Escape(token)}) {
    v1::WatchRequest request;
    ASSERT_THAT(ParseSince(text, &request), IsOk());
    EXPECT_EQ(request.resume_token(), token);
  }
  // A token of decimal digits only is still no revision.
  v1::WatchRequest request;
  ASSERT_THAT(ParseSince(std::string(48, '1'), &request), IsOk());
  EXPECT_EQ(request.resume_token(), std::string(24, '\x11'));
}

TEST(SinceTest, AnythingElseIsRefusedBeforeTheServerIsAsked) {
  for (const std::string& text :
       {std::string(""), std::string("18446744073709551616"), std::string("yesterday!"),
        std::string("abc:5"), kEpoch + ":", kEpoch + ":x", kEpoch + ":5:12",
        kEpoch + ":5:0123456789abcdef:6", std::string(":5"), std::string("-5")}) {
    v1::WatchRequest request;
    EXPECT_TRUE(IsUsageError(ParseSince(text, &request))) << text;
  }
}

}  // namespace
}  // namespace modelref::ctl
