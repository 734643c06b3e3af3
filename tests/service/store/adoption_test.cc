#include "service/store/adoption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "audit/layout.h"
#include "audit/replay.h"
#include "backends/base/clock.h"
#include "backends/base/durable_file.h"
#include "backends/convert/text_names.h"
#include "service/store/audit_projection.h"
#include "service/store/file_base.h"
#include "service/store/store.h"
#include "service/store/store_reader.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::HasSharedData;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::NamesOf;
using ::modelref::testing::Put;
using ::modelref::testing::SharedDir;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const DocumentKey kMiscellaneous{"miscellaneous", Format::kV2};
const DocumentKey kLegacyText{"text_generation", Format::kLegacy};

// A line as the original writes it; empty sides are left out.
std::string Line(uint64_t id, const std::string& name, const std::string& operation,
                 const std::string& payload, const std::string& domain = "v2") {
  return absl::StrCat("{\"event_id\":", id, ",\"timestamp\":1700000000,\"domain\":\"", domain,
                      "\",\"category\":\"clip\",\"model_name\":\"", name, "\",\"operation\":\"",
                      operation, "\",\"logical_user_id\":\"1\",\"payload\":", payload, "}\n");
}
std::string Create(uint64_t id, const std::string& name, const std::string& json) {
  return Line(id, name, "create", absl::StrCat("{\"after\":", json, "}"));
}

// The entries of backends follow from their base record.
bool IsGenerated(const DocumentKey& key, const std::string& name) {
  return key == kLegacyText && HasTextBackendPrefix(name);
}

class AdoptionTest : public ::testing::Test {
 protected:
  AdoptionTest() { fs::create_directories(dir_.PathOf("legacy")); }

  std::string PathOf(const DocumentKey& key) const {
    if (key == kLegacyText) return dir_.PathOf("legacy/models.csv");
    return dir_.PathOf(
        absl::StrCat(key.format == Format::kLegacy ? "legacy/" : "", key.category, ".json"));
  }
  void WriteAudit(const std::string& lines, const std::string& category = "clip") {
    dir_.Write(absl::StrCat("audit/v2/", category, "/audit-000001.jsonl"), lines);
  }
  AdoptionReport Adopt() {
    AdoptionOptions options;
    options.store_directory = dir_.PathOf(".modelref");
    options.audit_root = dir_.PathOf("audit");
    options.path_of = [this](const DocumentKey& key) { return PathOf(key); };
    absl::StatusOr<AdoptionReport> report = AdoptDirectory(keys_, clock_, options);
    EXPECT_THAT(report, IsOk());
    return report.ok() ? *std::move(report) : AdoptionReport();
  }
  void Open() {
    Store::Options options;
    options.directory = dir_.PathOf(".modelref");
    auto store = Store::Open(keys_, clock_, options);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }
  AdoptionReport AdoptAndOpen() {
    AdoptionReport report = Adopt();
    Open();
    return report;
  }
  const DocumentState& State(const DocumentKey& key = kClip) { return *store_->root()->Find(key); }
  // Writes our events behind the trail, and compares its replay from nothing with the store.
  void ExpectReplayEqualsTheStore() {
    ASSERT_OK_AND_ASSIGN(const auto reader,
                         Database::Open(dir_.PathOf(".modelref/store.db"), {.read_only = true}));
    AuditProjection projection(dir_.PathOf("audit"), {});
    ASSERT_THAT(projection.Recover(*reader, 0), IsOk());
    uint64_t offset = 0;
    while (true) {
      ASSERT_OK_AND_ASSIGN(const uint64_t next, projection.Advance(*reader, offset, 10000));
      if (next == offset) break;
      offset = next;
    }
    ASSERT_OK_AND_ASSIGN(const AuditReplay replay, ReplayAudit(dir_.PathOf("audit"), {}));
    for (const auto& [key, state] : store_->root()->documents) {
      SCOPED_TRACE(key.ToString());
      std::map<std::string, std::string> replayed;
      if (const auto it = replay.documents.find(key); it != replay.documents.end()) {
        for (const ReplayedRecord& record : it->second.records) {
          if (!IsGenerated(key, record.name)) replayed[record.name] = record.json;
        }
      }
      std::map<std::string, std::string> served;
      state->document->ForEach([&](const Entry& entry) {
        const std::string& name = entry.record->name;
        if (!IsGenerated(key, name)) served[name] = entry.record->json;
      });
      std::vector<std::string> differ;
      for (const auto& [name, json] : replayed) {
        if (served.count(name) == 0 || served[name] != json) differ.push_back("trail: " + name);
      }
      for (const auto& [name, json] : served) {
        if (replayed.count(name) == 0) differ.push_back("store: " + name);
      }
      EXPECT_THAT(differ, IsEmpty());
    }
  }

