// What a watch makes of the messages of a server, right ones and wrong ones.

#include "clients/cpp/watch_assembler.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/clients/cpp/server_model.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::EtagOf;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::ServerModel;

const DocumentKey kClip{"clip", Format::kV2};
const DocumentKey kEsrgan{"esrgan", Format::kV2};

class WatchAssemblerTest : public ::testing::Test {
 protected:
  WatchAssemblerTest() {
    server_.Set("clip", 'c');
    server_.Set("esrgan", 'd');
  }

  // Takes all messages; what the last one gave.
  absl::StatusOr<std::optional<WatchCut>> Take(const std::vector<v1::WatchResponse>& messages) {
    absl::StatusOr<std::optional<WatchCut>> last = std::optional<WatchCut>();
    for (const v1::WatchResponse& message : messages) {
      last = watch_.Take(message);
      if (!last.ok()) break;
    }
    return last;
  }
  void Open() {
    const v1::WatchRequest request = watch_.BeginStream();
    ASSERT_THAT(Take(server_.Opening(request.snapshot())), IsOk());
  }
  // The etag that is held; empty: none.
  std::string Held(const DocumentKey& key) const {
    const auto found = watch_.table().documents().find(key);
    return found == watch_.table().documents().end() ? "" : found->second.etag;
  }
  // Everything that can be seen, to show that nothing changed.
  std::string State() const {
    std::string text = absl::StrCat(watch_.table().revision());
    for (const auto& [key, document] : watch_.table().documents()) {
      absl::StrAppend(&text, " ", key.ToString(), "=", document.etag.substr(0, 1), "@",
                      document.mod_revision.value_or(0));
    }
    return text;
  }
  // The next message is refused and changes nothing.
  void ExpectRefused(const v1::WatchResponse& message, const std::string& reason) {
    const std::string before = State();
    EXPECT_THAT(watch_.Take(message), HasReason(reason));
    EXPECT_EQ(State(), before);
  }

  static std::string Describe(const WatchCut& cut) {
    std::string text;
    for (const v1::WatchEvent& event : cut.events) {
      absl::StrAppend(&text, event.type() == v1::EVENT_TYPE_DELETE ? "-" : "+", event.category(),
                      " ");
    }
    return text;
  }

  ServerModel server_;
  WatchAssembler watch_{v1::WatchRequest()};
};

TEST_F(WatchAssemblerTest, SnapshotIsOneCutOfEverything) {
  const v1::WatchRequest request = watch_.BeginStream();
  EXPECT_TRUE(request.has_snapshot());
  ASSERT_OK_AND_ASSIGN(const auto cut, Take(server_.Opening()));
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(cut->kind, WatchCut::Kind::kSnapshot);
  EXPECT_EQ(Describe(*cut), "+clip +esrgan ");
  EXPECT_EQ(cut->header.revision(), server_.revision());
  EXPECT_EQ(Held(kClip), EtagOf('c'));
  EXPECT_TRUE(watch_.table().complete());
  EXPECT_EQ(watch_.table().Digest(), server_.Digest());
}

TEST_F(WatchAssemblerTest, NothingIsTakenOverBeforeTheEndOfASnapshot) {
  watch_.BeginStream();
  std::vector<v1::WatchResponse> messages = server_.Opening();
  messages.pop_back();
  ASSERT_OK_AND_ASSIGN(const auto cut, Take(messages));
  EXPECT_FALSE(cut.has_value());
  EXPECT_FALSE(watch_.in_step());
  EXPECT_TRUE(watch_.table().documents().empty());
  // The next stream asks for everything again.
  EXPECT_EQ(watch_.BeginStream().snapshot().known_size(), 0);
}

