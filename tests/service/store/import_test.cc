#include "service/store/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::DocumentJson;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::MakeSnapshot;
using ::modelref::testing::NamesOf;
using ::modelref::testing::Put;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const absl::Status kMissing = absl::NotFoundError("no file");
const absl::Status kGarbage = absl::DataLossError("clip.json: line 1, column 1: garbage");

std::vector<std::string> Names(size_t count, size_t first = 0) {
  std::vector<std::string> names;
  for (size_t i = first; i < first + count; ++i) names.push_back(absl::StrCat("m", i));
  return names;
}

class SourceImporterTest : public ::testing::Test {
 protected:
  void OfferJson(const DocumentKey& key, const std::string& json) {
    importer_.Offer(key, MakeSnapshot(key.format, json), "external:file");
  }
  void OfferError(const absl::Status& error) { importer_.Offer(kClip, error, "external:file"); }
  // A table of these models.
  void OfferTable(const std::vector<std::string>& names, const std::string& suspicion = "") {
    auto snapshot = std::make_shared<Snapshot>(*MakeSnapshot(Format::kV2, DocumentJson(names)));
    snapshot->is_table = true;
    snapshot->suspicion = suspicion;
    importer_.Offer(kClip, SnapshotPtr(std::move(snapshot)), "external:file");
  }
  const DocumentState& State(const DocumentKey& key = kClip) { return *store_.root()->Find(key); }
  std::vector<std::string> NamesNow() { return NamesOf(*State().document); }
  // What the newest transaction did to its only document.
  const DocumentDelta& LastDelta() {
    const auto history = *store_.History(0, store_.root()->revision);
    EXPECT_FALSE(history.empty());
    last_ = history.back();
    return last_->deltas.front();
  }

  FakeClock clock_;
  Store store_{{kClip, kLegacyClip}, clock_, Store::Options()};
  SourceImporter importer_{store_, clock_, SourceImporter::Options()};
  CommittedTransactionPtr last_;
};

TEST_F(SourceImporterTest, AnEditBecomesATransactionOfTheModelsThatDiffer) {
  OfferJson(kClip, R"({"a":{"v":1},"b":{"v":1},"c":{"v":1}})");
  OfferJson(kClip, R"({"a":{"v":1},"c":{"v":2},"d":{"v":1}})");
  EXPECT_THAT(NamesNow(), ElementsAre("a", "c", "d"));
  EXPECT_EQ(State().document->Find("c")->record->json, R"({"v":2})");
  EXPECT_EQ(State().document->Find("a")->mod_revision, 3u);
  EXPECT_EQ(store_.root()->revision, 6u);
  std::set<std::string> changed;
  for (const CommittedChange& change : LastDelta().changes) changed.insert(change.name);
  EXPECT_THAT(changed, ElementsAre("b", "c", "d"));
  EXPECT_EQ(last_->caller, "external:file");
}

TEST_F(SourceImporterTest, AReorderedFileMakesNoEvent) {
  OfferJson(kClip, DocumentJson({"a", "b", "c"}));
  OfferJson(kClip, DocumentJson({"c", "a", "b"}));
  EXPECT_EQ(store_.root()->revision, 3u);
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b", "c"));
}

TEST_F(SourceImporterTest, WhiteSpaceMakesNoEventButIsTheSourceTextFromThenOn) {
  OfferJson(kLegacyClip, R"({"a":{"v":1}})");
  const Etag compact = State(kLegacyClip).source_etag;
  const std::string spaced = "{\n  \"a\": {\"v\": 1}\n}\n";
  OfferJson(kLegacyClip, spaced);
  EXPECT_EQ(store_.root()->revision, 1u);
  EXPECT_EQ(*State(kLegacyClip).source_text, spaced);
  EXPECT_EQ(State(kLegacyClip).source_etag, Sha256(spaced));
  EXPECT_NE(State(kLegacyClip).source_etag, compact);
}

TEST_F(SourceImporterTest, TheSameFileAgainChangesNothingAtAll) {
  OfferJson(kLegacyClip, R"({"a":{"v":1}})");
  const RootPtr before = store_.root();
  OfferJson(kLegacyClip, R"({"a":{"v":1}})");
  EXPECT_EQ(store_.root(), before);
}

TEST_F(SourceImporterTest, AMissingFileIsDamageAndNeverADelete) {
  OfferJson(kClip, DocumentJson({"a", "b"}));
  OfferError(kMissing);
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b"));
  EXPECT_EQ(store_.root()->revision, 2u);
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kRefreshFailed);
  EXPECT_EQ(State().freshness.detail, "no file");
  EXPECT_THAT(State().damage, IsOk()) << "the last good content is served";
}

