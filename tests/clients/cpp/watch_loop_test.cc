// The life of a watch: states, resumes, resyncs and waits, by a clock that the test moves.

#include "clients/cpp/watch_loop.h"

#include <gmock/gmock.h>

#include "backends/base/error.h"
#include "tests/clients/cpp/watch_loop_fixture.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

const absl::Status kGone = absl::UnavailableError("gone");

TEST_F(WatchLoopTest, SnapshotMakesItSyncedAndABreakMakesItStale) {
  environment_.AddStream(Opened({kGone}));
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(states_, (Told{"SYNCED", "STALE"}));
  EXPECT_EQ(told_, (Told{"snapshot +clip +esrgan"}));
  EXPECT_EQ(loop_->status().snapshots, 1u);
}

TEST_F(WatchLoopTest, BrokenStreamIsResumedByItsTokenAndTellsOnlyWhatFollows) {
  StreamScript first = Opened();
  first.push_back(server_.Change("clip", 'x'));
  first.push_back(kGone);
  environment_.AddStream(first);
  const std::string token = server_.Token();
  environment_.AddStream(
      {server_.Created(v1::RESUME_KIND_EXACT), server_.Change("esrgan", 'y'), kGone});
  EXPECT_THAT(Run(), IsOk());
  ASSERT_THAT(environment_.requests, SizeIs(2));
  EXPECT_EQ(environment_.requests[1].resume_token(), token);
  EXPECT_EQ(environment_.requests[1].attempt(), 1u);
  EXPECT_EQ(told_, (Told{"snapshot +clip +esrgan", "changes +clip", "changes +esrgan"}));
  EXPECT_EQ(states_, (Told{"SYNCED", "STALE", "SYNCED", "STALE"}));
}

TEST_F(WatchLoopTest, ContinuedStreamIsSyncedOnceItHasCaughtUp) {
  environment_.AddStream(Opened({kGone}));
  v1::WatchResponse created = server_.Created(v1::RESUME_KIND_EXACT);
  created.mutable_created()->set_caught_up_revision(server_.revision() + 2);
  const absl::Duration slow = absl::Seconds(3);
  environment_.AddStream({created, slow, server_.Change("esrgan", 'y'), slow,
                          server_.Change("clip", 'z'), slow, kGone});
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(states_, (Told{"SYNCED", "STALE", "SYNCED", "STALE"}));
  ASSERT_THAT(environment_.opened, SizeIs(2));
  EXPECT_EQ(state_times_[2] - environment_.opened[1], 2 * slow);
  EXPECT_EQ(loop_->status().confirmed, state_times_[2]);
}

TEST_F(WatchLoopTest, SilenceForThreeIntervalsMakesItStaleAndReconnects) {
  environment_.AddStream(Opened({absl::Seconds(59), server_.Bookmark()}));
  EXPECT_THAT(Run(), IsOk());
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_THAT(ends_[0].status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("silent")));
  // 59 s were no silence, the 60 s after the bookmark were.
  EXPECT_EQ(SecondsSinceStart(state_times_[1]), 119);
}

TEST_F(WatchLoopTest, IntervalThatTheServerGrantsDecidesAboutSilence) {
  StreamScript script = Opened();
  std::get<v1::WatchResponse>(script[0])
      .mutable_created()
      ->mutable_progress_interval()
      ->set_seconds(5);
  environment_.AddStream(script);
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(SecondsSinceStart(state_times_[1]), 15);
}

TEST_F(WatchLoopTest, StreamThatNeverSaysCreatedIsGivenUp) {
  environment_.AddStream(StreamScript());
  EXPECT_THAT(Run(), IsOk());
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_EQ(ends_[0].healthy_for, absl::ZeroDuration());
  EXPECT_EQ(loop_->status().snapshots, 0u);
}

TEST_F(WatchLoopTest, StaleForAMinuteIsDegradedAndPollsEveryThirtyToSixtySeconds) {
  environment_.AddStream(Opened({kGone}));
  for (int i = 0; i < 20; ++i) environment_.AddStream({kGone});
  environment_.head = [this] { return server_.Head(); };
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(states_, (Told{"SYNCED", "STALE", "DEGRADED"}));
  EXPECT_EQ(SecondsSinceStart(state_times_[2]), 60);
  ASSERT_GE(environment_.polled.size(), 3u);
  EXPECT_THAT(SecondsSinceStart(environment_.polled[0]), AllOf(Ge(60), Le(90)));
  for (size_t i = 1; i < environment_.polled.size(); ++i) {
    const absl::Duration gap = environment_.polled[i] - environment_.polled[i - 1];
    EXPECT_THAT(absl::ToDoubleSeconds(gap), AllOf(Ge(30), Le(60)));
  }
  // The digest was the same each time: what is held is known to be the newest.
  EXPECT_EQ(loop_->status().confirmed, environment_.polled.back());
  EXPECT_EQ(told_, (Told{"snapshot +clip +esrgan"}));
}

