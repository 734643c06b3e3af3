// Each validator accepts a true stream and finds what was done to it.

#include "tests/service/watch/validators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "backends/base/error.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ValidatorsTest : public ::testing::Test {
 protected:
  ValidatorsTest() {
    Commit(kClip, "a");
    Commit(kImages, "a");
    reader_.emplace(world_.hub(), PlanFor(WatchPlan::Start::kSnapshot, {kClip, kImages}), Now());
    reader_->ReadAll(Now());
    for (int i = 0; i < 3; ++i) {
      Commit(i == 1 ? kImages : kClip, "b");
      reader_->ReadAll(Now());
    }
    clock_.Advance(reader_->plan().progress_interval);
    clock_.Advance(absl::Seconds(2));
    reader_->ReadAll(Now());
    Commit(kClip, "c");
    reader_->ReadAll(Now());
    trace_ = reader_->trace();
  }

  absl::Time Now() { return clock_.TimeNow(); }
  void Commit(const DocumentKey& key, const std::string& name) {
    world_.Commit(Edit(key, {Put(name, absl::StrCat(++value_))}));
  }
  // The messages: Created, SnapshotBegin, entries, SnapshotEnd, three cuts, a bookmark, a cut.
  v1::WatchResponse& Cut(size_t number) { return trace_.messages[4 + number]; }
  v1::WatchResponse& Bookmark() { return trace_.messages[7]; }
  v1::WatchEvent& EventOf(size_t cut) { return *Cut(cut).mutable_events()->mutable_events(0); }

  FakeClock clock_;
  WatchWorld world_{{kClip, kImages, kLegacyClip}, clock_, {}};
  std::optional<SessionReader> reader_;
  WatchTrace trace_;
  int value_ = 0;
};

TEST_F(ValidatorsTest, ATrueStreamIsAccepted) {
  ASSERT_EQ(trace_.messages.size(), 9u);
  ASSERT_TRUE(Bookmark().has_bookmark());
  EXPECT_THAT(CheckAll(trace_, world_.log), IsEmpty());
  EXPECT_THAT(CheckOneCutPerTransaction(trace_, world_.log), IsEmpty());
  EXPECT_THAT(CheckAlive(trace_), IsEmpty());
}

TEST_F(ValidatorsTest, V1FindsADocumentThatIsNotWatched) {
  trace_.watched.erase(kImages);
  EXPECT_THAT(CheckFilter(trace_), Contains(HasSubstr("is not watched")));
}

TEST_F(ValidatorsTest, V2FindsTimeTravelAndStandstill) {
  WatchTrace good = trace_;
  std::swap(Cut(0), Cut(1));
  EXPECT_THAT(CheckOrdered(trace_), Contains(HasSubstr("went back")));
  trace_ = good;
  Cut(1).mutable_header()->set_revision(Cut(0).header().revision());
  EXPECT_THAT(CheckOrdered(trace_), Contains(HasSubstr("without progress")));
  trace_ = good;
  EventOf(2).set_mod_revision(EventOf(0).mod_revision());
  EXPECT_THAT(CheckOrdered(trace_), Contains(HasSubstr("did not move on")));
  trace_ = good;
  Cut(1).mutable_events()->set_more(true);
  EXPECT_THAT(CheckOrdered(trace_), Contains(HasSubstr("ahead of the cut before")));
}

TEST_F(ValidatorsTest, V3FindsARepeatedEvent) {
  trace_.messages.push_back(trace_.messages.back());
  EXPECT_THAT(CheckUnique(trace_), Contains(HasSubstr("told again")));
}

TEST_F(ValidatorsTest, V4FindsALostCut) {
  trace_.messages.erase(trace_.messages.begin() + 5);
  EXPECT_THAT(CheckCuts(trace_, world_.log), Contains(HasSubstr("changed and is not told")));
}