TEST_F(SourceImporterTest, GarbageKeepsTheLastGoodContentAndHeals) {
  OfferJson(kClip, DocumentJson({"a", "b"}));
  OfferError(kGarbage);
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kRefreshFailed);
  EXPECT_THAT(State().freshness.detail, HasSubstr("garbage"));
  EXPECT_THAT(State().damage, IsOk());
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b"));
  OfferJson(kClip, DocumentJson({"a", "b"}));
  EXPECT_FALSE(State().freshness.stale());
  EXPECT_EQ(store_.root()->revision, 2u) << "healing with equal content is no event";
}

TEST_F(SourceImporterTest, TheSameDamageTwiceIsToldOnce) {
  OfferJson(kClip, DocumentJson({"a"}));
  OfferError(kGarbage);
  const RootPtr before = store_.root();
  OfferError(kGarbage);
  EXPECT_EQ(store_.root(), before);
}

TEST_F(SourceImporterTest, AMarkedDocumentIsFreshAfterItsImport) {
  OfferJson(kClip, DocumentJson({"a"}));
  store_.SetFreshness(kClip, FreshnessCause::kMarked, "");
  OfferJson(kClip, DocumentJson({"a"}));
  EXPECT_FALSE(State().freshness.stale());
}

TEST_F(SourceImporterTest, AnEditThatRemovesMoreThanHalfOfTenModelsWaits) {
  OfferJson(kClip, DocumentJson(Names(10)));
  OfferJson(kClip, DocumentJson(Names(4)));
  EXPECT_EQ(State().document->record_count(), 10u);
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kEditHeld);
  EXPECT_THAT(State().freshness.detail, HasSubstr("6 of 10"));
  // A file that is whole again is taken.
  OfferJson(kClip, DocumentJson(Names(11)));
  EXPECT_FALSE(State().freshness.stale());
  EXPECT_EQ(State().document->record_count(), 11u);
}

TEST_F(SourceImporterTest, AHeldEditIsNotTakenInPart) {
  OfferJson(kClip, DocumentJson(Names(10)));
  const uint64_t revision = store_.root()->revision;
  OfferJson(kClip, DocumentJson({"m0", "new"}, "changed"));
  EXPECT_EQ(store_.root()->revision, revision);
  EXPECT_EQ(State().document->Find("new"), nullptr);
}

TEST_F(SourceImporterTest, ExactlyHalfOfTenModelsMayBeRemoved) {
  OfferJson(kClip, DocumentJson(Names(10)));
  OfferJson(kClip, DocumentJson(Names(5)));
  EXPECT_THAT(NamesNow(), SizeIs(5));
  EXPECT_FALSE(State().freshness.stale());
}

TEST_F(SourceImporterTest, AnEditThatRemovesMostOfNineModelsApplies) {
  OfferJson(kClip, DocumentJson(Names(9)));
  OfferJson(kClip, DocumentJson({"m3"}));
  EXPECT_THAT(NamesNow(), ElementsAre("m3"));
  EXPECT_FALSE(State().freshness.stale());
  OfferJson(kClip, "{}");
  EXPECT_THAT(NamesNow(), IsEmpty());
}

TEST_F(SourceImporterTest, ATableWithoutItsFinalLineEndIsDamage) {
  OfferTable({"a", "b", "c"});
  OfferTable({"a", "b", "c", "d"}, "the last row has no line end");
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kRefreshFailed);
  EXPECT_EQ(State().freshness.detail, "the last row has no line end");
  OfferTable({"a", "b", "c", "d"});
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b", "c", "d"));
  EXPECT_FALSE(State().freshness.stale());
}

TEST_F(SourceImporterTest, ATableThatLosesExactlyItsTailIsDamage) {
  OfferTable({"a", "b", "c", "d"});
  OfferTable({"a", "b"});
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kRefreshFailed);
  EXPECT_THAT(State().freshness.detail, HasSubstr("the last 2 entries"));
}

TEST_F(SourceImporterTest, ATableThatLosesItsTailWithRecentCommitsInItIsDamage) {
  OfferTable({"a", "b", "c", "d"});
  CommitTo(store_, Edit(kClip, {Put("recent", "1")}));
  OfferTable({"a", "b", "c", "d", "recent"});
  OfferTable({"a", "b", "c"});
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b", "c", "d", "recent"));
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kRefreshFailed);
}

TEST_F(SourceImporterTest, ATableMayLoseRowsOtherwise) {
  OfferTable({"a", "b", "c", "d"});
  OfferTable({"a", "b", "d"});
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b", "d"));
  // Its tail too, when something else changes with it.
  OfferTable({"a", "b", "new"});
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b", "new"));
  EXPECT_FALSE(State().freshness.stale());
}