TEST_F(WatchLoopTest, PollThatFindsAnotherDigestTellsWhatChanged) {
  environment_.AddStream(Opened({kGone}));
  for (int i = 0; i < 12; ++i) environment_.AddStream({kGone});
  server_.Set("clip", 'x');
  server_.Remove("esrgan");
  environment_.head = [this] { return server_.Head(); };
  environment_.list = [this](v1::Format format) {
    EXPECT_EQ(format, v1::FORMAT_UNSPECIFIED);
    v1::ListCategoriesResponse list;
    *list.mutable_header() = server_.Head().header();
    v1::CategorySummary* clip = list.add_categories();
    clip->set_category("clip");
    clip->set_format(v1::FORMAT_V2);
    clip->set_etag(EtagOf('x'));
    return list;
  };
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(told_, (Told{"snapshot +clip +esrgan", "polled +clip -esrgan"}));
  EXPECT_EQ(states_.back(), "DEGRADED");
  // The token is older than what is held by now.
  EXPECT_TRUE(environment_.requests.back().has_snapshot());
  EXPECT_EQ(environment_.requests.back().snapshot().known(0).etag(), EtagOf('x'));
}

TEST_F(WatchLoopTest, PollsGiveTheFirstStateWhereStreamsAreNotPossible) {
  for (int i = 0; i < 12; ++i) environment_.AddStream({kGone});
  environment_.head = [this] { return server_.Head(); };
  environment_.list = [this](v1::Format) {
    v1::ListCategoriesResponse list;
    *list.mutable_header() = server_.Head().header();
    for (const auto& [name, letter] : {std::pair("clip", 'c'), std::pair("esrgan", 'd')}) {
      v1::CategorySummary* category = list.add_categories();
      category->set_category(name);
      category->set_format(v1::FORMAT_V2);
      category->set_etag(EtagOf(letter));
    }
    return list;
  };
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(told_, (Told{"polled +clip +esrgan"}));
  EXPECT_GT(loop_->status().polls, 1u);
}

TEST_F(WatchLoopTest, NodeThatIsBehindDoesNotTakeTheStateBack) {
  environment_.AddStream(Opened({kGone}));
  for (int i = 0; i < 8; ++i) environment_.AddStream({kGone});
  ServerModel behind;
  environment_.head = [&behind] { return behind.Head(); };
  environment_.list = [&behind](v1::Format) {
    v1::ListCategoriesResponse list;
    *list.mutable_header() = behind.Head().header();
    return list;
  };
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(told_, (Told{"snapshot +clip +esrgan"}));
  EXPECT_GT(loop_->status().polls, 0u);
}

TEST_F(WatchLoopTest, DegradedWatchThatGetsAStreamIsSyncedAgain) {
  environment_.AddStream(Opened({kGone}));
  for (int i = 0; i < 8; ++i) environment_.AddStream({kGone});
  environment_.AddStream([this](const v1::WatchRequest&) {
    return StreamScript{server_.Created(v1::RESUME_KIND_EXACT), server_.Bookmark(), kGone};
  });
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(states_, (Told{"SYNCED", "STALE", "DEGRADED", "SYNCED", "STALE"}));
}

TEST_F(WatchLoopTest, RefusedTokenIsFollowedByASnapshotThatNamesWhatIsHeld) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kInvalidArgument, absl::StatusCode::kOutOfRange,
        absl::StatusCode::kFailedPrecondition, absl::StatusCode::kUnimplemented}) {
    environment_.Restart();
    environment_.AddStream(Opened({kGone}));
    environment_.AddStream({absl::Status(code, "not this token")});
    AddOpening({kGone});
    told_.clear();
    EXPECT_THAT(Run(), IsOk());
    ASSERT_THAT(environment_.requests, SizeIs(3));
    EXPECT_TRUE(environment_.requests[1].has_resume_token());
    EXPECT_EQ(environment_.requests[2].snapshot().known_size(), 2);
    EXPECT_EQ(told_, (Told{"snapshot +clip +esrgan", "snapshot"}));
  }
}

