// What a mirror shows and fetches, step by step, without server, threads or time.

#include "clients/cpp/mirror_state.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/base/error.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;

const DocumentKey kClip{"clip", Format::kV2};
const DocumentKey kLegacy{"clip", Format::kLegacy};
const std::string kEpoch(16, 'e');

MirrorDocumentPtr DocumentWith(const std::string& value) {
  return MirrorDocument::Empty()->Apply({}, {MakeMirrorRecord("m", value)});
}

std::string EtagOf(const MirrorDocumentPtr& document) {
  return std::string(AsBytes(document->etag()));
}

MirrorCopyPtr CopyOf(const std::string& value, uint64_t mod_revision, DocumentKey key = kClip) {
  auto copy = std::make_shared<MirrorCopy>();
  copy->key = std::move(key);
  copy->document = DocumentWith(value);
  copy->mod_revision = mod_revision;
  copy->revision = mod_revision;
  copy->epoch = kEpoch;
  return copy;
}

class MirrorStateTest : public ::testing::Test {
 protected:
  // The whole state: clip holds `value`.
  std::vector<DocumentKey> Snapshot(const std::string& value, uint64_t mod_revision) {
    return Snapshot({{kClip, {EtagOf(DocumentWith(value)), mod_revision}}}, mod_revision);
  }
  std::vector<DocumentKey> Snapshot(const WatchedDocuments& documents, uint64_t revision) {
    WatchCut cut;
    cut.kind = WatchCut::Kind::kSnapshot;
    cut.header.set_epoch(epoch_);
    cut.header.set_revision(revision);
    return state_.TakeCut(cut, documents, now_);
  }
  // clip changes to `value`; with a delta that starts from `from`, or without when that is empty.
  std::vector<DocumentKey> Change(const std::string& value, uint64_t revision,
                                  const std::string& from = "", double jitter_seconds = 0) {
    WatchCut cut;
    cut.header.set_epoch(epoch_);
    cut.header.set_revision(revision);
    v1::WatchEvent& event = cut.events.emplace_back();
    event.set_type(v1::EVENT_TYPE_INVALIDATED);
    event.set_category("clip");
    event.set_format(v1::FORMAT_V2);
    event.set_mod_revision(revision);
    event.set_etag(EtagOf(DocumentWith(value)));
    event.mutable_fetch_jitter()->set_seconds(static_cast<int64_t>(jitter_seconds));
    if (!from.empty()) {
      event.set_prev_etag(EtagOf(DocumentWith(from)));
      v1::DeltaRecord* upsert = event.mutable_delta()->add_upserts();
      upsert->set_name("m");
      upsert->set_json(value);
    }
    return state_.TakeCut(cut, {}, now_);
  }
  std::vector<DocumentKey> Delete(uint64_t revision) {
    WatchCut cut;
    cut.header.set_epoch(epoch_);
    cut.header.set_revision(revision);
    v1::WatchEvent& event = cut.events.emplace_back();
    event.set_type(v1::EVENT_TYPE_DELETE);
    event.set_category("clip");
    event.set_format(v1::FORMAT_V2);
    event.set_mod_revision(revision);
    return state_.TakeCut(cut, {}, now_);
  }
  MirrorFetch MustFetch() {
    std::optional<MirrorFetch> fetch = state_.NextFetch(now_);
    EXPECT_TRUE(fetch.has_value());
    return fetch.value_or(MirrorFetch());
  }
  // Fetches what is due, from a server whose document is `copy`.
  bool Fetch(MirrorCopyPtr copy) { return state_.TakeFetched(MustFetch(), std::move(copy), now_); }
  // The record that is shown; empty: none.
  std::string Shown() const {
    const MirrorCopyPtr copy = state_.Shown(kClip);
    return copy == nullptr ? "" : copy->document->Find("m")->json;
  }

  std::string epoch_ = kEpoch;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  MirrorState state_{/*has_formats=*/false, [] { return 0.5; }};
};

using Keys = std::vector<DocumentKey>;

TEST_F(MirrorStateTest, KnownDocumentIsFetchedOnceAndShown) {
  EXPECT_FALSE(state_.AllCurrent());
  EXPECT_EQ(Snapshot("1", 10), Keys());
  const MirrorFetch fetch = MustFetch();
  EXPECT_EQ(fetch.base, nullptr);
  EXPECT_EQ(fetch.min_epoch, kEpoch);
  EXPECT_EQ(fetch.min_revision, 10u);
  EXPECT_FALSE(state_.NextFetch(now_).has_value());
  EXPECT_TRUE(state_.TakeFetched(fetch, CopyOf("1", 10), now_));
  EXPECT_EQ(Shown(), "1");
  EXPECT_TRUE(state_.AllCurrent());
  EXPECT_EQ(state_.NextDue(), absl::InfiniteFuture());
}