TEST_F(ValidatorsTest, V4FindsAFalseState) {
  EventOf(0).set_etag(std::string(32, 'x'));
  EXPECT_THAT(CheckCuts(trace_, world_.log), Contains(HasSubstr("wrong etag")));
}

TEST_F(ValidatorsTest, V4FindsFalseNamesAndCounts) {
  EventOf(0).clear_changed_models();
  EXPECT_THAT(CheckCuts(trace_, world_.log), Contains(HasSubstr("leaves out a model")));
  EventOf(0).add_changed_models("never");
  EXPECT_THAT(CheckCuts(trace_, world_.log), Contains(HasSubstr("did not change")));
  EventOf(1).set_coalesced(2);
  EXPECT_THAT(CheckCuts(trace_, world_.log), Contains(HasSubstr("counts 2")));
}

TEST_F(ValidatorsTest, V4FindsARevisionInsideATransaction) {
  world_.Commit(Edit(kClip, {Put("x", "1"), Put("y", "1")}));
  reader_->ReadAll(Now());
  trace_ = reader_->trace();
  v1::ResponseHeader* header = trace_.messages.back().mutable_header();
  header->set_revision(header->revision() - 1);
  EXPECT_THAT(CheckCuts(trace_, world_.log), Contains(HasSubstr("inside a transaction")));
}

TEST_F(ValidatorsTest, V4FindsAFoldedCutOfALiveReader) {
  EventOf(0).set_coalesced(2);
  EXPECT_THAT(CheckOneCutPerTransaction(trace_, world_.log), Contains(HasSubstr("is folded")));
}

TEST_F(ValidatorsTest, V5FindsAFalseDigestAndAnEventThatABookmarkOvertook) {
  WatchTrace good = trace_;
  Bookmark().mutable_bookmark()->set_digest(std::string(16, 'd'));
  EXPECT_THAT(CheckBookmarks(trace_, world_.log), Contains(HasSubstr("digest")));
  trace_ = good;
  std::swap(trace_.messages[6], trace_.messages[7]);
  EXPECT_THAT(CheckBookmarks(trace_, world_.log), Contains(HasSubstr("before a bookmark")));
}

TEST_F(ValidatorsTest, V6FindsAFalseContinuation) {
  SessionReader after(world_.hub(), ResumePlan(reader_->plan(), Cut(0).resume_token()), Now());
  after.ReadAll(Now());
  WatchTrace continued = after.trace();
  const auto check = [&](v1::ResumeKind kind) {
    return CheckResume(trace_, 4, continued, kind, world_.log);
  };
  EXPECT_THAT(check(v1::RESUME_KIND_EXACT), IsEmpty());
  EXPECT_THAT(check(v1::RESUME_KIND_COALESCED), Contains(HasSubstr("instead of")));
  continued.messages.erase(continued.messages.begin() + 1);
  EXPECT_THAT(check(v1::RESUME_KIND_EXACT), Contains(HasSubstr("not told")));
  continued = after.trace();
  continued.messages[1].mutable_events()->mutable_events(0)->clear_prev_mod_revision();
  EXPECT_THAT(check(v1::RESUME_KIND_EXACT), Contains(HasSubstr("not told exactly")));
  continued.messages.erase(continued.messages.begin());
  EXPECT_THAT(check(v1::RESUME_KIND_EXACT), Contains(HasSubstr("begin with Created")));
}

TEST_F(ValidatorsTest, V7FindsABrokenChain) {
  EventOf(2).set_prev_mod_revision(EventOf(2).prev_mod_revision() - 1);
  EXPECT_THAT(CheckChain(trace_, world_.log), Contains(HasSubstr("the client holds")));
}

