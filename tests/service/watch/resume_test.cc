#include "service/watch/resume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::StatusIs;

ResumeToken SomeToken() {
  ResumeToken token;
  for (size_t i = 0; i < token.position.epoch.size(); ++i) {
    token.position.epoch[i] = static_cast<uint8_t>(0xF0 + i);
  }
  token.position.revision = 0x0123456789ABCDEF;
  token.position.chain = ChainPrefix{0, 1, 2, 3, 0xFC, 0xFD, 0xFE, 0xFF};
  token.filter_hash = 0xFEDCBA9876543210;
  token.documents_hash = 1;
  return token;
}

TEST(ResumeTest, ATokenIsWhatItWasMadeFrom) {
  ResumeToken token = SomeToken();
  EXPECT_THAT(DecodeResumeToken(EncodeResumeToken(token)), IsOkAndHolds(token));
  token.position.chain = std::nullopt;
  EXPECT_THAT(DecodeResumeToken(EncodeResumeToken(token)), IsOkAndHolds(token));
  EXPECT_THAT(DecodeResumeToken(EncodeResumeToken(ResumeToken())), IsOkAndHolds(ResumeToken()));
}

TEST(ResumeTest, EqualTokensAreEqualBytes) {
  EXPECT_EQ(EncodeResumeToken(SomeToken()), EncodeResumeToken(SomeToken()));
}

TEST(ResumeTest, ATokenThatIsCutOffOrLongerIsRefused) {
  const std::string token = EncodeResumeToken(SomeToken());
  for (size_t size = 0; size < token.size(); ++size) {
    EXPECT_THAT(DecodeResumeToken(token.substr(0, size)), HasReason("BAD_RESUME_TOKEN")) << size;
  }
  EXPECT_THAT(DecodeResumeToken(token + '\0'), HasReason("BAD_RESUME_TOKEN"));
  EXPECT_THAT(DecodeResumeToken(std::string(1 << 20, '\1')), HasReason("BAD_RESUME_TOKEN"));
}

TEST(ResumeTest, ATokenWithAnyBitChangedIsRefused) {
  const std::string token = EncodeResumeToken(SomeToken());
  for (size_t bit = 0; bit < token.size() * 8; ++bit) {
    std::string damaged = token;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_THAT(DecodeResumeToken(damaged), StatusIs(absl::StatusCode::kInvalidArgument)) << bit;
    EXPECT_THAT(DecodeResumeToken(damaged), HasReason("BAD_RESUME_TOKEN")) << bit;
  }
}

TEST(ResumeTest, RandomBytesAreNoToken) {
  std::mt19937 random(1);
  const size_t size = EncodeResumeToken(SomeToken()).size();
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes(size, '\1');
    for (size_t at = 1; at < size; ++at) bytes[at] = static_cast<char>(random());
    EXPECT_THAT(DecodeResumeToken(bytes), HasReason("BAD_RESUME_TOKEN"));
  }
}

}  // namespace
}  // namespace modelref
