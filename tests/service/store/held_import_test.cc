// Files that are not taken as they are: what is kept of them, and that nothing is lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/document_file.h"
#include "tests/service/store/held_import_fixture.h"
#include "tests/testing/fake_backend.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::CommitTo;
using ::modelref::testing::DocumentJson;
using ::modelref::testing::Edit;
using ::modelref::testing::HeldImportTest;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kFile;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::Names;
using ::modelref::testing::NamesOf;
using ::modelref::testing::Put;
using ::modelref::testing::RecordJson;
using ::modelref::testing::Remove;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- Three ways
// -----------------------------------------------------------------------------------

TEST_F(HeldImportTest, ACommitThatTheFileDoesNotHaveYetSurvivesAnEditOfTheFile) {
  Write(R"({"a":{"v":"1"},"b":{"v":"1"}})");
  CommitTo(*store_, Edit(kClip, {Put("a", "committed"), Put("new", "1")}));
  Write(R"({"a":{"v":"1"},"b":{"v":"edited"}})");
  EXPECT_EQ(Json(), R"({"a":{"v":"committed"},"b":{"v":"edited"},"new":{"v":"1"}})");
  EXPECT_LT(File().revision, State().mod_revision) << "the file is due to be rewritten";
}

TEST_F(HeldImportTest, AStaleEditorDoesNotUndoACommitForAQuarterOfAnHour) {
  Write(R"({"a":{"v":"1"},"gone":{"v":"1"}})");
  CommitTo(*store_, Edit(kClip, {Put("a", "2"), Remove("gone"), Put("new", "1")}));
  Write(R"({"a":{"v":"2"},"new":{"v":"1"}})");  // As a rewrite would leave it.
  clock_.Advance(absl::Minutes(15));
  Write(R"({"a":{"v":"1"},"gone":{"v":"1"},"mine":{"v":"1"}})");
  EXPECT_EQ(Json(), R"({"a":{"v":"2"},"new":{"v":"1"},"mine":{"v":"1"}})");
  // Once more, and the file is meant so.
  clock_.Advance(absl::Seconds(1));
  Write(R"({"a":{"v":"2"},"new":{"v":"1"},"mine":{"v":"1"}})");
  Write(R"({"a":{"v":"1"},"gone":{"v":"1"},"mine":{"v":"1"}})");
  EXPECT_EQ(Json(), R"({"a":{"v":"1"},"mine":{"v":"1"},"gone":{"v":"1"}})");
}

TEST_F(HeldImportTest, AnEditMayUndoAnotherEditAtOnce) {
  Write(R"({"a":{"v":"1"}})");
  Write(R"({"a":{"v":"2"}})");
  Write(R"({"a":{"v":"1"}})");
  EXPECT_EQ(Json(), R"({"a":{"v":"1"}})");
  EXPECT_EQ(store_->root()->revision, 3u);
}

TEST_F(HeldImportTest, TheFileStateTellsWhetherTheFileShowsTheDocument) {
  Write(R"({"a":{"v":"1"}})", kLegacyClip);
  EXPECT_EQ(File(kLegacyClip).revision, State(kLegacyClip).mod_revision);
  EXPECT_EQ(File(kLegacyClip).sha256, Sha256(R"({"a":{"v":"1"}})"));
  EXPECT_EQ(File(kLegacyClip).size_bytes, 15u);
  const std::string spaced = "{ \"a\": {\"v\":\"1\"} }";
  Write(spaced, kLegacyClip);
  EXPECT_EQ(store_->root()->revision, 1u);
  EXPECT_EQ(File(kLegacyClip).revision, 1u) << "bytes of a legacy document stay as they are";
  EXPECT_EQ(*State(kLegacyClip).source_text, spaced);
  CommitTo(*store_, Edit(kLegacyClip, {Put("b", "1")}));
  Write(R"({"a":{"v":"2"}})", kLegacyClip);
  EXPECT_LT(File(kLegacyClip).revision, State(kLegacyClip).mod_revision);
  EXPECT_EQ(State(kLegacyClip).source_text, nullptr) << "the file does not have all of it";
  Write(R"({"a":{"v":"1"}})");
  EXPECT_EQ(File().revision, 0u) << "a v2 file is brought into our form";
}

// --- Waiting edits
// --------------------------------------------------------------------------------

