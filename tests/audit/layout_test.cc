#include "audit/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(AuditLayoutTest, SegmentsHaveSixDigits) {
  EXPECT_EQ(AuditSegmentName(1), "audit-000001.jsonl");
  EXPECT_EQ(AuditSegmentName(kLastAuditSegment), "audit-999999.jsonl");
  EXPECT_EQ(AuditSegmentNumber("audit-000123.jsonl"), 123u);
  for (const char* name : {"audit-1.jsonl", "audit-0000001.jsonl", "audit-00000a.jsonl",
                           "audit-000001.json", "audit--00001.jsonl", "xaudit-000001.jsonl"}) {
    EXPECT_EQ(AuditSegmentNumber(name), std::nullopt) << name;
  }
}

TEST(AuditLayoutTest, DomainsAreTheFormats) {
  EXPECT_EQ(FormatOfDomain("legacy"), Format::kLegacy);
  EXPECT_EQ(FormatOfDomain("v2"), Format::kV2);
  EXPECT_EQ(FormatOfDomain("v1"), std::nullopt);
  EXPECT_EQ(AuditSeriesName({"clip", Format::kLegacy}), "legacy/clip");
}

TEST(AuditLayoutTest, SeriesAndFilesAreListedInTheOriginalsOrder) {
  TempDir dir;
  for (const char* name :
       {"v2/b/audit-000002.jsonl", "v2/b/audit-000010.jsonl", "v2/b/audit-000002-copy.jsonl",
        "v2/b/audit-x.jsonl", "v2/b/other.jsonl", "v2/b/audit-000001.jsonl.gz", "v2/B/x",
        "legacy/z/audit-000001.jsonl", "v2/file", "v3/a/audit-000001.jsonl", "index.json"}) {
    dir.Write(name, "");
  }
  EXPECT_THAT(
      ListAuditSeries(dir.path()),
      IsOkAndHolds(ElementsAre(DocumentKey{"z", Format::kLegacy}, DocumentKey{"B", Format::kV2},
                               DocumentKey{"b", Format::kV2})));
  EXPECT_THAT(ListAuditFiles(dir.PathOf("v2/b")),
              IsOkAndHolds(ElementsAre("audit-000002-copy.jsonl", "audit-000002.jsonl",
                                       "audit-000010.jsonl", "audit-x.jsonl")));
  EXPECT_THAT(ListAuditSegments(dir.PathOf("v2/b")), IsOkAndHolds(ElementsAre(2u, 10u)));
  EXPECT_THAT(ListAuditSeries(dir.PathOf("none")), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ListAuditFiles(dir.PathOf("none")), IsOkAndHolds(IsEmpty()));
}

TEST(AuditLayoutTest, TheIndexIsTheOriginals) {
  TempDir dir;
  EXPECT_THAT(ReadAuditIndex(dir.path()), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(WriteAuditIndex(dir.path(), 16), IsOk());
  EXPECT_EQ(dir.Read("index.json"), "{\n  \"last_event_id\": 16\n}");
  EXPECT_THAT(ReadAuditIndex(dir.path()), IsOkAndHolds(16u));
  for (const char* damaged : {"", "5", "[]", "{}", R"({"last_event_id":"x"})", "{\"last_event"}) {
    dir.Write("index.json", damaged);
    EXPECT_THAT(ReadAuditIndex(dir.path()), StatusIs(absl::StatusCode::kDataLoss)) << damaged;
  }
}

}  // namespace
}  // namespace modelref
