#include "clients/modelrefctl/watch_session.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/error.h"
#include "clients/modelrefctl/exit_codes.h"
#include "tests/clients/cpp/server_model.h"
#include "tests/testing/status_matchers.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::ServerModel;
using ::modelref::testing::StatusIs;

using Messages = std::vector<v1::WatchResponse>;

// A stream that was recorded before; then it ends as said.
class FakeStream final : public WatchStream {
 public:
  FakeStream(Messages messages, absl::Status end, Interrupts* interrupt_at_end)
      : messages_(messages.begin(), messages.end()),
        end_(std::move(end)),
        interrupt_at_end_(interrupt_at_end) {}

  absl::StatusOr<std::optional<v1::WatchResponse>> Next(absl::Duration) override {
    if (!messages_.empty()) {
      std::optional<v1::WatchResponse> message = std::move(messages_.front());
      messages_.pop_front();
      return message;
    }
    if (interrupt_at_end_ != nullptr) interrupt_at_end_->Trigger();
    if (cancelled_) return absl::CancelledError("by the user");
    if (end_.ok()) return std::optional<v1::WatchResponse>();
    return end_;
  }
  void Cancel() override { cancelled_ = true; }

 private:
  std::deque<v1::WatchResponse> messages_;
  const absl::Status end_;
  Interrupts* const interrupt_at_end_;
  bool cancelled_ = false;
};

class WatchSessionTest : public ::testing::Test {
 protected:
  WatchSessionTest() {
    host_.interrupts = &interrupts_;
    host_.clock = &RealClock();
    server_.Set("clip", 'c');
    server_.Set("esrgan", 'e');
  }

  // Adds a stream; the last one is ended by an interrupt, as a user would.
  void AddStream(Messages messages, absl::Status end = absl::OkStatus(), bool interrupt = false) {
    streams_.push_back(std::make_unique<FakeStream>(std::move(messages), std::move(end),
                                                    interrupt ? &interrupts_ : nullptr));
  }
  // The opening of a stream and these.
  Messages Opened(Messages rest, const v1::StartSnapshot& known = v1::StartSnapshot()) const {
    Messages messages = server_.Opening(known);
    messages.insert(messages.end(), rest.begin(), rest.end());
    return messages;
  }

  absl::Status Run(WatchOptions options = {}) {
    WatchCalls calls;
    calls.open =
        [this](const v1::WatchRequest& request) -> absl::StatusOr<std::unique_ptr<WatchStream>> {
      requests_.push_back(request);
      std::unique_ptr<WatchStream> stream = std::move(streams_.front());
      streams_.pop_front();
      return stream;
    };
    session_ = std::make_unique<WatchSession>(
        std::move(options), host_, calls,
        [this](const WatchLine& line) {
          lines_.push_back(Describe(line));
          if (!line.resume_token.empty()) lines_.back() += " *";
          return tell_status_;
        },
        [this](absl::string_view note) { notes_.emplace_back(note); });
    return session_->Run();
  }

  static std::string Describe(const WatchLine& line) {
    if (line.kind == "event") {
      const auto& event = static_cast<const v1::WatchEvent&>(line.body);
      return absl::StrCat(event.type() == v1::EVENT_TYPE_DELETE ? "delete " : "event ",
                          event.category());
    }
    if (line.kind == "freshness") {
      const auto& freshness = static_cast<const v1::Freshness&>(line.body);
      return absl::StrCat(freshness.stale() ? "stale " : "fresh ", freshness.category());
    }
    return std::string(line.kind);
  }

  ServerModel server_;
  Host host_;
  Interrupts interrupts_;
  std::deque<std::unique_ptr<WatchStream>> streams_;
  std::vector<v1::WatchRequest> requests_;
  std::vector<std::string> lines_;
  std::vector<std::string> notes_;
  absl::Status tell_status_;
  std::unique_ptr<WatchSession> session_;
};

using Lines = std::vector<std::string>;