TEST_F(WatchAssemblerTest, PartsOfACutAreAppliedTogether) {
  Open();
  v1::WatchResponse first = server_.Change("clip", 'x');
  const v1::WatchResponse last = server_.Change("esrgan", 'y');
  first.mutable_events()->set_more(true);
  first.clear_resume_token();
  ASSERT_OK_AND_ASSIGN(auto cut, watch_.Take(first));
  EXPECT_FALSE(cut.has_value());
  EXPECT_EQ(Held(kClip), EtagOf('c'));
  ASSERT_OK_AND_ASSIGN(cut, watch_.Take(last));
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(Describe(*cut), "+clip +esrgan ");
  EXPECT_EQ(Held(kClip), EtagOf('x'));
}

TEST_F(WatchAssemblerTest, HalfSentCutIsForgottenWithItsStream) {
  Open();
  const std::string token = server_.Token();
  v1::WatchResponse first = server_.Change("clip", 'x');
  first.mutable_events()->set_more(true);
  first.clear_resume_token();
  ASSERT_THAT(watch_.Take(first), IsOk());
  // The next stream continues before it, and gets it whole.
  EXPECT_EQ(watch_.BeginStream().resume_token(), token);
  ASSERT_THAT(watch_.Take(server_.Created(v1::RESUME_KIND_EXACT)), IsOk());
  first.mutable_events()->set_more(false);
  ASSERT_OK_AND_ASSIGN(const auto cut, watch_.Take(first));
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(Describe(*cut), "+clip ");
}

TEST_F(WatchAssemblerTest, ContinuesByTheTokenOfTheLastCut) {
  Open();
  ASSERT_THAT(watch_.Take(server_.Change("clip", 'x')), IsOk());
  EXPECT_EQ(watch_.BeginStream().resume_token(), server_.Token());
  ASSERT_THAT(watch_.Take(server_.Created(v1::RESUME_KIND_EXACT)), IsOk());
  EXPECT_TRUE(watch_.in_step());
  ASSERT_THAT(watch_.Take(server_.Change("clip", 'y')), IsOk());
  EXPECT_EQ(Held(kClip), EtagOf('y'));
}

TEST_F(WatchAssemblerTest, CutWithoutATokenIsContinuedByASnapshotNotByAnOlderToken) {
  Open();
  v1::WatchResponse change = server_.Change("clip", 'x');
  change.clear_resume_token();
  ASSERT_THAT(watch_.Take(change), IsOk());
  const v1::WatchRequest request = watch_.BeginStream();
  ASSERT_TRUE(request.has_snapshot());
  EXPECT_EQ(request.snapshot().known(0).etag(), EtagOf('x'));
}

TEST_F(WatchAssemblerTest, ForgottenPositionStartsWithASnapshotThatNamesWhatIsHeld) {
  Open();
  watch_.ForgetPosition();
  const v1::WatchRequest request = watch_.BeginStream();
  ASSERT_EQ(request.snapshot().known_size(), 2);
  EXPECT_EQ(request.snapshot().known(0).category(), "clip");
  EXPECT_EQ(request.snapshot().known(0).etag(), EtagOf('c'));
}

TEST_F(WatchAssemblerTest, ResyncReplacesAStateThatIsNotEmpty) {
  server_.Set("gone", 'g');
  Open();
  server_.Remove("gone");
  server_.Set("clip", 'x');
  server_.Set("new", 'n');
  EXPECT_TRUE(watch_.BeginStream().has_resume_token());
  ASSERT_THAT(watch_.Take(server_.Created(v1::RESUME_KIND_RESYNC)), IsOk());
  EXPECT_FALSE(watch_.in_step());
  ASSERT_OK_AND_ASSIGN(const auto cut, Take(server_.Snapshot(v1::SNAPSHOT_REASON_HISTORY_GONE)));
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(cut->reason, v1::SNAPSHOT_REASON_HISTORY_GONE);
  EXPECT_EQ(Describe(*cut), "+clip +new -gone ");
  EXPECT_EQ(Held({"gone", Format::kV2}), "");
  EXPECT_EQ(watch_.table().Digest(), server_.Digest());
}