TEST_F(WatchLoopTest, PassingFailureKeepsTheToken) {
  environment_.AddStream(Opened({kGone}));
  environment_.AddStream({kGone});
  environment_.AddStream({absl::PermissionDeniedError("for a while")});
  environment_.AddStream(StreamScript{kGone});
  EXPECT_THAT(Run(), IsOk());
  EXPECT_TRUE(environment_.requests[3].has_resume_token());
}

TEST_F(WatchLoopTest, BrokenSequencesMakeItAskForTheWholeStateOnANewStream) {
  const auto gap = [this] {
    server_.Change("clip", 'x');
    return server_.Change("clip", 'y');
  };
  const auto wrong_digest = [this] {
    v1::WatchResponse bookmark = server_.Bookmark();
    bookmark.mutable_bookmark()->set_digest(std::string(16, 'w'));
    return bookmark;
  };
  const auto back = [this] {
    v1::WatchResponse bookmark = server_.Bookmark();
    bookmark.mutable_header()->set_revision(1);
    return bookmark;
  };
  for (const std::function<v1::WatchResponse()>& broken :
       std::vector<std::function<v1::WatchResponse()>>{gap, wrong_digest, back}) {
    environment_.Restart();
    StreamScript script = Opened();
    script.push_back(broken());
    environment_.AddStream(script);
    AddOpening({kGone});
    EXPECT_THAT(Run(), IsOk());
    ASSERT_THAT(environment_.requests, SizeIs(2));
    EXPECT_TRUE(environment_.requests[1].has_snapshot());
    EXPECT_EQ(loop_->status().resyncs, 1u);
    EXPECT_EQ(documents_.at({"clip", Format::kV2}).etag,
              server_.Snapshot()[1].events().events(0).etag());
  }
}

TEST_F(WatchLoopTest, ServerThatIsAlwaysWrongIsNotAskedInALoop) {
  for (int i = 0; i < 30; ++i) {
    AddOpening({[this] {
      v1::WatchResponse bookmark = server_.Bookmark();
      bookmark.mutable_bookmark()->set_digest(std::string(16, 'w'));
      return bookmark;
    }()});
  }
  environment_.random = 0;
  EXPECT_THAT(Run(), IsOk());
  for (size_t i = 3; i < environment_.opened.size(); ++i) {
    EXPECT_GE(environment_.opened[i] - environment_.opened[i - 3], absl::Seconds(1));
  }
  EXPECT_EQ(loop_->status().resyncs, 30u);
}

TEST_F(WatchLoopTest, StreamsThatEndAtOnceAreOpenedAtMostThreeTimesASecond) {
  for (int i = 0; i < 50; ++i) environment_.AddStream({absl::OkStatus()});
  environment_.random = 0;
  EXPECT_THAT(Run(), IsOk());
  ASSERT_THAT(environment_.opened, SizeIs(50));
  for (size_t i = 3; i < environment_.opened.size(); ++i) {
    EXPECT_GE(environment_.opened[i] - environment_.opened[i - 3], absl::Seconds(1));
  }
}

TEST_F(WatchLoopTest, StreamsThatEndAtOnceAreSlowedDownToHalfAMinute) {
  for (int i = 0; i < 10; ++i) environment_.AddStream({absl::OkStatus()});
  environment_.random = 0.999;
  EXPECT_THAT(Run(), IsOk());
  EXPECT_GT(delays_.back(), absl::Seconds(29));
}

TEST_F(WatchLoopTest, DrainIsFollowedWithinItsWindowAndResumed) {
  environment_.AddStream(Opened({server_.Drain(2, 4), absl::OkStatus()}));
  environment_.AddStream({server_.Created(v1::RESUME_KIND_EXACT), kGone});
  EXPECT_THAT(Run(), IsOk());
  EXPECT_THAT(ends_[0].status, IsOk());
  EXPECT_EQ(delays_[0], absl::Seconds(3));
  EXPECT_TRUE(environment_.requests[1].has_resume_token());
}

TEST_F(WatchLoopTest, WishOfTheServerToWaitIsRespected) {
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(7);
  environment_.random = 0;
  environment_.AddStream(
      {Error(absl::StatusCode::kResourceExhausted, "STREAM_LIMIT", "full", extras)});
  environment_.AddStream({kGone});
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(environment_.opened[1] - environment_.opened[0], absl::Seconds(7));
}

TEST_F(WatchLoopTest, ObserverDecidesThatItHasEnough) {
  max_ends_ = 1;
  environment_.AddStream({absl::PermissionDeniedError("no")});
  environment_.AddStream({kGone});
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(environment_.requests, SizeIs(1));
}

