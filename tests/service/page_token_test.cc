#include "service/page_token.h"

#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/ascii.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

PageToken SomeToken() {
  PageToken token;
  token.query_hash = 0x0123456789ABCDEF;
  token.revision = 42;
  token.etag_prefix = std::numeric_limits<uint64_t>::max();
  token.order_end = 1000;
  token.key_missing = true;
  token.key = uint64_t{1} << 63;
  token.name = "author/A \"model\" ü";
  return token;
}

bool IsRefused(absl::string_view text) {
  const auto token = DecodePageToken(text);
  return token.status().code() == absl::StatusCode::kInvalidArgument &&
         ReasonOf(token.status()) == "BAD_PAGE_TOKEN";
}

TEST(PageTokenTest, ComesBackAsItWas) {
  PageToken token = SomeToken();
  for (const std::string& name :
       {std::string(), std::string("a"), std::string("ab"), token.name, std::string(512, 'x')}) {
    token.name = name;
    token.key_missing = !token.key_missing;
    const auto decoded = DecodePageToken(EncodePageToken(token));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, token);
  }
}

TEST(PageTokenTest, IsSafeInUrlsAndShellWords) {
  for (const char c : EncodePageToken(SomeToken())) {
    EXPECT_TRUE(absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') << c;
  }
}

TEST(PageTokenTest, DamageOfAnyCharacterIsNoticed) {
  // Three lengths: base64 leaves other bits unused in each.
  for (const char* name : {"x", "xy", "xyz"}) {
    PageToken token = SomeToken();
    token.name = name;
    const std::string text = EncodePageToken(token);
    for (size_t i = 0; i < text.size(); ++i) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string damaged = text;
        damaged[i] = static_cast<char>(byte);
        EXPECT_EQ(IsRefused(damaged), damaged != text) << i << " " << byte;
      }
    }
  }
}

TEST(PageTokenTest, MissingAndAddedCharactersAreNoticed) {
  const std::string text = EncodePageToken(SomeToken());
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_TRUE(IsRefused(text.substr(0, size)));
    EXPECT_TRUE(IsRefused(text.substr(size + 1)));
    EXPECT_TRUE(IsRefused(text.substr(0, size) + " " + text.substr(size)));
    EXPECT_TRUE(IsRefused(text.substr(0, size) + "A" + text.substr(size)));
  }
  EXPECT_TRUE(IsRefused(text + "="));
  EXPECT_TRUE(IsRefused(text + text));
}

TEST(PageTokenTest, AbsurdTextIsRefused) {
  EXPECT_TRUE(IsRefused(std::string(1 << 20, 'A')));
  EXPECT_TRUE(IsRefused(absl::string_view("\0\0\0\0", 4)));
}

TEST(PageTokenTest, TheErrorNamesTheField) {
  const auto violations = ExtrasOf(DecodePageToken("?").status()).field_violations;
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].field, "page_token");
}

}  // namespace
}  // namespace modelref