TEST_F(WatchAssemblerTest, SnapshotInTheMiddleOfAStreamReplacesTheState) {
  Open();
  server_.StartEpoch(std::string(16, 'f'), 3);
  server_.Set("clip", 'x');
  ASSERT_OK_AND_ASSIGN(const auto cut, Take(server_.Snapshot(v1::SNAPSHOT_REASON_EPOCH_CHANGED)));
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(Describe(*cut), "+clip ");
  EXPECT_EQ(watch_.table().epoch(), server_.epoch());
  EXPECT_THAT(watch_.Take(server_.Change("esrgan", 'y')), IsOk());
}

TEST_F(WatchAssemblerTest, UnchangedDocumentsAreKeptAndTheirNextChangeIsTaken) {
  Open();
  watch_.ForgetPosition();
  server_.Set("esrgan", 'y');
  // Away and back again: the same content at another revision.
  server_.Set("clip", 'z');
  server_.Set("clip", 'c');
  const v1::WatchRequest request = watch_.BeginStream();
  ASSERT_OK_AND_ASSIGN(const auto cut, Take(server_.Opening(request.snapshot())));
  EXPECT_EQ(Describe(*cut), "+esrgan ");
  EXPECT_THAT(watch_.Take(server_.Change("clip", 'x')), IsOk());
}

TEST_F(WatchAssemblerTest, BitmapSpeaksOfTheEtagsOfTheRequest) {
  Open();
  watch_.ForgetPosition();
  const v1::WatchRequest request = watch_.BeginStream();
  ASSERT_THAT(Take(server_.Opening(request.snapshot())), IsOk());
  ASSERT_THAT(watch_.Take(server_.Change("clip", 'x')), IsOk());
  // Back to what the request had named, in a snapshot that only sets the bit.
  server_.Set("clip", 'c');
  ASSERT_OK_AND_ASSIGN(const auto cut, Take(server_.Snapshot(v1::SNAPSHOT_REASON_EPOCH_CHANGED,
                                                             request.snapshot())));
  EXPECT_EQ(Describe(*cut), "+clip ");
  EXPECT_EQ(Held(kClip), EtagOf('c'));
}

TEST_F(WatchAssemblerTest, DeletedDocumentMayComeBack) {
  Open();
  const v1::WatchResponse deleted = server_.Delete("clip");
  ASSERT_THAT(watch_.Take(deleted), IsOk());
  EXPECT_EQ(Held(kClip), "");
  v1::WatchResponse created = server_.Change("clip", 'x');
  created.mutable_events()->mutable_events(0)->set_prev_mod_revision(deleted.header().revision());
  ASSERT_THAT(watch_.Take(created), IsOk());
  EXPECT_EQ(Held(kClip), EtagOf('x'));
}

TEST_F(WatchAssemblerTest, GapInTheChainIsNoticed) {
  Open();
  server_.Change("clip", 'x');  // Never arrives.
  ExpectRefused(server_.Change("clip", 'y'), kBrokenChain);
}

TEST_F(WatchAssemblerTest, UnsetPreviousRevisionIsNoGap) {
  Open();
  server_.Change("clip", 'x');
  v1::WatchResponse change = server_.Change("clip", 'y');
  change.mutable_events()->mutable_events(0)->clear_prev_mod_revision();
  EXPECT_THAT(watch_.Take(change), IsOk());
}

TEST_F(WatchAssemblerTest, WrongDigestOfABookmarkIsNoticed) {
  Open();
  server_.Change("clip", 'x');  // Never arrives.
  ExpectRefused(server_.Bookmark(), kDigestMismatch);
}

TEST_F(WatchAssemblerTest, WrongDigestOfASnapshotIsNoticedAndTheOldStateStays) {
  Open();
  watch_.ForgetPosition();
  watch_.BeginStream();
  std::vector<v1::WatchResponse> messages = server_.Opening();
  messages.erase(messages.begin() + 2);
  const std::string before = State();
  EXPECT_THAT(Take(messages), HasReason(kDigestMismatch));
  EXPECT_EQ(State(), before);
}