TEST_F(HeldImportTest, ARemovalOfMoreThanHalfIsKeptAndTheFileIsRestored) {
  Write(DocumentJson(Names(1, 12)));
  const std::string edit = DocumentJson({"m1", "m2", "new"}, "edited");
  Write(edit);
  EXPECT_EQ(State().document->record_count(), 12u);
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kEditHeld);
  ASSERT_THAT(Waiting(), SizeIs(1));
  const HeldEdit held = Waiting().front();
  EXPECT_EQ(held.key, kClip);
  EXPECT_EQ(held.kind, HeldKind::kMassRemoval);
  EXPECT_EQ(held.creates, 1u);
  EXPECT_EQ(held.updates, 2u);
  EXPECT_EQ(held.deletes, 10u);
  EXPECT_THAT(held.models, SizeIs(13));
  EXPECT_EQ(held.sha256, Sha256(edit));
  EXPECT_EQ(held.size_bytes, edit.size());
  EXPECT_EQ(held.noticed, clock_.TimeNow());
  EXPECT_TRUE(held.acceptable);
  EXPECT_EQ(Held(held), edit);
  EXPECT_THAT(State().freshness.detail, HasSubstr(held.id));
  EXPECT_THAT(restored_, ElementsAre(kClip));
}

TEST_F(HeldImportTest, TheSameBytesWaitOnce) {
  Write(DocumentJson(Names(1, 12)));
  Write("{}");
  Offer();
  EXPECT_THAT(Waiting(), SizeIs(1));
  Write(DocumentJson({"m1"}));
  EXPECT_THAT(Waiting(), SizeIs(2));
}

TEST_F(HeldImportTest, AnEditGoesOnWaitingWhateverTheFileHoldsLater) {
  Write(DocumentJson(Names(1, 12)));
  Write("{}");
  Write(DocumentJson(Names(1, 13)));
  EXPECT_EQ(State().document->record_count(), 13u);
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kEditHeld);
  HeldEdit held = Waiting().front();
  held.state = HeldState::kDiscarded;
  TransactionRequest decide;
  decide.caller = "test";
  decide.body = [&](TransactionContext& context) {
    return DecideHeldEdit(context.database(), held);
  };
  ASSERT_THAT(store_->Commit(std::move(decide)), IsOk());
  importer_->UpdateHeld();
  EXPECT_FALSE(State().freshness.stale());
}

TEST_F(HeldImportTest, AWaitingEditIsToldAfterARestart) {
  Write(DocumentJson(Names(1, 12)));
  Write("{}");
  store_->SetFreshness(kClip, FreshnessCause::kNone, "");
  importer_->UpdateHeld();
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kEditHeld);
}

// --- Damage
// ---------------------------------------------------------------------------------------

TEST_F(HeldImportTest, DamageIsToldAtOnceAndPutAsideWhenItLasts) {
  Write(DocumentJson({"a", "b"}));
  Write("{\"a\": ");
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kRefreshFailed);
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_THAT(restored_, IsEmpty());
  EXPECT_THAT(importer_->LastingDamage(), IsEmpty());
  Last();
  ASSERT_THAT(Waiting(), SizeIs(1));
  EXPECT_EQ(Held(Waiting()[0]), "{\"a\": ");
  EXPECT_EQ(Waiting()[0].kind, HeldKind::kDamage);
  EXPECT_FALSE(Waiting()[0].acceptable);
  EXPECT_THAT(restored_, ElementsAre(kClip));
  EXPECT_THAT(NamesOf(*State().document), ElementsAre("a", "b"));
  EXPECT_EQ(store_->root()->revision, 2u);
  // Once is enough, until the file is another.
  Last();
  EXPECT_THAT(Waiting(), SizeIs(1));
  EXPECT_THAT(restored_, SizeIs(1));
}

TEST_F(HeldImportTest, DamageThatHealsInTimeLeavesNothing) {
  Write(DocumentJson({"a"}));
  Write("");
  Write(DocumentJson({"a"}));
  EXPECT_FALSE(State().freshness.stale());
  Last();
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_THAT(restored_, IsEmpty());
}

TEST_F(HeldImportTest, AnEditorThatGoesOnWritingIsNotInterrupted) {
  Write(DocumentJson({"a"}));
  for (int i = 0; i < 5; ++i) {
    Write(absl::StrCat("{\"a\": ", std::string(static_cast<size_t>(i), ' ')));
    clock_.Advance(absl::Seconds(6));
  }
  EXPECT_THAT(restored_, IsEmpty());
}

TEST_F(HeldImportTest, AMissingFileIsRestoredAndNothingIsKept) {
  Write(DocumentJson({"a"}));
  fs::remove(PathOf());
  Offer();
  EXPECT_TRUE(State().freshness.stale());
  Last();
  EXPECT_THAT(restored_, ElementsAre(kClip));
  EXPECT_THAT(Waiting(), IsEmpty());
}