TEST_F(MirrorStateTest, EmptyDocumentIsShownWithoutAsking) {
  EXPECT_EQ(Snapshot({{kClip, {EtagOf(MirrorDocument::Empty()), 10}}}, 10), Keys{kClip});
  EXPECT_FALSE(state_.NextFetch(now_).has_value());
  EXPECT_EQ(state_.Shown(kClip)->document->ToJson(), "{}");
  EXPECT_EQ(state_.Shown(kClip)->mod_revision, 10u);
  EXPECT_EQ(state_.Shown(kClip)->revision, 10u);
}

TEST_F(MirrorStateTest, LoadedCopyIsShownButNotCurrentUntilTheWatchSaysSo) {
  state_.Load(CopyOf("1", 5));
  EXPECT_EQ(Shown(), "1");
  EXPECT_FALSE(state_.AllCurrent());
  Snapshot("1", 10);
  EXPECT_TRUE(state_.AllCurrent());
  EXPECT_FALSE(state_.NextFetch(now_).has_value());
}

TEST_F(MirrorStateTest, OutdatedCopyStaysShownWhileADeltaFromItIsFetched) {
  state_.Load(CopyOf("1", 5));
  Snapshot("2", 10);
  EXPECT_EQ(Shown(), "1");
  const MirrorFetch fetch = MustFetch();
  ASSERT_NE(fetch.base, nullptr);
  EXPECT_EQ(fetch.base->revision, 5u);
  EXPECT_TRUE(state_.TakeFetched(fetch, CopyOf("2", 10), now_));
  EXPECT_EQ(Shown(), "2");
}

TEST_F(MirrorStateTest, DeltaOfTheWatchIsAppliedWithoutAFetch) {
  Snapshot("1", 10);
  Fetch(CopyOf("1", 10));
  EXPECT_EQ(Change("2", 11, "1"), Keys{kClip});
  EXPECT_EQ(Shown(), "2");
  EXPECT_EQ(state_.Shown(kClip)->mod_revision, 11u);
  EXPECT_FALSE(state_.NextFetch(now_).has_value());
}

TEST_F(MirrorStateTest, DeltaFromAnotherStateIsNotApplied) {
  Snapshot("1", 10);
  Fetch(CopyOf("1", 10));
  EXPECT_EQ(Change("3", 12, "2"), Keys());
  EXPECT_EQ(Shown(), "1");
  EXPECT_TRUE(state_.NextFetch(now_).has_value());
}

TEST_F(MirrorStateTest, DeltaWithAnotherOutcomeThanItsEtagIsNotShownAndTheWholeIsFetched) {
  Snapshot("1", 10);
  Fetch(CopyOf("1", 10));
  WatchCut cut;
  cut.header.set_epoch(kEpoch);
  cut.header.set_revision(11);
  v1::WatchEvent& event = cut.events.emplace_back();
  event.set_category("clip");
  event.set_format(v1::FORMAT_V2);
  event.set_etag(EtagOf(DocumentWith("2")));
  event.set_prev_etag(EtagOf(DocumentWith("1")));
  event.mutable_delta()->add_deletes("m");
  EXPECT_EQ(state_.TakeCut(cut, {}, now_), Keys());
  EXPECT_EQ(Shown(), "1");
  EXPECT_EQ(state_.mismatches(), 1u);
  EXPECT_EQ(MustFetch().base, nullptr);
}

TEST_F(MirrorStateTest, OlderThanTheNewestInvalidationIsNotShownButTheNextFetchStartsFromIt) {
  Snapshot("1", 10);
  Fetch(CopyOf("1", 10));
  Change("2", 11);
  const MirrorFetch fetch = MustFetch();
  Change("3", 12);
  EXPECT_FALSE(state_.TakeFetched(fetch, CopyOf("2", 11), now_));
  EXPECT_EQ(Shown(), "1");
  EXPECT_EQ(state_.dropped(), 1u);
  const MirrorFetch again = MustFetch();
  EXPECT_EQ(again.base->mod_revision, 11u);
  EXPECT_EQ(again.min_revision, 12u);
  EXPECT_TRUE(state_.TakeFetched(again, CopyOf("3", 12), now_));
  EXPECT_EQ(Shown(), "3");
}