TEST_F(WatchAssemblerTest, SnapshotWithoutADigestIsRefused) {
  watch_.BeginStream();
  std::vector<v1::WatchResponse> messages = server_.Opening();
  messages.back().mutable_snapshot_end()->clear_digest();
  EXPECT_THAT(Take(messages), HasReason(kBrokenSequence));
}

TEST_F(WatchAssemblerTest, BookmarkMovesThePositionAndTheToken) {
  Open();
  server_.Set("unwatched", 'u');
  server_.Remove("unwatched");
  ASSERT_OK_AND_ASSIGN(const auto cut, watch_.Take(server_.Bookmark()));
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(cut->kind, WatchCut::Kind::kBookmark);
  EXPECT_EQ(watch_.table().revision(), server_.revision());
  EXPECT_EQ(watch_.BeginStream().resume_token(), server_.Token());
}

TEST_F(WatchAssemblerTest, MessagesInTheWrongPlaceAreRefused) {
  watch_.BeginStream();
  ExpectRefused(server_.Bookmark(), kBrokenSequence);
  ExpectRefused(server_.Stale("clip"), kBrokenSequence);
  ExpectRefused(server_.Snapshot()[0], kBrokenSequence);
  Open();
  ExpectRefused(server_.Created(), kBrokenSequence);
  ExpectRefused(server_.Snapshot().back(), kBrokenSequence);
}

TEST_F(WatchAssemblerTest, EventBeforeThePromisedSnapshotIsRefused) {
  Open();
  watch_.BeginStream();
  ASSERT_THAT(watch_.Take(server_.Created(v1::RESUME_KIND_RESYNC)), IsOk());
  ExpectRefused(server_.Change("clip", 'x'), kBrokenSequence);
}

TEST_F(WatchAssemblerTest, BookmarkBetweenTwoPartsIsRefused) {
  Open();
  v1::WatchResponse part = server_.Change("clip", 'x');
  part.mutable_events()->set_more(true);
  ASSERT_THAT(watch_.Take(part), IsOk());
  ExpectRefused(server_.Bookmark(), kBrokenSequence);
}

TEST_F(WatchAssemblerTest, ResumeWithoutAnAnswerIsRefused) {
  Open();
  watch_.BeginStream();
  EXPECT_TRUE(watch_.resuming());
  ExpectRefused(server_.Created(v1::RESUME_KIND_UNSPECIFIED), kBrokenSequence);
}

TEST_F(WatchAssemblerTest, EventsThatContradictThemselvesAreRefused) {
  Open();
  const v1::WatchResponse good = server_.Change("clip", 'x');
  v1::WatchResponse twice = good;
  *twice.mutable_events()->add_events() = good.events().events(0);
  ExpectRefused(twice, kBrokenSequence);
  v1::WatchResponse later = good;
  later.mutable_events()->mutable_events(0)->set_mod_revision(server_.revision() + 1);
  ExpectRefused(later, kBrokenSequence);
  v1::WatchResponse without_etag = good;
  without_etag.mutable_events()->mutable_events(0)->clear_etag();
  ExpectRefused(without_etag, kBrokenSequence);
  v1::WatchResponse without_format = good;
  without_format.mutable_events()->mutable_events(0)->clear_format();
  ExpectRefused(without_format, kBrokenSequence);
  EXPECT_THAT(watch_.Take(good), IsOk());
  ExpectRefused(good, kBrokenSequence);  // The same cut again.
}