TEST_F(WatchSessionTest, TellsLaterChangesOnlyUnlessTheSnapshotIsAskedFor) {
  for (const bool tell_snapshot : {false, true}) {
    lines_.clear();
    Messages messages = Opened({});
    messages.push_back(server_.Change("clip", tell_snapshot ? 'x' : 'y'));
    AddStream(messages);
    WatchOptions options;
    options.tell_snapshot = tell_snapshot;
    options.until_revision = server_.revision();
    EXPECT_THAT(Run(options), IsOk());
    // A star: the line has a token, because the cut is complete with it.
    EXPECT_EQ(lines_, tell_snapshot ? (Lines{"event clip", "event esrgan *", "event clip *"})
                                    : (Lines{"event clip *"}));
    EXPECT_EQ(session_->last_revision(), server_.revision());
    EXPECT_EQ(session_->epoch(), server_.epoch());
  }
}

TEST_F(WatchSessionTest, ThereIsNoLastPositionBeforeTheFirstState) {
  AddStream({server_.Created()}, absl::OkStatus(), /*interrupt=*/true);
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(session_->last_revision(), std::nullopt);
}

TEST_F(WatchSessionTest, TheLastPositionOfAContinuedWatchIsKnownBeforeSomethingHappens) {
  AddStream({server_.Created(v1::RESUME_KIND_EXACT)}, absl::OkStatus(), /*interrupt=*/true);
  WatchOptions options;
  options.request.mutable_position()->set_revision(server_.revision());
  EXPECT_THAT(Run(options), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(session_->last_revision(), server_.revision());
}

TEST_F(WatchSessionTest, AfterABreakResumesByTheTokenAndTellsWhatFollows) {
  Messages first = Opened({});
  first.push_back(server_.Change("clip", 'x'));
  AddStream(first, absl::UnavailableError("connection reset"));
  const std::string token = server_.Token();
  AddStream({server_.Created(v1::RESUME_KIND_EXACT), server_.Delete("esrgan")}, absl::OkStatus(),
            /*interrupt=*/true);
  EXPECT_TRUE(IsInterrupted(Run()));
  EXPECT_EQ(lines_, (Lines{"event clip *", "delete esrgan *"}));
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(requests_[1].resume_token(), token);
  EXPECT_EQ(requests_[1].attempt(), 1u);
  ASSERT_EQ(notes_.size(), 2u);
  EXPECT_NE(notes_[0].find("connection reset; connecting again in"), std::string::npos);
  EXPECT_EQ(notes_[1], "connected again");
}

TEST_F(WatchSessionTest, ServerThatCannotContinueSendsTheStateAndOnlyWhatWasMissedIsTold) {
  AddStream(Opened({}), absl::UnavailableError("connection reset"));
  server_.Remove("esrgan");
  server_.Set("clip", 'x');
  Messages second = server_.Snapshot(v1::SNAPSHOT_REASON_HISTORY_GONE);
  second.insert(second.begin(), server_.Created(v1::RESUME_KIND_RESYNC));
  AddStream(second, absl::OkStatus(), /*interrupt=*/true);
  EXPECT_TRUE(IsInterrupted(Run()));
  EXPECT_EQ(lines_, (Lines{"event clip", "delete esrgan *"}));
  ASSERT_EQ(notes_.size(), 3u);
  EXPECT_NE(notes_[2].find("cannot continue from there (history_gone)"), std::string::npos)
      << notes_[2];
}

TEST_F(WatchSessionTest, ServerThatWasNeverReachedEndsTheSession) {
  AddStream({}, absl::UnavailableError("no answer from x"));
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(WatchSessionTest, RefusalIsPassedThroughAsTheServerSaysIt) {
  WatchOptions options;
  options.request.mutable_position()->set_revision(5);
  AddStream({}, Error(absl::StatusCode::kUnimplemented, "NOT_BUILT", "start.position"));
  EXPECT_THAT(Run(options), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(requests_[0].position().revision(), 5u);
}

TEST_F(WatchSessionTest, TokenThatIsRefusedAfterABreakIsNoEnd) {
  AddStream(Opened({}), absl::UnavailableError("lost"));
  AddStream({}, Error(absl::StatusCode::kInvalidArgument, "BAD_RESUME_TOKEN", "damaged"));
  AddStream(Opened({}), absl::OkStatus(), /*interrupt=*/true);
  EXPECT_TRUE(IsInterrupted(Run()));
  ASSERT_EQ(requests_.size(), 3u);
  EXPECT_EQ(requests_[2].snapshot().known_size(), 2);
  EXPECT_EQ(lines_, Lines());
}

TEST_F(WatchSessionTest, StreamThatDoesNotAddUpIsReadAnewAndNotAnEnd) {
  Messages first = Opened({});
  server_.Change("clip", 'x');  // Never arrives.
  first.push_back(server_.Change("clip", 'y'));
  AddStream(first);
  AddStream(Opened({}), absl::OkStatus(), /*interrupt=*/true);
  EXPECT_TRUE(IsInterrupted(Run()));
  EXPECT_EQ(lines_, (Lines{"event clip *"}));
}

TEST_F(WatchSessionTest, CountEndsItInTheMiddleOfACut) {
  Messages messages = Opened({});
  v1::WatchResponse part = server_.Change("clip", 'y');
  part.mutable_events()->set_more(true);
  messages.push_back(part);
  messages.push_back(server_.Change("esrgan", 'z'));
  AddStream(messages);
  WatchOptions options;
  options.event_count = 1;
  EXPECT_THAT(Run(options), IsOk());
  EXPECT_EQ(lines_, (Lines{"event clip"}));
}

TEST_F(WatchSessionTest, RevisionIsReachedWithTheLastPartOfACutOnly) {
  Messages messages = Opened({});
  v1::WatchResponse part = server_.Change("clip", 'y');
  part.mutable_events()->set_more(true);
  messages.push_back(part);
  messages.push_back(server_.Change("esrgan", 'z'));
  AddStream(messages);
  WatchOptions options;
  options.until_revision = server_.revision();
  EXPECT_THAT(Run(options), IsOk());
  EXPECT_EQ(lines_, (Lines{"event clip", "event esrgan *"}));
}

TEST_F(WatchSessionTest, TimeThatIsUpIsAnOrderlyEnd) {
  AddStream({server_.Created()},
            Error(absl::StatusCode::kDeadlineExceeded, "NO_MESSAGE", "silent"));
  WatchOptions options;
  options.timeout = absl::Milliseconds(20);
  EXPECT_THAT(Run(options), IsOk());
}

TEST_F(WatchSessionTest, OutputThatFailsEndsTheSession) {
  tell_status_ = absl::ResourceExhaustedError("disk full");
  Messages messages = Opened({});
  messages.push_back(server_.Change("clip", 'x'));
  messages.push_back(server_.Change("clip", 'y'));
  AddStream(messages);
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(lines_, (Lines{"event clip *"}));
}

TEST_F(WatchSessionTest, DocumentThatBecameFreshWhileDisconnectedIsTold) {
  AddStream(Opened({server_.Stale("clip")}), absl::UnavailableError("lost"));
  AddStream({server_.Created(v1::RESUME_KIND_EXACT), server_.Change("esrgan", 'x')},
            absl::OkStatus(), true);
  EXPECT_TRUE(IsInterrupted(Run()));
  EXPECT_EQ(lines_, (Lines{"stale clip", "event esrgan *", "fresh clip"}));
}

TEST_F(WatchSessionTest, BookkeepingIsToldOnRequest) {
  Messages messages = Opened({});
  server_.Set("unwatched", 'u');
  server_.Remove("unwatched");
  messages.push_back(server_.Drain(1, 2));
  messages.push_back(server_.Bookmark());
  AddStream(messages);
  WatchOptions options;
  options.tell_bookkeeping = true;
  options.until_revision = server_.revision();
  EXPECT_THAT(Run(options), IsOk());
  EXPECT_EQ(lines_, (Lines{"created", "snapshot_begin", "snapshot_end *", "drain", "bookmark *"}));
}

TEST(MayReconnectTest, RefusalsAreFinal) {
  EXPECT_TRUE(MayReconnect(absl::OkStatus()));
  EXPECT_TRUE(MayReconnect(absl::UnavailableError("")));
  EXPECT_TRUE(MayReconnect(absl::CancelledError("")));
  EXPECT_FALSE(MayReconnect(absl::InvalidArgumentError("")));
  EXPECT_FALSE(MayReconnect(absl::UnimplementedError("")));
  EXPECT_FALSE(MayReconnect(absl::PermissionDeniedError("")));
  EXPECT_FALSE(MayReconnect(absl::ResourceExhaustedError("")));
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(1);
  EXPECT_TRUE(
      MayReconnect(Error(absl::StatusCode::kResourceExhausted, "STREAM_LIMIT", "full", extras)));
}

}  // namespace
}  // namespace modelref::ctl
