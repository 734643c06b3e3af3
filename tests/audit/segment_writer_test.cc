#include "audit/segment_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "audit/line.h"
#include "audit/reader.h"
#include "audit/verify.h"
#include "backends/base/failpoint.h"
#include "tests/audit/audit_events.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::AppendEvents;
using ::modelref::testing::AsForeign;
using ::modelref::testing::Create;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::kControlnet;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr char kFirst[] = "v2/controlnet/audit-000001.jsonl";
constexpr char kSecond[] = "v2/controlnet/audit-000002.jsonl";
const AuditOffset kNothing = {};

std::vector<uint64_t> IdsIn(const std::string& root) {
  std::vector<uint64_t> ids;
  EXPECT_THAT(ReadAudit(root, {},
                        [&](const AuditEvent& event) {
                          ids.push_back(event.event_id);
                          return true;
                        }),
              IsOk());
  return ids;
}

TEST(SegmentWriterTest, LinesAreChainedFromZerosAndTheIndexNamesTheLastId) {
  TempDir dir;
  AppendEvents(dir.path(), {Create(1, "a"), Create(5, "b")});
  const std::vector<std::string> lines = absl::StrSplit(dir.Read(kFirst), '\n');
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[2], "");
  Sha256Digest chain{};
  for (const auto& [line, event] :
       {std::pair(lines[0], Create(1, "a")), {lines[1], Create(5, "b")}}) {
    const std::string encoded = EncodeAuditLine(event);
    chain = Sha256(absl::StrCat(AsBytes(chain), CoveredPart(encoded)));
    EXPECT_EQ(line, SealAuditLine(encoded, chain));
  }
  EXPECT_THAT(ReadAuditIndex(dir.path()), IsOkAndHolds(5u));
}