TEST_F(WatchAssemblerTest, RevisionsDoNotGoBackAndEpochsDoNotChangeUnannounced) {
  Open();
  v1::WatchResponse older = server_.Bookmark();
  older.mutable_header()->set_revision(server_.revision() - 1);
  ExpectRefused(older, kBrokenSequence);
  v1::WatchResponse foreign = server_.Change("clip", 'x');
  foreign.mutable_header()->set_epoch(std::string(16, 'f'));
  ExpectRefused(foreign, kBrokenSequence);
}

TEST_F(WatchAssemblerTest, DescendingEpochMayContinueAStream) {
  Open();
  ASSERT_TRUE(watch_.BeginStream().has_resume_token());
  v1::WatchResponse created = server_.Created(v1::RESUME_KIND_EXACT);
  created.mutable_header()->set_epoch(std::string(16, 'f'));
  ASSERT_THAT(watch_.Take(created), IsOk());
  v1::WatchResponse change = server_.Change("clip", 'x');
  change.mutable_header()->set_epoch(std::string(16, 'f'));
  EXPECT_THAT(watch_.Take(change), IsOk());
}

TEST_F(WatchAssemblerTest, DocumentThatWasNotAskedForIsRefused) {
  v1::WatchRequest request;
  request.mutable_filter()->add_categories("esrgan");
  WatchAssembler watch(request);
  watch.BeginStream();
  ASSERT_THAT(watch.Take(server_.Created()), IsOk());
  for (const v1::WatchResponse& message : server_.Snapshot()) {
    const auto taken = watch.Take(message);
    if (message.has_snapshot_end()) {
      EXPECT_THAT(taken, HasReason(kBrokenSequence));
    }
  }
}

TEST_F(WatchAssemblerTest, CategoryMayBeNamedAsItsLegacyFileIs) {
  v1::WatchRequest request;
  request.mutable_filter()->add_categories("stable_diffusion");
  WatchAssembler watch(request);
  watch.BeginStream();
  ServerModel server;
  server.Set("image_generation", 'i');
  for (const v1::WatchResponse& message : server.Opening()) {
    ASSERT_THAT(watch.Take(message), IsOk());
  }
  EXPECT_TRUE(watch.in_step());
  EXPECT_THAT(watch.Take(server.Change("image_generation", 'j')), IsOk());
}

TEST_F(WatchAssemblerTest, CutWithoutEndIsGivenUp) {
  Open();
  v1::WatchResponse part = server_.Change("clip", 'x');
  part.mutable_events()->set_more(true);
  part.mutable_events()->mutable_events(0)->mutable_delta()->add_deletes(std::string(1 << 20, 'd'));
  absl::Status status;
  int parts = 0;
  for (; status.ok() && parts < 1000; ++parts) status = watch_.Take(part).status();
  EXPECT_THAT(status, HasReason(kBrokenSequence));
  EXPECT_EQ(parts, 64);
}

TEST_F(WatchAssemblerTest, FilterNamesCategoriesAndFormats) {
  v1::WatchFilter filter;
  EXPECT_TRUE(MatchesFilter(filter, kClip));
  filter.add_categories("clip");
  EXPECT_TRUE(MatchesFilter(filter, kClip));
  EXPECT_FALSE(MatchesFilter(filter, kEsrgan));
  filter.add_formats(v1::FORMAT_LEGACY);
  EXPECT_FALSE(MatchesFilter(filter, kClip));
  // Whatever the server calls canonical.
  filter.add_formats(v1::FORMAT_UNSPECIFIED);
  EXPECT_TRUE(MatchesFilter(filter, kClip));
}

TEST_F(WatchAssemblerTest, ListingReplacesTheStateAndEndsTheToken) {
  Open();
  server_.Remove("esrgan");
  server_.Set("clip", 'x');
  std::vector<v1::WatchEvent> entries = {server_.Snapshot()[1].events().events(0)};
  ASSERT_OK_AND_ASSIGN(const WatchCut cut,
                       watch_.TakeListing(server_.Bookmark().header(), entries));
  EXPECT_EQ(cut.kind, WatchCut::Kind::kPolled);
  EXPECT_EQ(Describe(cut), "+clip -esrgan ");
  EXPECT_TRUE(watch_.BeginStream().has_snapshot());
}