TEST_F(ValidatorsTest, V8FindsAnIncompleteSnapshot) {
  WatchTrace good = trace_;
  trace_.messages[2].mutable_events()->mutable_events()->RemoveLast();
  EXPECT_THAT(CheckSnapshot(trace_, world_.log), Contains(HasSubstr("neither sent nor marked")));
  trace_ = good;
  trace_.messages[3].mutable_snapshot_end()->set_digest("");
  EXPECT_THAT(CheckSnapshot(trace_, world_.log), Contains(HasSubstr("digest")));
  trace_ = good;
  trace_.messages[1].mutable_snapshot_begin()->set_document_count(9);
  EXPECT_THAT(CheckSnapshot(trace_, world_.log), Contains(HasSubstr("count")));
  trace_ = good;
  trace_.messages[3].mutable_snapshot_end()->set_unchanged("\x01");
  EXPECT_THAT(CheckSnapshot(trace_, world_.log), Contains(HasSubstr("bitmap")));
}

TEST_F(ValidatorsTest, V9FindsARevisionThatStandsForTwoContents) {
  WatchTrace other = trace_;
  other.messages[4].mutable_events()->mutable_events(0)->set_etag(std::string(32, 'x'));
  EXPECT_THAT(CheckContent({&trace_, &trace_}, world_.log), IsEmpty());
  EXPECT_THAT(CheckContent({&trace_, &other}, world_.log),
              Contains(HasSubstr("something else before")));
  EXPECT_THAT(CheckContent({&other}, world_.log), Contains(HasSubstr("never was that")));
}

TEST_F(ValidatorsTest, V10FindsAnEpochThatChangesOnTheWay) {
  Cut(1).mutable_header()->set_epoch(std::string(16, 'e'));
  EXPECT_THAT(CheckEpochs(trace_), Contains(HasSubstr("the epoch changed")));
}

TEST_F(ValidatorsTest, V11FindsSilenceAndOldEventsAfterAPositionInTheFuture) {
  Position future;
  future.revision = 1000;
  trace_.asked = future;
  EXPECT_THAT(CheckFuture(trace_), Contains(HasSubstr("is not after 1000")));
  trace_.messages[0].mutable_created()->set_resume(v1::RESUME_KIND_RESYNC);
  EXPECT_THAT(CheckFuture(trace_), IsEmpty());
  WatchTrace silent;
  silent.asked = future;
  silent.opened_at = Now();
  silent.watched_until = Now() + absl::Seconds(2);
  EXPECT_THAT(CheckFuture(silent), IsEmpty());
  silent.watched_until = Now() + absl::Seconds(4);
  EXPECT_THAT(CheckFuture(silent), Contains(HasSubstr("silence")));
  silent.end = absl::OkStatus();
  EXPECT_THAT(CheckFuture(silent), IsEmpty());
}

TEST_F(ValidatorsTest, V13FindsAReadThatIsOlderThanTheEvent) {
  EXPECT_THAT(CheckAppliedBeforeNotify({{kClip, 5, 5}, {kClip, 5, 7}}), IsEmpty());
  EXPECT_THAT(CheckAppliedBeforeNotify({{kClip, 5, 4}}), Contains(HasSubstr("read at 4")));
}

TEST_F(ValidatorsTest, V14FindsWhatWasSeenAndLost) {
  CommitLog lost({kClip, kImages, kLegacyClip});
  EXPECT_THAT(CheckDurableBeforeVisible({&trace_}, world_.log), IsEmpty());
  EXPECT_THAT(CheckDurableBeforeVisible({&trace_}, lost), Not(IsEmpty()));
}

TEST_F(ValidatorsTest, V15FindsClientsThatDoNotArrive) {
  const SettledClient good{9, "digest", absl::Seconds(1)};
  const auto check = [](const SettledClient& client) {
    return CheckConverged({client}, 9, "digest", absl::Seconds(5));
  };
  EXPECT_THAT(check(good), IsEmpty());
  EXPECT_THAT(check({8, "digest", absl::Seconds(1)}), Contains(HasSubstr("is at 8")));
  EXPECT_THAT(check({9, "other", absl::Seconds(1)}), Contains(HasSubstr("something else")));
  EXPECT_THAT(check({9, "digest", absl::Seconds(6)}), Contains(HasSubstr("took")));
}