TEST(SegmentWriterTest, ASegmentThatReachedTheLimitIsLeftBeforeTheNextLine) {
  TempDir dir;
  std::vector<AuditEvent> events;
  for (uint64_t id = 1; id <= 10; ++id) events.push_back(Create(id, absl::StrCat("m", id)));
  AppendEvents(dir.path(), events, 400);
  ASSERT_OK_AND_ASSIGN(const auto segments, ListAuditSegments(dir.PathOf("v2/controlnet")));
  EXPECT_THAT(segments, SizeIs(5));
  for (const uint32_t number : segments) {
    const std::string text = dir.Read(absl::StrCat("v2/controlnet/", AuditSegmentName(number)));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    EXPECT_GE(text.size(), 400u);
  }
  EXPECT_THAT(IdsIn(dir.path()), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  ASSERT_OK_AND_ASSIGN(const AuditVerification verified, VerifyAudit(dir.path()));
  EXPECT_TRUE(verified.intact());
}

TEST(SegmentWriterTest, SeriesHaveChainsOfTheirOwn) {
  TempDir dir;
  AuditEvent legacy = Create(2, "a");
  legacy.format = Format::kLegacy;
  AuditEvent clip = Create(3, "a");
  clip.category = "clip";
  SegmentWriter writer(dir.path(), {});
  ASSERT_THAT(writer.Recover(kNothing), IsOk());
  for (const AuditEvent& event : {Create(1, "a"), legacy, clip}) {
    ASSERT_THAT(writer.Append(event), IsOk());
  }
  ASSERT_THAT(writer.Sync(), IsOk());
  const std::vector<AuditChainHead> heads = writer.Heads();
  ASSERT_THAT(heads, SizeIs(3));
  EXPECT_EQ(heads[0].key, legacy.key());
  EXPECT_EQ(heads[1].key, clip.key());
  EXPECT_EQ(heads[2].key, kControlnet);
  for (const AuditChainHead& head : heads)
    EXPECT_EQ(head.last_event_id, writer.LastEventId(head.key));
  const std::string encoded = EncodeAuditLine(clip);
  EXPECT_EQ(heads[1].chain, Sha256(absl::StrCat(std::string(32, '\0'), CoveredPart(encoded))));
  EXPECT_EQ(writer.LastEventId({"lora", Format::kV2}), 0u);
}

TEST(SegmentWriterTest, AnEventThatIsThereAlreadyIsSkipped) {
  TempDir dir;
  AppendEvents(dir.path(), {Create(1, "a"), Create(2, "b")});
  const std::string before = dir.Read(kFirst);
  SegmentWriter writer(dir.path(), {});
  ASSERT_THAT(writer.Recover({.synced = 2}), IsOk());
  for (const uint64_t id : {1, 2}) ASSERT_THAT(writer.Append(Create(id, "other")), IsOk());
  ASSERT_THAT(writer.Sync(), IsOk());
  EXPECT_EQ(dir.Read(kFirst), before);
}

TEST(SegmentWriterTest, BehindAdoptedLinesANewSegmentBeginsWhoseChainCoversThem) {
  TempDir dir;
  const std::string adopted =
      absl::StrCat(EncodeAuditLine(AsForeign(Create(1, "a"))), "\nbroken\n{\"event_id\":2,\"ti");
  dir.Write(kFirst, adopted);
  AppendEvents(dir.path(), {Create(3, "b")});
  EXPECT_EQ(dir.Read(kFirst), adopted);
  const std::string encoded = EncodeAuditLine(Create(3, "b"));
  const Sha256Digest chain =
      Sha256(absl::StrCat(std::string(32, '\0'), adopted, CoveredPart(encoded)));
  EXPECT_EQ(dir.Read(kSecond), absl::StrCat(SealAuditLine(encoded, chain), "\n"));
}

TEST(SegmentWriterTest, AdoptedSegmentsDoNotCountForTheLimitOfOurs) {
  TempDir dir;
  dir.Write(kFirst,
            absl::StrCat(EncodeAuditLine(AsForeign(Create(1, std::string(2000, 'x')))), "\n"));
  AppendEvents(dir.path(), {Create(2, "b"), Create(3, "c")}, 400);
  EXPECT_THAT(ListAuditSegments(dir.PathOf("v2/controlnet")), IsOkAndHolds(ElementsAre(1, 2)));
}

TEST(SegmentWriterTest, BehindLinesThatAnotherProgramAppendedANewSegmentBegins) {
  TempDir dir;
  AppendEvents(dir.path(), {Create(1, "a")});
  const std::string both =
      absl::StrCat(dir.Read(kFirst), EncodeAuditLine(AsForeign(Create(2, "f"))), "\n");
  dir.Write(kFirst, both);
  AppendEvents(dir.path(), {Create(3, "b")});
  EXPECT_EQ(dir.Read(kFirst), both);
  EXPECT_TRUE(dir.Exists(kSecond));
  EXPECT_THAT(IdsIn(dir.path()), ElementsAre(1, 2, 3));
}

TEST(SegmentWriterTest, LinesThatAppearBehindItsBackAreNoticedBeforeTheNextWrite) {
  for (const char* where : {kFirst, kSecond}) {
    TempDir dir;
    SegmentWriter writer(dir.path(), {});
    ASSERT_THAT(writer.Recover(kNothing), IsOk());
    ASSERT_THAT(writer.Append(Create(1, "a")), IsOk());
    ASSERT_THAT(writer.Sync(), IsOk());
    const std::string foreign = absl::StrCat(EncodeAuditLine(AsForeign(Create(2, "f"))), "\n");
    dir.Write(where, absl::StrCat(dir.Exists(where) ? dir.Read(where) : "", foreign));
    ASSERT_THAT(writer.Append(Create(3, "b")), IsOk());
    EXPECT_THAT(writer.Sync(), StatusIs(absl::StatusCode::kAborted));
    EXPECT_FALSE(writer.ready());
    EXPECT_THAT(writer.Append(Create(3, "b")), StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(writer.Sync(), StatusIs(absl::StatusCode::kFailedPrecondition));
    ASSERT_THAT(writer.Recover({.synced = 1}), IsOk());
    ASSERT_THAT(writer.Append(Create(3, "b")), IsOk());
    ASSERT_THAT(writer.Sync(), IsOk());
    EXPECT_THAT(IdsIn(dir.path()), ElementsAre(1, 2, 3)) << where;
  }
}

TEST(SegmentWriterTest, AfterTheLastNumberItFailsInsteadOfReusingOne) {
  TempDir dir;
  dir.Write("v2/controlnet/audit-999999.jsonl", "foreign\n");
  SegmentWriter writer(dir.path(), {});
  ASSERT_THAT(writer.Recover(kNothing), IsOk());
  ASSERT_THAT(writer.Append(Create(1, "a")), IsOk());
  EXPECT_THAT(writer.Sync(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ListAuditSegments(dir.PathOf("v2/controlnet")), IsOkAndHolds(ElementsAre(999999u)));
}

TEST(SegmentWriterTest, TheIndexIsNeverLoweredAndIsRaisedBeforeTheLines) {
  TempDir dir;
  dir.Write("index.json", "{\"last_event_id\": 100}");
  AppendEvents(dir.path(), {Create(101, "a")});
  EXPECT_THAT(ReadAuditIndex(dir.path()), IsOkAndHolds(101u));
  dir.Write("index.json", "{\"last_event_id\": 500}");
  AppendEvents(dir.path(), {Create(102, "b")});
  EXPECT_THAT(ReadAuditIndex(dir.path()), IsOkAndHolds(500u));
  ScopedFailpoint fails("audit.before_append", absl::StatusCode::kUnavailable);
  dir.Write("index.json", "damaged");
  SegmentWriter writer(dir.path(), {});
  ASSERT_THAT(writer.Recover({.synced = 102}), IsOk());
  ASSERT_THAT(writer.Append(Create(103, "c")), IsOk());
  EXPECT_THAT(writer.Sync(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(ReadAuditIndex(dir.path()), IsOkAndHolds(103u));
}

TEST(SegmentWriterTest, ALostIndexIsMadeAnewWithoutAnyEvent) {
  TempDir dir;
  AppendEvents(dir.path(), {Create(7, "a")});
  dir.Remove("index.json");
  const std::string left_behind = "index.json.tmp.999999999.new.1";
  dir.Write(left_behind, "by a process that is gone");
  AppendEvents(dir.path(), {});
  EXPECT_FALSE(dir.Exists(left_behind));
  EXPECT_THAT(ReadAuditIndex(dir.path()), IsOkAndHolds(7u));
}

// Writes of this process beyond `bytes` into a file fail while this lives.
class ScopedFileSizeLimit {
 public:
  explicit ScopedFileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit_), 0);
    const struct rlimit limit = {bytes, old_limit_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~ScopedFileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  struct rlimit old_limit_;
  void (*old_handler_)(int);
};

TEST(SegmentWriterTest, AWriteThatEndsInTheMiddleIsRepairedByRecover) {
  TempDir dir;
  AppendEvents(dir.path(), {Create(1, "a")});
  const std::string before = dir.Read(kFirst);
  SegmentWriter writer(dir.path(), {});
  ASSERT_THAT(writer.Recover({.synced = 1}), IsOk());
  {
    ScopedFileSizeLimit limit(before.size() + 10);
    ASSERT_THAT(writer.Append(Create(2, "b")), IsOk());
    EXPECT_FALSE(writer.Sync().ok());
  }
  EXPECT_EQ(dir.Read(kFirst).size(), before.size() + 10);
  ASSERT_OK_AND_ASSIGN(const AuditRecovery recovery, writer.Recover({.synced = 1}));
  EXPECT_EQ(recovery.cut_bytes, 10u);
  EXPECT_EQ(recovery.cut_lines, 0u);
  EXPECT_EQ(dir.Read(kFirst), before);
  ASSERT_THAT(writer.Append(Create(2, "b")), IsOk());
  ASSERT_THAT(writer.Sync(), IsOk());
  TempDir straight;
  AppendEvents(straight.path(), {Create(1, "a"), Create(2, "b")});
  EXPECT_EQ(dir.Read(kFirst), straight.Read(kFirst));
}

TEST(SegmentWriterTest, WhateverStepFailsTheNextTryWritesTheSame) {
  TempDir straight;
  const std::vector<AuditEvent> events = {Create(1, "a"), Create(2, "b"), Create(3, "c")};
  AppendEvents(straight.path(), events, 400);
  for (const char* point : {"audit.before_index", "audit.before_segment", "audit.before_append",
                            "audit.after_append", "audit.before_sync", "audit.after_sync"}) {
    TempDir dir;
    SegmentWriter writer(dir.path(), {.max_segment_bytes = 400});
    {
      ScopedFailpoint fails(point, absl::StatusCode::kUnavailable);
      ASSERT_THAT(writer.Recover(kNothing), IsOk());
      absl::Status status;
      for (const AuditEvent& event : events) status.Update(writer.Append(event));
      status.Update(writer.Sync());
      EXPECT_FALSE(status.ok()) << point;
      EXPECT_GT(fails.hits(), 0) << point;
    }
    ASSERT_THAT(writer.Recover(kNothing), IsOk());
    for (const AuditEvent& event : events) ASSERT_THAT(writer.Append(event), IsOk());
    ASSERT_THAT(writer.Sync(), IsOk());
    for (const char* name : {kFirst, kSecond, "index.json"}) {
      EXPECT_EQ(dir.Read(name), straight.Read(name)) << point << " " << name;
    }
  }
}

}  // namespace
}  // namespace modelref
