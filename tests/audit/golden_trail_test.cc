// The trail that the original wrote, line by line and replayed.

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "audit/layout.h"
#include "audit/line.h"
#include "audit/replay.h"
#include "audit/verify.h"
#include "backends/base/json.h"
#include "tests/audit/audit_events.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::ReadShared;
using ::modelref::testing::TempDir;

constexpr char kSamples[] = "golden/samples/";
constexpr const char* kSegments[] = {"v2/miscellaneous/audit-000001.jsonl",
                                     "v2/pending_queue/audit-000001.jsonl"};

std::string ReadSample(absl::string_view name) { return ReadShared(absl::StrCat(kSamples, name)); }

std::string Root() { return absl::StrCat(testing::SharedDir(), "/", kSamples, "audit"); }

TEST(GoldenTrailTest, EveryLineIsReadAndWrittenByteForByte) {
  SKIP_WITHOUT_SHARED_DATA();
  int lines = 0;
  for (const char* segment : kSegments) {
    const std::string text = ReadSample(absl::StrCat("audit/", segment));
    for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      ASSERT_OK_AND_ASSIGN(AuditEvent event, ParseAuditLine(line));
      EXPECT_TRUE(event.foreign());
      EXPECT_EQ(EncodeAuditLine(event), line);
      // As a line of ours it is the same up to our keys.
      event.txn = event.event_id;
      const std::string ours = EncodeAuditLine(event);
      EXPECT_EQ(ours.substr(0, line.size() - 1), line.substr(0, line.size() - 1));
      ++lines;
    }
  }
  EXPECT_EQ(lines, 16);
}

TEST(GoldenTrailTest, TheReplayIsTheDocument) {
  SKIP_WITHOUT_SHARED_DATA();
  ASSERT_OK_AND_ASSIGN(const AuditReplay replay, ReplayAudit(Root(), {}));
  EXPECT_EQ(replay.stats.unreadable_lines, 0u);
  ASSERT_OK_AND_ASSIGN(const Json document, ParseJson(ReadSample("miscellaneous.json")));
  const auto& expected = document.AsObject()->members();
  const ReplayedDocument& replayed = replay.documents.at({"miscellaneous", Format::kV2});
  ASSERT_EQ(replayed.records.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(replayed.records[i].name, expected[i].first);
    EXPECT_EQ(replayed.records[i].json, CanonicalJson(expected[i].second));
  }
  // The newest step of each change of the queue.
  const ReplayedDocument& queue = replay.documents.at({"pending_queue", Format::kV2});
  ASSERT_EQ(queue.records.size(), 5u);
  EXPECT_EQ(queue.records[0].json,
            R"({"change_id":1,"batch_id":1,"job_id":"job-9","action":"apply"})");
}

TEST(GoldenTrailTest, TheIndexNamesTheNewestEvent) {
  SKIP_WITHOUT_SHARED_DATA();
  ASSERT_OK_AND_ASSIGN(const AuditReplay replay, ReplayAudit(Root(), {}));
  ASSERT_OK_AND_ASSIGN(const uint64_t index, ReadAuditIndex(Root()));
  EXPECT_EQ(index, replay.stats.max_event_id);
  TempDir dir;
  ASSERT_THAT(WriteAuditIndex(dir.path(), index), IsOk());
  EXPECT_EQ(dir.Read("index.json"), ReadSample("audit/index.json"));
}

TEST(GoldenTrailTest, TheTrailIsContinuedAndStaysWhatItWas) {
  SKIP_WITHOUT_SHARED_DATA();
  TempDir dir;
  for (const char* segment : kSegments) {
    dir.Write(segment, ReadSample(absl::StrCat("audit/", segment)));
  }
  dir.Write("index.json", ReadSample("audit/index.json"));
  AuditEvent event = testing::Create(17, "m3", R"({"name":"m3"})");
  event.category = "miscellaneous";
  testing::AppendEvents(dir.path(), {event});
  EXPECT_EQ(dir.Read(kSegments[0]), ReadSample(absl::StrCat("audit/", kSegments[0])));
  EXPECT_TRUE(dir.Exists("v2/miscellaneous/audit-000002.jsonl"));
  ASSERT_OK_AND_ASSIGN(const AuditVerification verified, VerifyAudit(dir.path()));
  EXPECT_TRUE(verified.intact());
  EXPECT_EQ(verified.checked_events, 17u);
  ASSERT_OK_AND_ASSIGN(const AuditReplay replay, ReplayAudit(dir.path(), {}));
  EXPECT_EQ(replay.documents.at(event.key()).records.size(), 4u);
}

}  // namespace
}  // namespace modelref