TEST_F(HeldImportTest, SomethingElseThanAFileIsMovedAside) {
  Write(DocumentJson({"a"}));
  fs::remove(PathOf());
  fs::create_directory(PathOf());
  Offer();
  Last();
  ASSERT_THAT(Waiting(), SizeIs(1));
  EXPECT_TRUE(fs::is_directory(dir_.path() + "/.modelref/held/" + Waiting()[0].id));
  EXPECT_FALSE(fs::exists(PathOf()));
  EXPECT_THAT(restored_, ElementsAre(kClip));
}

TEST_F(HeldImportTest, AFileCutShortAnywhereDeletesNothing) {
  const std::string whole = R"({"a":{"v":"1"},"b":{"v":[1,{"x":"y"}]},"c":{"v":"3"}})";
  Write(whole);
  const Etag before = State().document->etag();
  const uint64_t revision = store_->root()->revision;
  for (size_t size = 0; size < whole.size(); ++size) {
    Write(whole.substr(0, size));
    EXPECT_EQ(State().document->etag(), before) << size;
    EXPECT_TRUE(State().freshness.stale()) << size;
    Last();
    EXPECT_THAT(restored_, SizeIs(size + 1));
    Write(whole);
    EXPECT_FALSE(State().freshness.stale()) << size;
  }
  EXPECT_EQ(store_->root()->revision, revision);
  EXPECT_THAT(Waiting(), SizeIs(whole.size()));
}

TEST_F(HeldImportTest, ATableCutShortAnywhereDeletesNothing) {
  is_table_ = true;
  const DocumentKey& key = kLegacyClip;
  const std::string whole = "name,parameters_bn\nA/one,1\nB/two,2\nC/three,3\n";
  Write(whole, key);
  ASSERT_EQ(State(key).document->record_count(), 9u);
  const Etag before = State(key).document->etag();
  for (size_t size = 0; size < whole.size(); ++size) {
    Write(whole.substr(0, size), key);
    EXPECT_EQ(State(key).document->etag(), before) << size;
    EXPECT_TRUE(State(key).freshness.stale()) << size;
  }
  Write(whole, key);
  EXPECT_FALSE(State(key).freshness.stale());
}

// --- Displaced files
// ------------------------------------------------------------------------------

TEST_F(HeldImportTest, ADisplacedFileIsImportedAgainstTheBaseOfBefore) {
  Write(R"({"a":{"v":"1"},"b":{"v":"1"}})");
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  const std::string kept = dir_.PathOf("kept");
  ASSERT_THAT(WriteFileDurably(kept, R"({"a":{"v":"1"},"b":{"v":"edited"}})"), IsOk());
  const FileState file = File();
  EXPECT_THAT(importer_->OfferDisplaced(kClip, ReadDocumentFile(kept, {}), kept, kFile), IsOk());
  EXPECT_EQ(Json(), R"({"a":{"v":"2"},"b":{"v":"edited"}})");
  EXPECT_EQ(File().sha256, file.sha256) << "it is not the file in place";
}

// A rewrite displaced an edit, whose process died; the same person has saved again since.
TEST_F(HeldImportTest, ADisplacedFileIsOlderThanWhatWasSavedInItsPlaceAfterwards) {
  Write(R"({"a":{"v":"1"},"b":{"v":"1"},"c":{"v":"1"}})");
  CommitTo(*store_, Edit(kClip, {Put("c", "2")}));
  const std::string kept =
      dir_.PathOf(absl::StrCat("clip.json.tmp.1.2.3r", store_->root()->revision));
  ASSERT_THAT(
      WriteFileDurably(kept, R"({"a":{"v":"old"},"b":{"v":"edited"},"c":{"v":"1"},"d":{"v":"1"}})"),
      IsOk());
  Write(R"({"a":{"v":"new"},"b":{"v":"1"},"c":{"v":"2"}})");
  for (int judged = 0; judged < 2; ++judged) {
    EXPECT_THAT(importer_->OfferDisplaced(kClip, ReadDocumentFile(kept, {}), kept, kFile), IsOk());
    EXPECT_EQ(Json(), R"({"a":{"v":"new"},"b":{"v":"edited"},"c":{"v":"2"},"d":{"v":"1"}})");
  }
  clock_.Advance(absl::Hours(1));
  EXPECT_THAT(importer_->OfferDisplaced(kClip, ReadDocumentFile(kept, {}), kept, kFile), IsOk());
  EXPECT_EQ(State().document->Find("a")->record->json, R"({"v":"new"})") << "it does not get newer";
}