TEST_F(MirrorStateTest, DeltaThatFitsToAFetchedStateThatIsNotShownIsApplied) {
  Snapshot("1", 10);
  Fetch(CopyOf("1", 10));
  Change("2", 11);
  const MirrorFetch fetch = MustFetch();
  Change("3", 12);
  EXPECT_FALSE(state_.TakeFetched(fetch, CopyOf("2", 11), now_));
  const MirrorFetch again = MustFetch();
  EXPECT_FALSE(state_.TakeFetched(again, CopyOf("2", 11), now_));
  EXPECT_EQ(Change("4", 13, "2"), Keys{kClip});
  EXPECT_EQ(Shown(), "4");
}

TEST_F(MirrorStateTest, ServerThatIsBehindIsAskedAgainAfterAWhileOnly) {
  Snapshot("2", 11);
  EXPECT_FALSE(Fetch(CopyOf("1", 10)));
  // The first one is progress, the same again is none.
  EXPECT_FALSE(Fetch(CopyOf("1", 10)));
  EXPECT_FALSE(state_.NextFetch(now_).has_value());
  EXPECT_EQ(state_.NextDue() - now_, absl::Seconds(1));
}

TEST_F(MirrorStateTest, NewerThanTheWatchIsShownAndNotTakenBackByIt) {
  Snapshot("1", 10);
  EXPECT_TRUE(Fetch(CopyOf("3", 12)));
  EXPECT_TRUE(state_.AllCurrent());
  EXPECT_EQ(Change("2", 11, "1"), Keys());
  EXPECT_EQ(Shown(), "3");
  EXPECT_EQ(Change("3", 12, "2"), Keys());
  EXPECT_EQ(Shown(), "3");
  EXPECT_FALSE(state_.NextFetch(now_).has_value());
  EXPECT_TRUE(state_.AllCurrent());
}

TEST_F(MirrorStateTest, SnapshotOfANodeThatIsBehindTakesNothingBack) {
  Snapshot("1", 10);
  Fetch(CopyOf("3", 12));
  EXPECT_EQ(Snapshot("1", 10), Keys());
  EXPECT_EQ(Snapshot(WatchedDocuments(), 10), Keys());
  EXPECT_EQ(Shown(), "3");
}

TEST_F(MirrorStateTest, AnotherEpochIsNotComparedByItsRevisions) {
  Snapshot("1", 1000);
  Fetch(CopyOf("1", 1000));
  epoch_ = std::string(16, 'f');
  Snapshot("2", 5);
  const MirrorFetch fetch = MustFetch();
  EXPECT_EQ(fetch.min_epoch, epoch_);
  // A node that still is on the old history answers.
  EXPECT_FALSE(state_.TakeFetched(fetch, CopyOf("1", 1000), now_));
  EXPECT_FALSE(state_.NextFetch(now_).has_value());
  now_ += absl::Seconds(30);
  auto copy = std::make_shared<MirrorCopy>(*CopyOf("2", 5));
  copy->epoch = epoch_;
  EXPECT_TRUE(Fetch(copy));
  EXPECT_EQ(Shown(), "2");
}

TEST_F(MirrorStateTest, DeletedDocumentIsNotShownAndItsLateFetchIsDropped) {
  Snapshot("1", 10);
  Fetch(CopyOf("1", 10));
  Change("2", 11);
  const MirrorFetch fetch = MustFetch();
  EXPECT_EQ(Delete(12), Keys{kClip});
  EXPECT_EQ(state_.TakeRemoved(), std::set<DocumentKey>{kClip});
  EXPECT_FALSE(state_.TakeFetched(fetch, CopyOf("2", 11), now_));
  EXPECT_EQ(Shown(), "");
  EXPECT_TRUE(state_.AllCurrent());
}

TEST_F(MirrorStateTest, DocumentThatASnapshotDoesNotNameIsDeleted) {
  state_.Load(CopyOf("1", 5));
  const WatchedDocuments other = {{{"esrgan", Format::kV2}, {EtagOf(DocumentWith("9")), 8}}};
  EXPECT_EQ(Snapshot(other, 10), Keys{kClip});
  EXPECT_EQ(Shown(), "");
  EXPECT_EQ(state_.TakeRemoved(), std::set<DocumentKey>{kClip});
  EXPECT_TRUE(state_.TakeRemoved().empty());
}

