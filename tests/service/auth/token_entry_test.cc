#include "service/auth/token_entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

constexpr char kLine[] =
    R"({"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","id":"ci",)"
    R"("name":"CI of the fleet","role":"requestor","created":"2026-01-02T03:04:05+00:00",)"
    R"("expires":"2027-01-02T03:04:05+00:00"})";

TokenEntry Entry(const std::string& secret, const std::string& id, Role role = Role::kReader) {
  TokenEntry entry;
  entry.sha256 = Sha256(secret);
  entry.id = id;
  entry.name = id;
  entry.role = role;
  return entry;
}

TEST(TokenEntryTest, ALineSaysWhoseTokenItIs) {
  ASSERT_OK_AND_ASSIGN(const std::vector<TokenEntry> entries, ParseTokens(kLine));
  TokenEntry expected = Entry("abc", "ci", Role::kRequestor);
  expected.name = "CI of the fleet";
  expected.created = absl::FromCivil(absl::CivilSecond(2026, 1, 2, 3, 4, 5), absl::UTCTimeZone());
  expected.expires = absl::FromCivil(absl::CivilSecond(2027, 1, 2, 3, 4, 5), absl::UTCTimeZone());
  EXPECT_THAT(entries, ElementsAre(expected));
  EXPECT_EQ(TokenFingerprint(entries[0]), "ba7816bf8f01");
}

TEST(TokenEntryTest, WhatIsWrittenIsReadAgain) {
  std::vector<TokenEntry> entries = {Entry("a", "ann", Role::kAdmin), Entry("b", "bob"),
                                     Entry("c", "ann", Role::kAdmin)};
  entries[1].name = "Bob \"the\\builder\" \xC3\xA9 : : :";
  entries[1].expires = absl::FromUnixSeconds(1'900'000'000);
  entries[2].created = absl::FromUnixSeconds(1'800'000'000);
  ASSERT_OK_AND_ASSIGN(const std::vector<TokenEntry> again, ParseTokens(FormatTokens(entries)));
  EXPECT_EQ(again, entries);
  EXPECT_EQ(FormatTokens(again), FormatTokens(entries));
}

TEST(TokenEntryTest, EmptyLinesMeanNothingAndSoDoesAMissingLineEnd) {
  ASSERT_OK_AND_ASSIGN(const auto none, ParseTokens("\n \r\n"));
  EXPECT_THAT(none, IsEmpty());
  ASSERT_OK_AND_ASSIGN(const auto one, ParseTokens(absl::StrCat("\n", kLine, "\r\n\n")));
  EXPECT_EQ(one.size(), 1u);
}

TEST(TokenEntryTest, TheNameOfAnEntryWithoutOneIsItsId) {
  const std::string line = absl::StrReplaceAll(kLine, {{R"("name":"CI of the fleet",)", ""}});
  ASSERT_OK_AND_ASSIGN(const auto entries, ParseTokens(line));
  EXPECT_EQ(entries[0].name, "ci");
}

TEST(TokenEntryTest, AnythingElseIsAnErrorThatNamesTheLineAndNotItsText) {
  const std::pair<const char*, const char*> changes[] = {
      {"ba7816bf", "BA7816BF"},
      {"ba7816bf", "ba7816b"},
      {"ba7816bf", "ba7816bg"},
      {"requestor", "none"},
      {"requestor", "Admin"},
      {"requestor", ""},
      {R"("requestor")", "7"},
      {R"("requestor")", R"(["admin"])"},
      {R"("requestor")", R"("reader","role":"admin")"},
      {R"("id":"ci")", R"("id":"")"},
      {R"("id":"ci")", R"("id":"c i")"},
      {R"("id":"ci")", R"("id":"ci\u0000")"},
      {R"("id":"ci")", R"("id":"ci","ID":"root")"},
      {R"("id":"ci",)", ""},
      {R"("role":"requestor",)", ""},
      {"CI of the fleet", "CI\\nof the fleet"},
      {"CI of the fleet", "CI\\ud800"},
      {"2027-01-02T03:04:05+00:00", "tomorrow"},
      {"2027-01-02T03:04:05+00:00", "2027-01-02"},
      {"2027-01-02T03:04:05+00:00", "infinite-future"},
      {"}", ""},
      {"}", "} {}"},
      {"{", "[{"},
  };
  for (const auto& [from, to] : changes) {
    const std::string line = absl::StrReplaceAll(kLine, {{from, to}});
    ASSERT_NE(line, kLine) << from;
    const absl::Status status = ParseTokens(absl::StrCat("\n", line)).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 2: ")))
        << line;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("7816"))) << status;
  }
  EXPECT_FALSE(ParseTokens(std::string(100'000, '[')).ok());
  EXPECT_FALSE(ParseTokens(absl::StrCat(kLine, "\n", kLine)).ok()) << "the same token twice";
}

TEST(TokenEntryTest, TokensOfOneIdAgreeInNameAndRole) {
  std::vector<TokenEntry> entries = {Entry("a", "ann", Role::kAdmin), Entry("b", "ann")};
  EXPECT_FALSE(ParseTokens(FormatTokens(entries)).ok());
  entries[1].role = Role::kAdmin;
  EXPECT_THAT(ParseTokens(FormatTokens(entries)), IsOk());
  entries[1].name = "another";
  EXPECT_FALSE(ParseTokens(FormatTokens(entries)).ok());
}

TEST(TokenEntryTest, IdsAndNamesThatCannotBeReadBackAreRefused) {
  EXPECT_THAT(CheckCallerId("CN=a"), IsOk());
  EXPECT_FALSE(CheckCallerId(std::string(129, 'a')).ok());
  EXPECT_FALSE(CheckCallerId("\xC3\xA9").ok());
  EXPECT_THAT(CheckCallerName("\xC3\xA9"), IsOk());
  EXPECT_FALSE(CheckCallerName("\xC3").ok());
  EXPECT_FALSE(CheckCallerName(std::string(257, 'a')).ok());
}

// Whatever happens to the bytes: an error, or entries that are written and read as the same.
TEST(TokenEntryTest, DamagedBytesNeverYieldWhatIsNotReadBack) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  const std::string whole = absl::StrCat(
      kLine, "\n", FormatTokens({Entry("x", "bob", Role::kWorker), Entry("y", "eve")}));
  const std::string alphabet = "\"\\{}[]:,\n 0aZ\xFF\x01u";
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole;
    for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits) {
      const size_t place = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[place] = alphabet[random() % alphabet.size()];
          break;
        case 1:
          text.erase(place, 1 + random() % 4);
          break;
        default:
          text.insert(place, 1, alphabet[random() % alphabet.size()]);
      }
    }
    const absl::StatusOr<std::vector<TokenEntry>> entries = ParseTokens(text);
    if (!entries.ok()) {
      ASSERT_THAT(entries, StatusIs(absl::StatusCode::kInvalidArgument)) << text;
      continue;
    }
    ++read;
    const absl::StatusOr<std::vector<TokenEntry>> again = ParseTokens(FormatTokens(*entries));
    ASSERT_THAT(again, IsOk()) << text;
    ASSERT_EQ(again->size(), entries->size()) << text;
    for (size_t i = 0; i < entries->size(); ++i) {
      ASSERT_EQ((*again)[i].sha256, (*entries)[i].sha256);
      ASSERT_EQ((*again)[i].id, (*entries)[i].id);
      ASSERT_EQ((*again)[i].role, (*entries)[i].role);
    }
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace modelref
