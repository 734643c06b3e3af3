// A Mirror against a server of this process that is right, slow or wrong as the test says.

#include "clients/cpp/mirror.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cpp/client.h"
#include "clients/cpp/mirror_directory.h"
#include "tests/clients/cpp/mirror_fixture.h"

namespace modelref::testing {
namespace {

TEST_F(MirrorTest, ShowsEveryDocumentAndFollowsSmallChangesWithTheWatch) {
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  EXPECT_EQ(Shown("clip"), catalogue_.Document("clip")->ToJson());
  EXPECT_EQ(Shown("esrgan"), catalogue_.Document("esrgan")->ToJson());
  const int transfers = catalogue_.counts().transfers;
  catalogue_.Commit("clip", {"a"}, {{"b", "9"}, {"z", "1"}});
  EXPECT_TRUE(Eventually([&] { return Shown("clip") == R"({"b":9,"z":1})"; }));
  EXPECT_EQ(catalogue_.counts().transfers, transfers);
  EXPECT_EQ(catalogue_.counts().deltas, 0);
  EXPECT_EQ(mirror_->Find(kClip)->mod_revision, catalogue_.revision());
  EXPECT_EQ(mirror_->Find({"clip", Format::kLegacy}), nullptr);
}

TEST_F(MirrorTest, ChangesThatAreNotInlineComeByDelta) {
  catalogue_.Set({.inline_deltas = false});
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  const int transfers = catalogue_.counts().transfers;
  catalogue_.Commit("clip", {"a"}, {{"z", "1"}, {"a", "2"}});
  EXPECT_TRUE(Eventually([&] { return Shown("clip") == R"({"b":2,"z":1,"a":2})"; }));
  EXPECT_EQ(catalogue_.counts().deltas, 1);
  EXPECT_EQ(catalogue_.counts().transfers, transfers);
}

TEST_F(MirrorTest, ServerWithoutDeltasIsAskedForTheWhole) {
  catalogue_.Set({.inline_deltas = false, .deltas = false});
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  catalogue_.Commit("clip", {}, {{"z", "1"}});
  EXPECT_TRUE(Eventually([&] { return Shown("clip") == R"({"a":1,"b":2,"z":1})"; }));
}

TEST_F(MirrorTest, WrongInlineDeltaIsNeverShownAndTheWholeIsFetched) {
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  const int transfers = catalogue_.counts().transfers;
  catalogue_.Set({.wrong_inline_deltas = 1});
  catalogue_.Commit("clip", {}, {{"z", "1"}});
  EXPECT_TRUE(Eventually([&] { return Shown("clip") == R"({"a":1,"b":2,"z":1})"; }));
  EXPECT_EQ(mirror_->status().mismatches, 1u);
  EXPECT_EQ(catalogue_.counts().transfers, transfers + 1);
  EXPECT_EQ(catalogue_.counts().deltas, 0);
}

TEST_F(MirrorTest, WrongDeltaIsNeverShownAndTheWholeIsFetched) {
  catalogue_.Set({.inline_deltas = false, .wrong_deltas = 1});
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  catalogue_.Commit("clip", {}, {{"z", "1"}});
  EXPECT_TRUE(Eventually([&] { return Shown("clip") == R"({"a":1,"b":2,"z":1})"; }));
  EXPECT_EQ(mirror_->status().mismatches, 1u);
}

TEST_F(MirrorTest, FetchThatIsOvertakenByAnInvalidationIsNotShown) {
  catalogue_.Set({.inline_deltas = false});
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  const std::string before = Shown("clip");
  catalogue_.Set({.inline_deltas = false, .hold_fetches = true});
  catalogue_.Commit("clip", {}, {{"first", "1"}});
  ASSERT_TRUE(catalogue_.WaitForHeld(1));
  // The fetch holds the state of then; this makes it old before it arrives.
  catalogue_.Commit("clip", {}, {{"second", "2"}});
  ASSERT_TRUE(
      Eventually([&] { return mirror_->status().watch.revision == catalogue_.revision(); }));
  catalogue_.Set({.inline_deltas = false});
  EXPECT_TRUE(Eventually([&] {
    const std::string now = Shown("clip");
    EXPECT_TRUE(now == before || now == catalogue_.Document("clip")->ToJson()) << now;
    return now != before;
  }));
  EXPECT_EQ(mirror_->status().dropped, 1u);
}

TEST_F(MirrorTest, DeletedDocumentIsNotShownAlsoWhenAFetchOfItArrivesLater) {
  catalogue_.Set({.inline_deltas = false});
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  catalogue_.Set({.inline_deltas = false, .hold_fetches = true});
  catalogue_.Commit("clip", {}, {{"z", "1"}});
  ASSERT_TRUE(catalogue_.WaitForHeld(1));
  catalogue_.Remove("clip");
  ASSERT_TRUE(Eventually([&] { return mirror_->Find(kClip) == nullptr; }));
  catalogue_.Set({});
  ASSERT_TRUE(Eventually([&] { return mirror_->status().dropped == 1; }));
  EXPECT_EQ(mirror_->Find(kClip), nullptr);
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
}

TEST_F(MirrorTest, ResyncIntoAFullMirrorChangesCreatesAndDeletes) {
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  catalogue_.Set({.tokens_refused = true, .silent = true});
  catalogue_.Commit("clip", {"a"}, {});
  catalogue_.Remove("esrgan");
  catalogue_.Commit("gfpgan", {}, {{"g", "1"}});
  catalogue_.BreakStreams();
  EXPECT_TRUE(Eventually([&] {
    return Shown("clip") == R"({"b":2})" && mirror_->Find(kEsrgan) == nullptr &&
           Shown("gfpgan") == R"({"g":1})";
  }));
}

TEST_F(MirrorTest, LostCutIsNoticedByTheChainAndRepaired) {
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  catalogue_.Set({.lost_cuts = 1});
  catalogue_.Commit("clip", {}, {{"lost", "1"}});
  catalogue_.Commit("clip", {}, {{"seen", "2"}});
  EXPECT_TRUE(Eventually([&] { return Shown("clip") == catalogue_.Document("clip")->ToJson(); }));
  EXPECT_EQ(mirror_->status().watch.resyncs, 1u);
}

TEST_F(MirrorTest, NewEpochWithTheSameContentFetchesNothing) {
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  const FakeCatalogue::Counts before = catalogue_.counts();
  catalogue_.Set({.tokens_refused = true});
  catalogue_.StartEpoch(std::string(16, 'f'));
  ASSERT_TRUE(Eventually([&] { return mirror_->status().watch.epoch == std::string(16, 'f'); }));
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  catalogue_.Commit("clip", {}, {{"z", "1"}});
  EXPECT_TRUE(Eventually([&] { return Shown("clip") == catalogue_.Document("clip")->ToJson(); }));
  EXPECT_EQ(catalogue_.counts().transfers, before.transfers);
}

TEST_F(MirrorTest, ServerThatCannotSendADocumentLeavesTheLastGoodOneShown) {
  catalogue_.Set({.inline_deltas = false});
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  const std::string before = Shown("clip");
  catalogue_.Set(
      {.inline_deltas = false,
       .fetch_error = Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED", "damaged")});
  catalogue_.Commit("clip", {}, {{"z", "1"}});
  ASSERT_TRUE(Eventually([&] { return !mirror_->status().last_error.ok(); }));
  EXPECT_EQ(Shown("clip"), before);
  EXPECT_EQ(mirror_->status().state, SyncState::kStale);
  EXPECT_EQ(mirror_->status().pending, 1u);
  EXPECT_THAT(mirror_->status().last_error, HasReason("DOCUMENT_DAMAGED"));
  catalogue_.Set({});
  EXPECT_TRUE(mirror_->WaitUntilSynced(kDeadline));
}

TEST_F(MirrorTest, OnlyTheDocumentsOfTheFilterAreFetched) {
  options_.filter.add_categories("clip");
  OpenMirror();
  ASSERT_TRUE(Eventually([&] { return mirror_->status().watch.streams > 0; }));
  // The fake sends all categories: what was not asked for makes the stream unbelievable.
  ASSERT_TRUE(Eventually([&] { return mirror_->status().watch.resyncs > 0; }));
  EXPECT_EQ(mirror_->Find(kEsrgan), nullptr);
}

TEST_F(MirrorTest, ChangesAreToldWithWhatIsShown) {
  Mutex mutex;
  std::map<std::string, std::string> told;
  options_.on_change = [&](const DocumentKey& key, const MirrorCopyPtr& copy) {
    MutexLock lock(&mutex);
    told[key.category] = copy == nullptr ? "gone" : copy->document->ToJson();
  };
  const auto last = [&](const std::string& category) {
    MutexLock lock(&mutex);
    return told[category];
  };
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  EXPECT_TRUE(Eventually([&] { return last("clip") == R"({"a":1,"b":2})"; }));
  catalogue_.Commit("clip", {"a", "b"}, {});
  EXPECT_TRUE(Eventually([&] { return last("clip") == "{}"; }));
  catalogue_.Remove("esrgan");
  EXPECT_TRUE(Eventually([&] { return last("esrgan") == "gone"; }));
  mirror_.reset();
}

TEST_F(MirrorTest, DestructionDoesNotWaitForAFetchThatHangs) {
  catalogue_.Set({.hold_fetches = true});
  OpenMirror();
  ASSERT_TRUE(catalogue_.WaitForHeld(2));
  const absl::Time before = MonotonicClock().TimeNow();
  mirror_.reset();
  EXPECT_LT(MonotonicClock().TimeNow() - before, absl::Seconds(5));
  catalogue_.Set({});
}

TEST_F(MirrorTest, MirrorWithoutThreadsThatFetchIsRefused) {
  options_.fetch_threads = 0;
  EXPECT_THAT(Mirror::Open(client_.get(), options_), HasReason("BAD_FETCH_THREADS"));
}

// Random commits while streams break, tokens are refused and deltas lie: what is shown is always a
// state that the server had, never goes back, and ends as the server's.
TEST_F(MirrorTest, ConvergesOverRandomCommitsAndFaultsAndNeverShowsAnythingElse) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  std::map<std::string, uint64_t> revision_of;  // Of every state of clip, by its JSON.
  const auto remember = [&] {
    revision_of[catalogue_.Document("clip")->ToJson()] = catalogue_.revision();
  };
  remember();
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  uint64_t shown = 0;
  for (int round = 0; round < 300; ++round) {
    FakeCatalogue::Faults faults;
    faults.inline_deltas = random() % 3 != 0;
    faults.wrong_inline_deltas = random() % 8 == 0 ? 1 : 0;
    faults.wrong_deltas = random() % 8 == 0 ? 1 : 0;
    faults.tokens_refused = random() % 4 == 0;
    faults.deltas = random() % 5 != 0;
    catalogue_.Set(faults);
    catalogue_.Commit("clip", {absl::StrCat("m", random() % 20)},
                      {{absl::StrCat("m", random() % 20), absl::StrCat(round)}});
    remember();
    if (random() % 60 == 0) catalogue_.BreakStreams();
    const auto found = revision_of.find(Shown("clip"));
    ASSERT_NE(found, revision_of.end()) << Shown("clip");
    ASSERT_GE(found->second, shown);
    shown = found->second;
  }
  catalogue_.Set({});
  EXPECT_TRUE(Eventually([&] { return Shown("clip") == catalogue_.Document("clip")->ToJson(); }));
  EXPECT_TRUE(mirror_->WaitUntilSynced(kDeadline));
}

}  // namespace
}  // namespace modelref::testing
