#include "audit/line.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/audit/audit_events.h"

namespace modelref {
namespace {

using ::modelref::testing::AsForeign;
using ::modelref::testing::Create;
using ::modelref::testing::Delete;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::StatusIs;
using ::modelref::testing::Update;

// The head of a line that only differs behind it.
std::string WithPayload(absl::string_view rest) {
  return absl::StrCat(
      R"({"event_id":1,"timestamp":2,"domain":"v2","category":"c","model_name":"m",)",
      R"("operation":"update","logical_user_id":"u")", rest, "}");
}

TEST(AuditLineTest, ACreateIsWrittenAsTheOriginalWritesItAndThenOurKeys) {
  AuditEvent event = Create(7, "m", R"({"name":"m","nsfw":null})");
  event.request_id = "job-9";
  constexpr char kOriginal[] =
      R"({"event_id":7,"timestamp":1795211759,"domain":"v2","category":"controlnet",)"
      R"("model_name":"m","operation":"create","logical_user_id":"1","request_id":"job-9",)"
      R"("payload":{"after":{"name":"m","nsfw":null}})";
  EXPECT_EQ(EncodeAuditLine(AsForeign(event)), absl::StrCat(kOriginal, "}"));
  EXPECT_EQ(EncodeAuditLine(event),
            absl::StrCat(kOriginal, R"(,"txn":7,"time_us":1795211759000007})"));
}

TEST(AuditLineTest, AnUpdateHasBothSidesAndTheNamesOfRemovedFields) {
  const AuditEvent event = Update(8, "m", R"({"a":1,"b":2})", R"({"b":3,"c":4})");
  EXPECT_EQ(EncodeAuditLine(event),
            R"({"event_id":8,"timestamp":1795211759,"domain":"v2","category":"controlnet",)"
            R"("model_name":"m","operation":"update","logical_user_id":"1","payload":{"delta":{)"
            R"("b":{"old":2,"new":3},"c":{"old":null,"new":4},"a":{"old":1,"new":null}}},)"
            R"("removed":["a"],"txn":8,"time_us":1795211759000008})");
}

TEST(AuditLineTest, WhatIsNotAsciiIsEscapedAsPythonDoes) {
  AuditEvent event =
      AsForeign(Delete(1, "\xC3\xA9\x7F\"", "{\"\xF0\x9F\x98\x80\":\"\xE2\x82\xAC\\n\\ud800\"}"));
  event.category = "\xED\xA0\x80";  // A lone surrogate, as a parsed string holds it.
  const std::string line = EncodeAuditLine(event);
  EXPECT_NE(line.find(R"("model_name":"\u00e9\u007f\"")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"({"\ud83d\ude00":"\u20ac\n\ud800"})"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("category":"\ud800")"), std::string::npos) << line;
  EXPECT_THAT(ParseAuditLine(line), IsOkAndHolds(event));
}

TEST(AuditLineTest, WhatIsWrittenIsReadAgain) {
  AuditEvent queue = Update(3, "queue", "{}", R"({"action":"batch_split"})");
  queue.after = R"({"action":"batch_split"})";
  queue.delta.reset();
  queue.format = Format::kLegacy;
  for (const AuditEvent& event :
       {Create(1, "a", R"({"n":[1e5,0.70,12345678901234567890],"t":true})"),
        Update(2, "a", R"({"x":1,"y":2})", R"({"y":2,"x":1})"), queue, Delete(4, "a/b \"c\"")}) {
    EXPECT_THAT(ParseAuditLine(EncodeAuditLine(event)), IsOkAndHolds(event));
    EXPECT_THAT(ParseAuditLine(EncodeAuditLine(AsForeign(event))), IsOkAndHolds(AsForeign(event)));
  }
}

TEST(AuditLineTest, OmittedNullSidesOfTheOriginalAreReadAndKeptOmitted) {
  const std::string line =
      WithPayload(R"(,"payload":{"delta":{"added":{"new":1},"gone":{"old":2},"both":{},)"
                  R"("full":{"old":null,"new":3}}})");
  ASSERT_OK_AND_ASSIGN(const AuditEvent event, ParseAuditLine(line));
  const std::vector<AuditFieldChange> expected = {{"added", std::nullopt, "1"},
                                                  {"gone", "2", std::nullopt},
                                                  {"both", std::nullopt, std::nullopt},
                                                  {"full", "null", "3"}};
  EXPECT_EQ(event.delta, expected);
  EXPECT_TRUE(event.foreign());
  EXPECT_EQ(EncodeAuditLine(event), line);
}

TEST(AuditLineTest, NumbersOfPythonThatAreNoJsonAreRead) {
  const std::string line = WithPayload(R"(,"payload":{"after":{"a":NaN,"b":-Infinity}})");
  ASSERT_OK_AND_ASSIGN(const AuditEvent event, ParseAuditLine(line));
  EXPECT_EQ(event.after, R"({"a":NaN,"b":-Infinity})");
  EXPECT_EQ(EncodeAuditLine(event), line);
}

TEST(AuditLineTest, UnknownAndNullKeysAreSkipped) {
  ASSERT_OK_AND_ASSIGN(const AuditEvent plain, ParseAuditLine(WithPayload("")));
  EXPECT_THAT(ParseAuditLine(WithPayload(R"(,"request_id":null,"payload":null,"new_key":[1])")),
              IsOkAndHolds(plain));
  EXPECT_THAT(ParseAuditLine(WithPayload(R"(,"txn":"a","time_us":{},"removed":[1])")),
              IsOkAndHolds(plain));
}

TEST(AuditLineTest, RecordsAtTheLimitOfDepthFit) {
  const std::string record =
      absl::StrCat(R"({"a":)", std::string(63, '['), std::string(63, ']'), "}");
  const AuditEvent event = Update(1, "m", R"({"a":1})", record);
  EXPECT_THAT(ParseAuditLine(EncodeAuditLine(event)), IsOkAndHolds(event));
}

TEST(AuditLineTest, BadLinesAreRefusedWithTheKeyThatIsWrong) {
  const std::string good = WithPayload("");
  ASSERT_TRUE(ParseAuditLine(good).ok());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string line = good;
    line.replace(line.find(from), from.size(), to);
    return line;
  };
  using ::testing::HasSubstr;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {with("\"event_id\":1", "\"event_id\":\"x\""), "event_id"},
      {with("\"event_id\":1", "\"event_id\":-1"), "event_id"},
      {with("\"event_id\":1", "\"event_id\":1.5"), "event_id"},
      {with("\"timestamp\":2", "\"timestamp\":null"), "timestamp"},
      {with("\"v2\"", "\"v3\""), "domain"},
      {with("\"category\":\"c\"", "\"category\":5"), "category"},
      {with("\"update\"", "\"upsert\""), "operation"},
      {with("\"logical_user_id\":\"u\"", "\"x\":1"), "logical_user_id"},
      {WithPayload(R"(,"request_id":5)"), "request_id"},
      {WithPayload(R"(,"payload":[])"), "payload"},
      {WithPayload(R"(,"payload":{"after":1})"), "after"},
      {WithPayload(R"(,"payload":{"delta":{"a":1}})"), "delta"},
      {good.substr(0, good.size() / 2), "line 1"},
      {absl::StrCat(good, good), "line 1"},
      {"[]", "object"},
      {"", "line 1"}};
  for (const auto& [line, word] : cases) {
    EXPECT_THAT(ParseAuditLine(line), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(word)))
        << line;
  }
}