TEST_F(WatchAssemblerTest, FreshnessIsToldOnceAndEndsWithAStreamThatDoesNotNameIt) {
  Open();
  EXPECT_TRUE(watch_.TakeFreshness(server_.Stale("clip").freshness()));
  EXPECT_FALSE(watch_.TakeFreshness(server_.Stale("clip").freshness()));
  EXPECT_TRUE(watch_.TakeFreshness(server_.Stale("esrgan").freshness()));
  EXPECT_TRUE(watch_.TakeFresh().empty());
  watch_.BeginStream();
  EXPECT_FALSE(watch_.TakeFreshness(server_.Stale("clip").freshness()));
  const std::vector<v1::Freshness> fresh = watch_.TakeFresh();
  ASSERT_EQ(fresh.size(), 1u);
  EXPECT_EQ(fresh[0].category(), "esrgan");
  EXPECT_FALSE(fresh[0].stale());
}

TEST_F(WatchAssemblerTest, AnotherCauseIsNewsOfAStaleDocument) {
  Open();
  v1::Freshness freshness = server_.Stale("clip").freshness();
  EXPECT_TRUE(watch_.TakeFreshness(freshness));
  freshness.set_cause(v1::STALE_CAUSE_EDIT_HELD);
  EXPECT_TRUE(watch_.TakeFreshness(freshness));
  EXPECT_FALSE(watch_.TakeFreshness(freshness));
}

TEST_F(WatchAssemblerTest, AfterASnapshotInTheMiddleOfAStreamWhatIsNotNamedIsFresh) {
  Open();
  EXPECT_TRUE(watch_.TakeFreshness(server_.Stale("clip").freshness()));
  EXPECT_TRUE(watch_.TakeFreshness(server_.Stale("esrgan").freshness()));
  server_.StartEpoch(std::string(16, 'f'), 20);
  ASSERT_THAT(Take(server_.Snapshot(v1::SNAPSHOT_REASON_EPOCH_CHANGED)), IsOk());
  EXPECT_FALSE(watch_.TakeFreshness(server_.Stale("clip").freshness()));
  const std::vector<v1::Freshness> fresh = watch_.TakeFresh();
  ASSERT_EQ(fresh.size(), 1u);
  EXPECT_EQ(fresh[0].category(), "esrgan");
}

TEST_F(WatchAssemblerTest, StartFromNowIsContinuedWhereItBegan) {
  v1::WatchRequest request;
  request.mutable_now();
  WatchAssembler watch(request);
  EXPECT_TRUE(watch.BeginStream().has_now());
  ASSERT_THAT(watch.Take(server_.Created()), IsOk());
  EXPECT_TRUE(watch.in_step());
  EXPECT_FALSE(watch.table().complete());
  EXPECT_EQ(watch.BeginStream().position().revision(), server_.revision());
  ASSERT_THAT(watch.Take(server_.Created(v1::RESUME_KIND_EXACT)), IsOk());
  EXPECT_THAT(watch.Take(server_.Change("clip", 'x')), IsOk());
  EXPECT_EQ(watch.BeginStream().resume_token(), server_.Token());
}

TEST_F(WatchAssemblerTest, StartFromAPositionKeepsItUntilACutIsComplete) {
  v1::WatchRequest request;
  request.mutable_position()->set_revision(7);
  WatchAssembler watch(request);
  EXPECT_EQ(watch.BeginStream().position().revision(), 7u);
  ASSERT_THAT(watch.Take(server_.Created(v1::RESUME_KIND_COALESCED)), IsOk());
  EXPECT_EQ(watch.BeginStream().position().revision(), 7u);
  watch.ForgetPosition();
  EXPECT_TRUE(watch.BeginStream().has_snapshot());
}

}  // namespace
}  // namespace modelref