TEST_F(MirrorStateTest, CopyOfTheOtherFormatIsForgottenButNotRemoved) {
  state_.Load(CopyOf("1", 5, kLegacy));
  EXPECT_EQ(Snapshot("2", 10), Keys{kLegacy});
  EXPECT_EQ(state_.Shown(kLegacy), nullptr);
  EXPECT_TRUE(state_.TakeRemoved().empty());
}

TEST_F(MirrorStateTest, DamagedFileOfADocumentThatIsGoneIsRemoved) {
  state_.LoadDamaged({"gone", Format::kV2});
  EXPECT_EQ(Snapshot("1", 10), Keys());
  EXPECT_EQ(state_.TakeRemoved(), (std::set<DocumentKey>{{"gone", Format::kV2}}));
}

TEST_F(MirrorStateTest, FailuresAreRepeatedWithGrowingPausesUpToHalfAMinute) {
  Snapshot("1", 10);
  for (const double seconds : {0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0}) {
    state_.TakeFailure(MustFetch(), absl::UnavailableError("gone"), now_);
    EXPECT_EQ(absl::ToDoubleSeconds(state_.NextDue() - now_), seconds);
    now_ = state_.NextDue();
  }
  EXPECT_THAT(state_.Failures().at(kClip), HasReason("UNAVAILABLE"));
  EXPECT_EQ(state_.FailedFetches().at(kClip), 7);
  Fetch(CopyOf("1", 10));
  EXPECT_TRUE(state_.Failures().empty());
  EXPECT_TRUE(state_.FailedFetches().empty());
}

TEST_F(MirrorStateTest, WishOfTheServerToWaitIsRespected) {
  Snapshot("1", 10);
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(40);
  state_.TakeFailure(MustFetch(),
                     Error(absl::StatusCode::kResourceExhausted, "OVERLOADED", "", extras), now_);
  EXPECT_EQ(state_.NextDue() - now_, absl::Seconds(40.5));
}

TEST_F(MirrorStateTest, WhatDoesNotAddUpIsFetchedWholeAndOnlyThat) {
  state_.Load(CopyOf("1", 5));
  Snapshot("2", 10);
  state_.TakeFailure(MustFetch(), Error(absl::StatusCode::kUnavailable, "X", ""), now_);
  now_ = state_.NextDue();
  const MirrorFetch delta = MustFetch();
  EXPECT_NE(delta.base, nullptr);
  state_.TakeFailure(delta, Error(absl::StatusCode::kDataLoss, "INTEGRITY_FAILURE", ""), now_);
  now_ = state_.NextDue();
  EXPECT_EQ(MustFetch().base, nullptr);
  EXPECT_EQ(state_.mismatches(), 1u);
}

TEST_F(MirrorStateTest, JitterThatTheServerAsksForDelaysTheFetch) {
  Snapshot("1", 10);
  Fetch(CopyOf("1", 10));
  Change("2", 11, "", 80);
  EXPECT_FALSE(state_.NextFetch(now_).has_value());
  EXPECT_EQ(state_.NextDue() - now_, absl::Seconds(40));
}

TEST_F(MirrorStateTest, PositionOfWhatIsCurrentMovesWithTheWatch) {
  Snapshot("1", 10);
  Fetch(CopyOf("1", 10));
  WatchCut bookmark;
  bookmark.kind = WatchCut::Kind::kBookmark;
  bookmark.header.set_epoch(kEpoch);
  bookmark.header.set_revision(500);
  state_.TakeCut(bookmark, {}, now_);
  EXPECT_EQ(state_.Shown(kClip)->revision, 500u);
  EXPECT_EQ(state_.Shown(kClip)->mod_revision, 10u);
  Change("2", 501);
  EXPECT_EQ(MustFetch().base->revision, 500u);
}

TEST_F(MirrorStateTest, OldestDueDocumentIsFetchedFirst) {
  Snapshot({{{"a", Format::kV2}, {EtagOf(DocumentWith("1")), 1}},
            {{"b", Format::kV2}, {EtagOf(DocumentWith("1")), 1}}},
           10);
  const MirrorFetch first = MustFetch();
  EXPECT_EQ(first.key.category, "a");
  state_.TakeFailure(first, absl::UnavailableError(""), now_);
  now_ += absl::Minutes(1);
  EXPECT_EQ(MustFetch().key.category, "b");
  EXPECT_EQ(MustFetch().key.category, "a");
}

}  // namespace
}  // namespace modelref