  TempDir dir_;
  FakeClock clock_;
  std::vector<DocumentKey> keys_ = {kClip, kLegacyClip, kMiscellaneous};
  std::unique_ptr<Store> store_;
};

TEST_F(AdoptionTest, ALaterStartReadsOnlyTheTrailOfWhatIsStillUnknown) {
  dir_.Write("clip.json", R"({"a":{"name":"a"}})");
  WriteAudit("not a line\n");
  EXPECT_EQ(Adopt().unreadable_lines, 1u);
  // The other categories have no files and stay unknown; clip's trail may be huge.
  EXPECT_EQ(Adopt().unreadable_lines, 0u);
  WriteAudit("no line either\n", "miscellaneous");
  EXPECT_EQ(Adopt().unreadable_lines, 1u);
}

TEST_F(AdoptionTest, AnEmptyDirectoryHasNothingToTakeOver) {
  const AdoptionReport report = AdoptAndOpen();
  EXPECT_EQ(report.documents, 0u);
  EXPECT_FALSE(report.forked);
  EXPECT_FALSE(State().known);
  EXPECT_EQ(store_->root()->revision, 0u);
}

TEST_F(AdoptionTest, FilesWithoutATrailAreCreatedByOneTransactionEach) {
  dir_.Write("clip.json", R"({"b":{"v":"1"},"a":{"v":"2"}})");
  dir_.Write("legacy/clip.json", "{ \"x\": {\"v\":\"1\"} }");
  const AdoptionReport report = AdoptAndOpen();
  EXPECT_EQ(report.documents, 2u);
  EXPECT_EQ(report.events, 3u);
  EXPECT_THAT(NamesOf(*State().document), ElementsAre("b", "a"));
  EXPECT_EQ(*State(kLegacyClip).source_text, "{ \"x\": {\"v\":\"1\"} }");
  const auto history = *store_->History(0, store_->root()->revision);
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0]->caller, "external:adopt");
  ExpectReplayEqualsTheStore();
}

TEST_F(AdoptionTest, WhatTheTrailExplainsTakesNoEventAndItsLastIdIsTheRevision) {
  WriteAudit(Create(5, "a", R"({"v":"1"})") + Create(9, "b", R"({"v":"2"})"));
  dir_.Write("clip.json", R"({"b":{"v":"2"},"a":{"v":"1"}})");
  const AdoptionReport report = AdoptAndOpen();
  EXPECT_EQ(report.events, 0u);
  EXPECT_EQ(State().mod_revision, 9u);
  EXPECT_TRUE(State().known);
  EXPECT_THAT(NamesOf(*State().document), ElementsAre("b", "a"));
  EXPECT_EQ(store_->root()->revision, 9u);
  EXPECT_EQ(CommitTo(*store_, Edit(kClip, {Put("c", "3")})), 10u) << "ids go on";
  ExpectReplayEqualsTheStore();
}

TEST_F(AdoptionTest, OnlyWhatTheTrailDoesNotExplainBecomesEvents) {
  WriteAudit(Create(5, "same", R"({"v":"1"})") + Create(6, "edited", R"({"v":"1"})") +
             Create(7, "gone", R"({"v":"1"})"));
  dir_.Write("audit/index.json", R"({"last_event_id": 40})");
  dir_.Write("clip.json", R"({"new":{"v":"1"},"same":{"v":"1"},"edited":{"v":"2"}})");
  const AdoptionReport report = AdoptAndOpen();
  EXPECT_EQ(report.events, 3u);
  EXPECT_EQ(store_->root()->revision, 43u) << "above every id of lines and index";
  EXPECT_EQ(State().document->Find("same")->mod_revision, 7u);
  EXPECT_EQ(State().document->Find("edited")->record->json, R"({"v":"2"})");
  EXPECT_EQ(State().document->Find("gone"), nullptr);
  ExpectReplayEqualsTheStore();
}

