#include "backends/base/digested_bytes.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace modelref {
namespace {

std::string Filler(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i * 131 % 251));
  return bytes;
}

TEST(DigestedBytesTest, TheDigestOfEverySizeAroundAStepIsSha256) {
  for (const size_t size : {0, 1, 63, 64, 2047, 2048, 2049, 4095, 4096, 4097, 10000}) {
    DigestedBytes digested;
    digested.Append(Filler(size));
    EXPECT_EQ(digested.Digest(), Sha256(Filler(size))) << size;
    EXPECT_EQ(digested.Digest(), Sha256(Filler(size))) << size << ", asked again";
  }
}

TEST(DigestedBytesTest, AppendedPiecesCountAlsoAfterADigest) {
  DigestedBytes digested;
  std::string plain;
  for (size_t piece = 0; piece < 50; ++piece) {
    digested.Append(Filler(piece * 7));
    plain += Filler(piece * 7);
    ASSERT_EQ(digested.Digest(), Sha256(plain)) << piece;
  }
  EXPECT_EQ(digested.bytes(), plain);
}

TEST(DigestedBytesTest, AReplacedPartAnywhereGivesTheDigestOfAllBytes) {
  std::string plain = Filler(9000);
  DigestedBytes digested;
  digested.Append(plain);
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    const size_t size = 1 + random() % 64;
    const size_t at = random() % (plain.size() - size + 1);
    const std::string part(size, static_cast<char>(random()));
    plain.replace(at, size, part);
    digested.Replace(at, part);
    // Several replacements may come between two digests.
    if (round % 3 != 0) continue;
    ASSERT_EQ(digested.Digest(), Sha256(plain)) << round << " at " << at;
  }
}

TEST(DigestedBytesTest, PartsAtTheBorderOfAStepAreNotMissed) {
  for (const size_t at : {0, 2047, 2048, 2049, 4095, 4096, 6143}) {
    std::string plain = Filler(6144);
    DigestedBytes digested;
    digested.Append(plain);
    digested.Digest();
    plain[at] = static_cast<char>(plain[at] + 1);
    digested.Replace(at, plain.substr(at, 1));
    EXPECT_EQ(digested.Digest(), Sha256(plain)) << at;
  }
}

TEST(DigestedBytesTest, ACopyDoesNotFollowTheOriginal) {
  DigestedBytes original;
  original.Append(Filler(5000));
  const Sha256Digest before = original.Digest();
  DigestedBytes copy = original;
  original.Replace(10, "changed");
  EXPECT_NE(original.Digest(), before);
  EXPECT_EQ(copy.Digest(), before);
}

}  // namespace
}  // namespace modelref
