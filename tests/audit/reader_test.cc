#include "audit/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "audit/line.h"
#include "tests/audit/audit_events.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::AppendEvents;
using ::modelref::testing::AsForeign;
using ::modelref::testing::Create;
using ::modelref::testing::IsOk;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

AuditEvent In(Format format, absl::string_view category, AuditEvent event) {
  event.format = format;
  event.category = std::string(category);
  return event;
}

std::string Line(const AuditEvent& event) { return absl::StrCat(EncodeAuditLine(event), "\n"); }

class AuditReaderTest : public ::testing::Test {
 protected:
  std::vector<uint64_t> Ids(const AuditFilter& filter) {
    std::vector<uint64_t> ids;
    const auto stats = ReadAudit(dir_.path(), filter, [&](const AuditEvent& event) {
      ids.push_back(event.event_id);
      return true;
    });
    EXPECT_THAT(stats, IsOk());
    stats_ = stats.value_or(AuditReadStats{});
    return ids;
  }

  TempDir dir_;
  AuditReadStats stats_;
};

TEST_F(AuditReaderTest, DomainsCategoriesAndSegmentsComeInTheOrderOfTheirNames) {
  const AuditEvent event = AsForeign(Create(0, "m"));
  const auto write = [&](const char* name, Format format, const char* category, uint64_t id) {
    AuditEvent other = In(format, category, event);
    other.event_id = id;
    dir_.Write(name, Line(other));
  };
  write("v2/b/audit-000010.jsonl", Format::kV2, "b", 6);
  write("v2/b/audit-000009.jsonl", Format::kV2, "b", 5);
  write("v2/b/audit-000009-old.jsonl", Format::kV2, "b", 4);
  write("v2/a/audit-000001.jsonl", Format::kV2, "a", 3);
  write("legacy/z/audit-000001.jsonl", Format::kLegacy, "z", 2);
  write("legacy/pending_queue/audit-000001.jsonl", Format::kLegacy, "pending_queue", 1);
  write("v9/a/audit-000001.jsonl", Format::kV2, "a", 7);
  EXPECT_THAT(Ids({}), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(stats_.max_event_id, 6u);
}

TEST_F(AuditReaderTest, FiltersByDomainCategoryModelIdsAndTimesInclusive) {
  std::vector<AuditEvent> events;
  for (uint64_t id = 1; id <= 6; ++id) {
    AuditEvent event = Create(id, absl::StrCat("m", id % 2));
    event.timestamp = static_cast<int64_t>(100 * id);
    events.push_back(event);
  }
  events.push_back(In(Format::kLegacy, "clip", Create(7, "m1")));
  AppendEvents(dir_.path(), events);
  EXPECT_THAT(Ids({.domains = {Format::kLegacy}}), ElementsAre(7));
  EXPECT_THAT(Ids({.domains = {Format::kLegacy, Format::kV2}, .categories = {"controlnet", "x"}}),
              ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(Ids({.categories = {"none"}}), IsEmpty());
  EXPECT_THAT(Ids({.model_names = {"m1"}}), ElementsAre(7, 1, 3, 5));
  EXPECT_THAT(Ids({.min_event_id = 2, .max_event_id = 4}), ElementsAre(2, 3, 4));
  EXPECT_THAT(Ids({.min_timestamp = 300, .max_timestamp = 400}), ElementsAre(3, 4));
  EXPECT_THAT(Ids({.domains = {}, .categories = {}, .model_names = {}}),
              ElementsAre(7, 1, 2, 3, 4, 5, 6));
}

TEST_F(AuditReaderTest, BadLinesAreSkippedAndCounted) {
  const std::string good = Line(AsForeign(Create(1, "a")));
  const AuditEvent misplaced = In(Format::kLegacy, "controlnet", Create(3, "b"));
  dir_.Write("v2/controlnet/audit-000001.jsonl",
             absl::StrCat("garbage\n", good, "\n  \r\n", "{\"event_id\":2,", good, Line(misplaced),
                          "\xFF\xFE\n", Line(AsForeign(Create(4, "a"))), "{\"event_id\":5"));
  EXPECT_THAT(Ids({}), ElementsAre(1, 4));
  const AuditReadStats expected = {
      .lines = 7, .unreadable_lines = 4, .misplaced_lines = 1, .max_event_id = 4};
  EXPECT_EQ(stats_, expected);
}

TEST_F(AuditReaderTest, ALastLineWithoutItsEndAndWindowsLineEndsAreRead) {
  dir_.Write(
      "v2/controlnet/audit-000001.jsonl",
      absl::StrCat(EncodeAuditLine(Create(1, "a")), "\r\n", EncodeAuditLine(Create(2, "a"))));
  EXPECT_THAT(Ids({}), ElementsAre(1, 2));
}

TEST_F(AuditReaderTest, AFileThatCannotBeReadHidesNoOther) {
  AppendEvents(dir_.path(), {Create(1, "a")});
  std::filesystem::create_directories(dir_.PathOf("v2/blip"));
  std::filesystem::create_symlink("nowhere", dir_.PathOf("v2/blip/audit-000001.jsonl"));
  EXPECT_THAT(Ids({}), ElementsAre(1));
  EXPECT_EQ(stats_.unreadable_files, 1u);
}

TEST_F(AuditReaderTest, NoTrailHasNoEvents) {
  EXPECT_THAT(Ids({}), IsEmpty());
  EXPECT_THAT(ReadAudit(dir_.PathOf("none"), {}, [](const AuditEvent&) { return true; }), IsOk());
}

TEST_F(AuditReaderTest, TheVisitorEndsTheReading) {
  AppendEvents(dir_.path(), {Create(1, "a"), Create(2, "b"), Create(3, "c")});
  int visits = 0;
  EXPECT_THAT(ReadAudit(dir_.path(), {}, [&](const AuditEvent&) { return ++visits < 2; }), IsOk());
  EXPECT_EQ(visits, 2);
}

}  // namespace
}  // namespace modelref