// As a replay of the trail has them: what is created last comes last.
TEST_F(AdoptionTest, NewModelsFollowThoseThatTheTrailExplainsBothInTheOrderOfTheFile) {
  WriteAudit(Create(5, "e1", R"({"v":"1"})") + Create(6, "e2", R"({"v":"1"})"));
  dir_.Write("clip.json",
             R"({"n1":{"v":"1"},"e2":{"v":"1"},"n2":{"v":"1"},"e1":{"v":"2"},"n3":{"v":"1"}})");
  EXPECT_EQ(AdoptAndOpen().events, 4u);
  EXPECT_THAT(NamesOf(*State().document), ElementsAre("e2", "e1", "n1", "n2", "n3"));
  ExpectReplayEqualsTheStore();
}

TEST_F(AdoptionTest, BadLinesAreSkippedAndCounted) {
  WriteAudit("not JSON\n" + Create(5, "a", R"({"v":"1"})") + "{\"event_id\":\n");
  dir_.Write("clip.json", R"({"a":{"v":"1"}})");
  const AdoptionReport report = AdoptAndOpen();
  EXPECT_EQ(report.unreadable_lines, 2u);
  EXPECT_EQ(report.events, 0u);
}

TEST_F(AdoptionTest, TakingOverAgainDoesNothing) {
  dir_.Write("clip.json", R"({"a":{"v":"1"}})");
  Adopt();
  dir_.Write("clip.json", R"({"a":{"v":"2"}})");
  const AdoptionReport again = AdoptAndOpen();
  EXPECT_EQ(again.documents, 0u);
  EXPECT_FALSE(again.forked);
  EXPECT_EQ(State().document->Find("a")->record->json, R"({"v":"1"})")
      << "an edit, not ours to say";
}

TEST_F(AdoptionTest, AMissingFileComesFromItsBackup) {
  dir_.Write("clip.bak", R"({"a":{"v":"1"}})");
  WriteAudit(Create(5, "other", R"({"v":"1"})"));
  AdoptAndOpen();
  EXPECT_THAT(NamesOf(*State().document), ElementsAre("a"));
  ExpectReplayEqualsTheStore();
}

TEST_F(AdoptionTest, ADamagedFileWithoutBackupComesFromTheTrail) {
  dir_.Write("clip.json", "{\"a\": ");
  WriteAudit(Create(5, "a", R"({"v":"1"})"));
  const AdoptionReport report = AdoptAndOpen();
  EXPECT_EQ(report.events, 0u);
  EXPECT_THAT(report.damaged, IsEmpty());
  EXPECT_EQ(State().document->ToJson(), R"({"a":{"v":"1"}})");
}

TEST_F(AdoptionTest, ADamagedFileThatNothingExplainsIsNotKnown) {
  dir_.Write("clip.json", "{\"a\": ");
  const AdoptionReport report = AdoptAndOpen();
  EXPECT_EQ(report.damaged.count(kClip), 1u);
  EXPECT_TRUE(absl::IsDataLoss(report.damaged.at(kClip)));
  EXPECT_FALSE(State().known);
}