// The base is that of the rewrite by then.
TEST_F(HeldImportTest, ADisplacedFileThatIsJudgedLateUndoesNoCommitOfBefore) {
  Write(R"({"a":{"v":"1"},"b":{"v":"1"}})");
  CommitTo(*store_, Edit(kClip, {Put("a", "2"), Put("c", "1")}));
  const std::string kept =
      dir_.PathOf(absl::StrCat("clip.json.tmp.1.2.3r", store_->root()->revision));
  ASSERT_THAT(WriteFileDurably(kept, R"({"a":{"v":"1"},"b":{"v":"edited"}})"), IsOk());
  Write(R"({"a":{"v":"2"},"b":{"v":"1"},"c":{"v":"1"}})");
  clock_.Advance(absl::Hours(3));
  EXPECT_THAT(importer_->OfferDisplaced(kClip, ReadDocumentFile(kept, {}), kept, kFile), IsOk());
  EXPECT_EQ(Json(), R"({"a":{"v":"2"},"b":{"v":"edited"},"c":{"v":"1"}})");
}

TEST_F(HeldImportTest, ADisplacedFileThatCannotBeTakenWaits) {
  Write(DocumentJson(Names(1, 12)));
  const std::string kept = dir_.PathOf("kept");
  for (const std::string text : {"{}", "not JSON"}) {
    ASSERT_THAT(WriteFileDurably(kept, text), IsOk());
    EXPECT_THAT(importer_->OfferDisplaced(kClip, ReadDocumentFile(kept, {}), kept, kFile), IsOk());
    ASSERT_FALSE(Waiting().empty());
    EXPECT_EQ(Held(Waiting().back()), text);
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_THAT(Waiting(), SizeIs(2));
  EXPECT_EQ(State().document->record_count(), 12u);
}

// --- Random histories
// -----------------------------------------------------------------------------

using Values = std::map<std::string, std::string>;

std::string TextOf(const Values& records) {
  std::string text = "{";
  for (const auto& [name, value] : records) {
    absl::StrAppend(&text, text.size() > 1 ? "," : "", "\"", name, "\":", RecordJson(value));
  }
  return absl::StrCat(text, "}");
}

Values ValuesOf(const Document& document) {
  Values values;
  document.ForEach([&](const Entry& entry) {
    const std::string& json = entry.record->json;
    values[entry.record->name] = json.substr(6, json.size() - 8);
  });
  return values;
}

// Commits, rewrites of the file, edits, and saves of editors that read the file before commits and
// rewrites; everything within a quarter of an hour.
class RandomHistory {
 public:
  explicit RandomHistory(uint64_t seed) : random_(seed) {}

  Values served;  // What is to be served.
  Values file;    // What stands in the file.

  uint64_t Random(uint64_t below) { return random_() % below; }
  std::string NewValue() { return absl::StrCat("v", ++values_); }

  void Commit(Store& store, const std::string& name, bool is_delete) {
    const std::string value = NewValue();
    CommitTo(store, Edit(kClip, {is_delete ? Remove(name) : Put(name, value)}));
    if (is_delete) {
      served.erase(name);
    } else {
      if (served.count(name) == 0) created_by_commit_.insert(name);
      served[name] = value;
    }
  }
  // An editor that read `buffer` saves it with one record changed.
  void Save(Values buffer, const std::string& name, bool is_delete) {
    if (!is_delete) {
      served[name] = buffer[name] = NewValue();
    } else {
      buffer.erase(name);
      // Where a commit created it, the editor may only not know it yet.
      if (file.count(name) > 0 && created_by_commit_.count(name) == 0) served.erase(name);
    }
    file = std::move(buffer);
  }

 private:
  std::mt19937_64 random_;
  int values_ = 0;
  std::set<std::string> created_by_commit_;
};

TEST_F(HeldImportTest, RandomInterleavingsLoseNeitherCommitsNorEdits) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  RandomHistory history(seed);
  Write("{}");
  for (int step = 0; step < 1000; ++step) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, " step ", step));
    const std::string name = absl::StrCat("r", history.Random(8));
    const bool is_delete = history.Random(4) == 0;
    switch (history.Random(3)) {
      case 0:
        history.Commit(*store_, name, is_delete);
        break;
      case 1:
        Write(TextOf(history.file = history.served));
        break;
      default: {
        const Values buffer = history.file;
        for (uint64_t i = history.Random(4); i > 0; --i) {
          history.Commit(*store_, absl::StrCat("r", history.Random(8)), history.Random(4) == 0);
          if (history.Random(2) == 0) Write(TextOf(history.file = history.served));
        }
        history.Save(buffer, name, is_delete);
        Write(TextOf(history.file));
      }
    }
    ASSERT_EQ(ValuesOf(*State().document), history.served);
    clock_.Advance(absl::Milliseconds(1));
  }
}

}  // namespace
}  // namespace modelref