TEST_F(ValidatorsTest, V16FindsSilence) {
  trace_.messages.resize(7);
  trace_.times.resize(7);
  EXPECT_THAT(CheckAlive(trace_), IsEmpty()) << "22 s, as long as the interval may last";
  trace_.watched_until += absl::Seconds(1);
  EXPECT_THAT(CheckAlive(trace_), Contains(HasSubstr("silence of 23s")));
  trace_.end = absl::OkStatus();
  EXPECT_THAT(CheckAlive(trace_), IsEmpty()) << "after the end there is nothing to say";
}

TEST_F(ValidatorsTest, V17FindsLargeMessagesAndGrowth) {
  EXPECT_THAT(CheckMessageSizes(trace_, 4096), IsEmpty());
  EXPECT_THAT(CheckMessageSizes(trace_, 10), Not(IsEmpty()));
  EXPECT_THAT(CheckBounded({100, 90, 110, 105}, 10), IsEmpty());
  EXPECT_THAT(CheckBounded({100, 90, 111}, 10), Contains(HasSubstr("measurement 2 is 11")));
}

TEST_F(ValidatorsTest, V18FindsDisturbance) {
  const std::vector<absl::Duration> alone(100, absl::Milliseconds(10));
  std::vector<absl::Duration> now(100, absl::Milliseconds(11));
  EXPECT_THAT(CheckUndisturbed(alone, now, 1.2, absl::ZeroDuration()), IsEmpty());
  now[7] = now[9] = absl::Seconds(1);
  EXPECT_THAT(CheckUndisturbed(alone, now, 1.2, absl::ZeroDuration()), Not(IsEmpty()));
  EXPECT_THAT(CheckUndisturbed(alone, now, 1.2, absl::Seconds(2)), IsEmpty());
  EXPECT_THAT(CheckUndisturbed({}, {}, 1.2, absl::ZeroDuration()), IsEmpty());
}

TEST_F(ValidatorsTest, V21FindsSilentEndsAndOpeningLoops) {
  EXPECT_THAT(CheckEnds({&trace_}), IsEmpty());
  trace_.end = absl::OkStatus();
  EXPECT_THAT(CheckEnds({&trace_}), Contains(HasSubstr("without a Drain")));
  trace_.messages.back().mutable_drain();
  EXPECT_THAT(CheckEnds({&trace_}), IsEmpty());
  trace_.end = absl::AbortedError("why?");
  EXPECT_THAT(CheckEnds({&trace_}), Contains(HasSubstr("without a reason")));
  trace_.end = Error(absl::StatusCode::kAborted, "STATE_REPLACED", "why");
  EXPECT_THAT(CheckEnds({&trace_}), IsEmpty());
  trace_.end = absl::CancelledError("by the client");
  EXPECT_THAT(CheckEnds({&trace_, &trace_, &trace_}), IsEmpty());
  EXPECT_THAT(CheckEnds({&trace_, &trace_, &trace_, &trace_}), Contains(HasSubstr("too soon")));
}

TEST_F(ValidatorsTest, V22FindsWhatStaysBehind) {
  EXPECT_THAT(CheckLeftNothing({{"streams", 0}}, {{"streams", 0}, {"other", 9}}), IsEmpty());
  EXPECT_THAT(CheckLeftNothing({{"streams", 0}}, {{"streams", 1}}),
              Contains(HasSubstr("streams was 0 and is 1")));
}

TEST_F(ValidatorsTest, TheLogOfTheDatabaseIsTheLogOfWhatWasCommitted) {
  ASSERT_OK_AND_ASSIGN(const CommitLog read, ReadCommitLog(world_.store()));
  EXPECT_THAT(CompareLogs(world_.log, read), IsEmpty());
  EXPECT_THAT(CheckAll(trace_, read), IsEmpty());
  Commit(kClip, "later");
  EXPECT_THAT(CompareLogs(world_.log, read), Not(IsEmpty()));
}

}  // namespace
}  // namespace modelref::testing