TEST(AuditLineTest, TheSealIsFoundWithoutParsing) {
  const std::string encoded = EncodeAuditLine(Create(7, "m"));
  const Sha256Digest chain = Sha256("x");
  const std::string line = SealAuditLine(encoded, chain);
  EXPECT_EQ(line, absl::StrCat(encoded.substr(0, encoded.size() - 1), ",\"chain\":\"",
                               ToHex(AsBytes(chain)), "\"}"));
  const std::optional<AuditSeal> seal = FindAuditSeal(line);
  ASSERT_TRUE(seal.has_value());
  EXPECT_EQ(seal->event_id, 7u);
  EXPECT_EQ(seal->txn, 7u);
  EXPECT_EQ(seal->chain, chain);
  EXPECT_EQ(seal->covered, CoveredPart(encoded));
  EXPECT_THAT(ParseAuditLine(line), IsOkAndHolds(Create(7, "m")));
}

TEST(AuditLineTest, NoOtherLineHasASeal) {
  const std::string line = SealAuditLine(EncodeAuditLine(Create(7, "m")), Sha256("x"));
  std::string upper = line;
  upper[upper.size() - 3] = 'A';
  for (const std::string& other :
       {std::string(), EncodeAuditLine(Create(7, "m")), line.substr(1), line + " ", upper,
        line.substr(0, line.size() - 1), absl::StrCat(R"({"a":)", line, "}"),
        SealAuditLine(EncodeAuditLine(AsForeign(Create(7, "m"))), Sha256("x"))}) {
    EXPECT_FALSE(FindAuditSeal(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace modelref