TEST_F(AdoptionTest, TheFileIsTheBaseOfLaterEdits) {
  const std::string text = R"({"a":{"v":"1"}})";
  dir_.Write("clip.json", text);
  AdoptAndOpen();
  FileState file;
  RecordEtags base;
  ASSERT_THAT(store_->Query([&](Database& database) -> absl::Status {
    const int64_t id = *DocumentId(database, kClip);
    file = **ReadFileState(database, id);
    base = *ReadFileBase(database, id);
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_EQ(file.sha256, Sha256(text));
  EXPECT_EQ(file.revision, State().mod_revision);
  EXPECT_EQ(base.at("a"), State().document->Find("a")->record->etag);
}

TEST_F(AdoptionTest, ATrailThatIsNewerThanTheStoreForksTheEpochAboveIt) {
  dir_.Write("clip.json", R"({"a":{"v":"1"}})");
  AdoptAndOpen();
  const Epoch epoch = store_->root()->epoch;
  store_.reset();
  dir_.Write("audit/index.json", R"({"last_event_id": 1000})");
  EXPECT_TRUE(AdoptAndOpen().forked);
  EXPECT_NE(store_->root()->epoch, epoch);
  EXPECT_EQ(CommitTo(*store_, Edit(kClip, {Put("b", "1")})), 1001u);
  store_.reset();
  EXPECT_FALSE(Adopt().forked);
}

TEST_F(AdoptionTest, ForeignLinesBehindOursAreToldWhenTheirIdsAreTaken) {
  dir_.Write("clip.json", R"({"a":{"v":"1"}})");
  AdoptAndOpen();
  CommitTo(*store_, Edit(kClip, {Put("b", "1"), Put("c", "1")}));
  ExpectReplayEqualsTheStore();
  store_.reset();
  const std::string folder = dir_.PathOf("audit/v2/clip");
  ASSERT_OK_AND_ASSIGN(const auto files, ListAuditFiles(folder));
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       ReadFileToString(folder + "/" + files.back(), 1 << 20));
  ASSERT_THAT(WriteFileDurably(folder + "/" + files.back(), text + Create(2, "z", "{}")), IsOk());
  const AdoptionReport report = Adopt();
  EXPECT_EQ(report.trail.foreign_lines, 1u);
  EXPECT_EQ(report.trail.colliding_lines, 1u);
  EXPECT_FALSE(report.forked);
}

TEST_F(AdoptionTest, AHundredThousandRecordsComeWhole) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ",", "\"m", i, "\":{\"v\":\"", i, "\"}");
  }
  dir_.Write("clip.json", text + "}");
  const absl::Time begin = MonotonicClock().TimeNow();
  EXPECT_EQ(AdoptAndOpen().events, 100'000u);
  std::printf("100,000 records adopted and opened in %s\n",
              absl::FormatDuration(MonotonicClock().TimeNow() - begin).c_str());
  EXPECT_EQ(State().document->record_count(), 100'000u);
}

TEST_F(AdoptionTest, TheOriginalsSamplesOpenAsTheyAre) {
  const std::string samples = SharedDir() + "/golden/samples";
  if (!fs::exists(samples)) GTEST_SKIP() << "no samples at " << samples;
  fs::copy(samples, dir_.path(), fs::copy_options::recursive);
  AdoptAndOpen();
  ASSERT_OK_AND_ASSIGN(const std::string file,
                       ReadFileToString(samples + "/miscellaneous.json", 1 << 20));
  ASSERT_OK_AND_ASSIGN(const ParsedDocument parsed, ParseDocument(file));
  EXPECT_EQ(State(kMiscellaneous).document->etag(), parsed.document->etag());
  EXPECT_GE(store_->root()->revision, 16u) << "the index says that 16 ids were given";
  ExpectReplayEqualsTheStore();
}

TEST_F(AdoptionTest, TheRealCataloguesOpenAsTheyAreAndAReplayEqualsThem) {
  if (!HasSharedData()) GTEST_SKIP() << "no shared data at " << SharedDir();
  const std::string data = SharedDir() + "/data";
  keys_ = {kLegacyText};
  fs::copy(data + "/AI-Horde-text-model-reference/models.csv", PathOf(kLegacyText));
  for (const char* category : {"clip", "blip", "controlnet", "miscellaneous", "gfpgan"}) {
    keys_.push_back({category, Format::kLegacy});
    fs::copy(absl::StrCat(data, "/AI-Horde-image-model-reference/", category, ".json"),
             PathOf(keys_.back()));
  }
  const AdoptionReport report = AdoptAndOpen();
  EXPECT_EQ(report.documents, keys_.size());
  for (const DocumentKey& key : keys_) {
    ASSERT_OK_AND_ASSIGN(const SnapshotPtr file,
                         ReadDocumentFile(PathOf(key), {key.format, IsTableFile(PathOf(key))}));
    EXPECT_EQ(State(key).document->etag(), file->document->etag()) << key.ToString();
    EXPECT_EQ(*State(key).source_text, *file->source_text) << key.ToString();
  }
  ExpectReplayEqualsTheStore();
}

}  // namespace
}  // namespace modelref