TEST_F(WatchLoopTest, FreshnessThatANewStreamDoesNotNameIsOver) {
  environment_.AddStream(Opened({server_.Stale("clip"), kGone}));
  environment_.AddStream({server_.Created(v1::RESUME_KIND_EXACT), server_.Bookmark(), kGone});
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(told_, (Told{"snapshot +clip +esrgan", "stale clip", "fresh clip"}));
}

TEST_F(WatchLoopTest, StaleDocumentThatIsNamedAfterASnapshotWasNeverFresh) {
  environment_.AddStream(Opened({server_.Stale("clip"), server_.Stale("esrgan"), kGone}));
  StreamScript anew = {server_.Created(v1::RESUME_KIND_RESYNC)};
  for (const v1::WatchResponse& message : server_.Snapshot()) anew.push_back(message);
  anew.push_back(server_.Stale("clip"));
  anew.push_back(server_.Bookmark());
  anew.push_back(kGone);
  environment_.AddStream(anew);
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(told_, (Told{"snapshot +clip +esrgan", "stale clip", "stale esrgan", "snapshot",
                         "fresh esrgan"}));
}

TEST_F(WatchLoopTest, ClockThatIsAskedIsTheOneOfTheEnvironment) {
  environment_.clock.Advance(absl::Hours(-1));
  started_ = environment_.Now();
  environment_.AddStream(Opened());
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(SecondsSinceStart(state_times_[1]), 60);
}

// A stream with a bookmark every 20 s for `minutes`.
StreamScript WithBookmarks(StreamScript script, const v1::WatchResponse& bookmark, int minutes) {
  for (int i = 0; i < 3 * minutes; ++i) {
    script.push_back(absl::Seconds(20));
    script.push_back(bookmark);
  }
  return script;
}

TEST_F(WatchLoopTest, EveryTenMinutesTheDigestIsComparedAlthoughAStreamIsOpen) {
  environment_.AddStream(WithBookmarks(Opened(), server_.Bookmark(), 35));
  environment_.head = [this] { return server_.Head(); };
  EXPECT_THAT(Run(), IsOk());
  ASSERT_THAT(environment_.polled, SizeIs(3));
  EXPECT_THAT(SecondsSinceStart(environment_.polled[0]), AllOf(Ge(540), Le(680)));
  EXPECT_EQ(loop_->status().resyncs, 0u);
}

TEST_F(WatchLoopTest, StreamThatLiesAboutTheStateAtARevisionIsGivenUp) {
  environment_.AddStream(WithBookmarks(Opened(), server_.Bookmark(), 15));
  AddOpening({kGone});
  environment_.head = [this] {
    v1::GetHeadResponse head = server_.Head();
    head.set_digest(std::string(16, 'w'));
    return head;
  };
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(loop_->status().resyncs, 1u);
  EXPECT_THAT(ends_[0].status, HasReason(kDigestMismatch));
}

TEST_F(WatchLoopTest, StreamThatStaysBehindTheServerIsGivenUpAfterThreeMoreLooks) {
  environment_.AddStream(WithBookmarks(Opened(), server_.Bookmark(), 15));
  AddOpening({kGone});
  server_.Set("clip", 'x');
  environment_.head = [this] { return server_.Head(); };
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(loop_->status().resyncs, 1u);
  EXPECT_THAT(environment_.polled, SizeIs(4));
  EXPECT_EQ(told_.back(), "snapshot +clip");
}

TEST_F(WatchLoopTest, StreamThatCatchesUpIsKept) {
  StreamScript script = WithBookmarks(Opened(), server_.Bookmark(), 10);
  script.push_back(absl::Seconds(5));
  script.push_back(server_.Change("clip", 'x'));
  environment_.AddStream(WithBookmarks(script, server_.Bookmark(), 5));
  environment_.head = [this] { return server_.Head(); };
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(loop_->status().resyncs, 0u);
  EXPECT_GE(environment_.polled.size(), 2u);
}

TEST_F(WatchLoopTest, HeadThatCannotBeHadSaysNothingAboutTheStream) {
  environment_.AddStream(WithBookmarks(Opened(), server_.Bookmark(), 25));
  EXPECT_THAT(Run(), IsOk());
  EXPECT_THAT(environment_.polled, SizeIs(2));
  EXPECT_EQ(loop_->status().resyncs, 0u);
}

}  // namespace
}  // namespace modelref::testing
