#include "audit/event.h"

#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "tests/audit/audit_events.h"
#include "tests/testing/environment.h"

namespace modelref {
namespace {

using ::modelref::testing::AsForeign;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::NumberFromEnvironment;
using ::modelref::testing::StatusIs;
using ::modelref::testing::Update;

TEST(AuditEventTest, OperationsHaveTheNamesOfTheLines) {
  for (const char* name : {"create", "update", "delete"}) {
    const auto operation = AuditOperationFromName(name);
    ASSERT_TRUE(operation.has_value()) << name;
    EXPECT_EQ(AuditOperationName(*operation), name);
  }
  EXPECT_FALSE(AuditOperationFromName("apply").has_value());
}

TEST(AuditEventTest, AnUpdateCarriesTheFieldsThatChangedWithBothSides) {
  const AuditEvent event =
      Update(1, "m", R"({"a":1,"b":[2],"c":3})", R"({"a":1,"b":[2,3],"c":3,"d":null})");
  const std::vector<AuditFieldChange> expected = {{"b", "[2]", "[2,3]"}, {"d", "null", "null"}};
  EXPECT_EQ(event.delta, expected);
  EXPECT_TRUE(event.removed.empty());
  EXPECT_FALSE(event.after.has_value());
}

TEST(AuditEventTest, ARemovedFieldIsNullForTheOriginalAndRemovedForUs) {
  const AuditEvent event = Update(1, "m", R"({"a":1,"b":2})", R"({"b":2})");
  const std::vector<AuditFieldChange> expected = {{"a", "1", "null"}};
  EXPECT_EQ(event.delta, expected);
  EXPECT_EQ(event.removed, std::vector<std::string>{"a"});
  EXPECT_THAT(ApplyUpdate(R"({"a":1,"b":2})", event), IsOkAndHolds(R"({"b":2})"));
  EXPECT_THAT(ApplyUpdate(R"({"a":1,"b":2})", AsForeign(event)),
              IsOkAndHolds(R"({"a":null,"b":2})"));
}

TEST(AuditEventTest, ADeltaThatDoesNotRebuildTheRecordComesWithTheRecord) {
  const std::string before = R"({"a":1,"b":2})";
  for (const std::string after : {R"({"b":2,"a":1})", R"({"c":3,"a":1,"b":2})"}) {
    const AuditEvent event = Update(1, "m", before, after);
    EXPECT_EQ(event.after, after);
    EXPECT_THAT(ApplyUpdate(before, event), IsOkAndHolds(after));
  }
}

TEST(AuditEventTest, NumbersThatAreWrittenDifferentlyAreDifferent) {
  const AuditEvent event = Update(1, "m", R"({"a":1.0})", R"({"a":1.00})");
  EXPECT_THAT(ApplyUpdate(R"({"a":1.0})", event), IsOkAndHolds(R"({"a":1.00})"));
}

TEST(AuditEventTest, WhatIsNoRecordIsRefused) {
  AuditEvent event = Update(1, "m", R"({"a":1})", R"({"a":2})");
  EXPECT_THAT(ApplyUpdate("[]", event), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(DescribeUpdate("{", "{}", &event), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(DescribeUpdate("{}", "1", &event), StatusIs(absl::StatusCode::kInvalidArgument));
  event.delta.reset();
  EXPECT_THAT(ApplyUpdate("{}", event), StatusIs(absl::StatusCode::kInvalidArgument));
}

uint64_t Seed() { return NumberFromEnvironment("MODELREF_TEST_SEED", 20240229); }

// Some of eight fields in some order.
std::string RandomRecord(std::mt19937_64& random) {
  std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g", "\xC3\xA9"};
  std::shuffle(names.begin(), names.end(), random);
  JsonObject record;
  for (size_t i = random() % 4; i < names.size(); i += 1 + random() % 3) {
    const char* values[] = {"null", "1", "1.50", "\"x\"", "[1,{\"k\":null}]", "{\"z\":1,\"y\":2}"};
    record.Set(names[i], *ParseJson(values[random() % std::size(values)]));
  }
  return CanonicalJson(record);
}

TEST(AuditEventTest, EveryUpdateLeadsFromTheOldRecordToTheNewOne) {
  SCOPED_TRACE(absl::StrCat("MODELREF_TEST_SEED=", Seed()));
  std::mt19937_64 random(Seed());
  int without_record = 0;
  for (int i = 0; i < 5'000; ++i) {
    const std::string before = RandomRecord(random);
    const std::string after = RandomRecord(random);
    AuditEvent event = Update(1, "m", before, after);
    EXPECT_THAT(ApplyUpdate(before, event), IsOkAndHolds(after)) << before;
    // The record is there exactly when the delta alone does not do.
    const bool needed = std::exchange(event.after, std::nullopt).has_value();
    const absl::StatusOr<std::string> rebuilt = ApplyUpdate(before, event);
    ASSERT_TRUE(rebuilt.ok());
    EXPECT_EQ(*rebuilt == after, !needed) << before << " to " << after;
    without_record += needed ? 0 : 1;
  }
  EXPECT_GT(without_record, 100);
}

}  // namespace
}  // namespace modelref