TEST_F(SourceImporterTest, AJsonFileMayLoseItsTailBecauseItWouldNotParseCutShort) {
  OfferJson(kClip, DocumentJson({"a", "b", "c"}));
  OfferJson(kClip, DocumentJson({"a", "b"}));
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b"));
}

TEST_F(SourceImporterTest, ARecordThatCannotBeRepresentedIsNeitherChangeNorDelete) {
  OfferJson(kClip, R"({"a":{"v":1},"b":{"v":1}})");
  OfferJson(kClip, R"({"a":{"v":NaN},"b":{"v":2}})");
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b"));
  EXPECT_EQ(State().document->Find("a")->record->json, R"({"v":1})");
  EXPECT_EQ(State().document->Find("b")->record->json, R"({"v":2})");
  EXPECT_EQ(store_.root()->revision, 3u);
  ASSERT_THAT(State().problems, SizeIs(1));
  EXPECT_EQ(State().problems.front().name, "a");
}

TEST_F(SourceImporterTest, AProblemIsReportedAndForgottenWithoutAnEvent) {
  OfferJson(kClip, R"({"a":{"v":1}})");
  OfferJson(kClip, R"({"a":{"v":1},"bad":[]})");
  ASSERT_THAT(State().problems, SizeIs(1));
  EXPECT_EQ(State().problems.front().name, "bad");
  OfferJson(kClip, R"({"a":{"v":1}})");
  EXPECT_THAT(State().problems, IsEmpty());
  EXPECT_EQ(store_.root()->revision, 1u);
}

TEST_F(SourceImporterTest, TheFirstContentOfASmallDocumentListsItsModels) {
  OfferJson(kClip, DocumentJson(Names(1024)));
  EXPECT_FALSE(LastDelta().wholesale);
  EXPECT_THAT(LastDelta().changes, SizeIs(1024));
  EXPECT_EQ(store_.root()->revision, 1024u);
}

TEST_F(SourceImporterTest, TheFirstContentOfALargeDocumentComesWholesale) {
  OfferJson(kClip, DocumentJson(Names(1025)));
  EXPECT_TRUE(LastDelta().wholesale);
  EXPECT_THAT(LastDelta().changes, IsEmpty());
  EXPECT_EQ(store_.root()->revision, 1025u);
  EXPECT_EQ(State().document->record_count(), 1025u);
  EXPECT_EQ(State().document->Find("m7")->mod_revision, 1025u);
}

TEST_F(SourceImporterTest, AFileThatIsMissingAtTheStartIsEmptyAndNoDamage) {
  OfferError(kMissing);
  EXPECT_THAT(State().damage, IsOk());
  EXPECT_FALSE(State().freshness.stale());
  EXPECT_EQ(store_.root()->revision, 0u);
}

TEST_F(SourceImporterTest, GarbageAtTheStartIsDataLossToReadersUntilItHeals) {
  OfferError(kGarbage);
  EXPECT_THAT(State().damage, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("garbage")));
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kRefreshFailed);
  OfferJson(kClip, DocumentJson({"a"}));
  EXPECT_THAT(State().damage, IsOk());
  EXPECT_FALSE(State().freshness.stale());
  EXPECT_THAT(NamesNow(), ElementsAre("a"));
}

TEST_F(SourceImporterTest, GarbageAtTheStartHealsToAnEmptyDocumentToo) {
  OfferError(kGarbage);
  OfferJson(kClip, "{}");
  EXPECT_THAT(State().damage, IsOk());
  EXPECT_FALSE(State().freshness.stale());
}

TEST_F(SourceImporterTest, GarbageAtTheStartThatIsRemovedIsAnEmptyDocument) {
  OfferError(kGarbage);
  OfferError(kMissing);
  EXPECT_THAT(State().damage, IsOk());
  EXPECT_FALSE(State().freshness.stale());
}

TEST_F(SourceImporterTest, TheFirstContentIsTakenAlsoWhenItLooksCutShort) {
  OfferTable({"a", "b"}, "the last row has no line end");
  EXPECT_THAT(NamesNow(), ElementsAre("a", "b"));
}

TEST_F(SourceImporterTest, ADocumentTheStoreDoesNotHaveIsIgnored) {
  const RootPtr before = store_.root();
  OfferJson({"controlnet", Format::kV2}, DocumentJson({"a"}));
  EXPECT_EQ(store_.root(), before);
}

}  // namespace
}  // namespace modelref
