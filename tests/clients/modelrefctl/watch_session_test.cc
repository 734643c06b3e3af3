#include "clients/modelrefctl/watch_session.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/error.h"
#include "clients/modelrefctl/exit_codes.h"
#include "tests/testing/status_matchers.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;

// A stream that was recorded before; then it ends as said.
class FakeStream final : public WatchStream {
 public:
  FakeStream(std::vector<v1::WatchResponse> messages, absl::Status end,
             Interrupts* interrupt_at_end)
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

v1::WatchResponse Message(uint64_t revision) {
  v1::WatchResponse message;
  message.mutable_header()->set_revision(revision);
  message.mutable_header()->set_epoch(std::string(16, 'e'));
  return message;
}

v1::WatchResponse Created() {
  v1::WatchResponse message = Message(10);
  message.mutable_created();
  return message;
}

v1::WatchResponse Begin() {
  v1::WatchResponse message = Message(10);
  message.mutable_snapshot_begin();
  return message;
}

v1::WatchResponse End(const std::string& unchanged = "") {
  v1::WatchResponse message = Message(10);
  message.mutable_snapshot_end()->set_unchanged(unchanged);
  return message;
}

v1::WatchResponse Event(uint64_t revision, const std::string& category, const std::string& etag,
                        bool more = false) {
  v1::WatchResponse message = Message(revision);
  v1::WatchEvent* event = message.mutable_events()->add_events();
  event->set_type(v1::EVENT_TYPE_INVALIDATED);
  event->set_category(category);
  event->set_format(v1::FORMAT_V2);
  event->set_etag(etag);
  message.mutable_events()->set_more(more);
  return message;
}

v1::WatchResponse Stale(const std::string& category) {
  v1::WatchResponse message = Message(10);
  message.mutable_freshness()->set_category(category);
  message.mutable_freshness()->set_stale(true);
  return message;
}

class WatchSessionTest : public ::testing::Test {
 protected:
  WatchSessionTest() {
    host_.interrupts = &interrupts_;
    host_.clock = &RealClock();
  }

  // Adds a stream; the last one is ended by an interrupt, as a user would.
  void AddStream(std::vector<v1::WatchResponse> messages, absl::Status end = absl::OkStatus(),
                 bool interrupt = false) {
    streams_.push_back(std::make_unique<FakeStream>(std::move(messages), std::move(end),
                                                    interrupt ? &interrupts_ : nullptr));
  }

  absl::Status Run(WatchOptions options = {}) {
    session_ = std::make_unique<WatchSession>(
        std::move(options), host_,
        [this](const v1::WatchRequest& request) -> absl::StatusOr<std::unique_ptr<WatchStream>> {
          requests_.push_back(request);
          std::unique_ptr<WatchStream> stream = std::move(streams_.front());
          streams_.pop_front();
          return stream;
        },
        [this](const WatchLine& line) {
          lines_.push_back(Describe(line));
          return absl::OkStatus();
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

  Host host_;
  Interrupts interrupts_;
  std::deque<std::unique_ptr<WatchStream>> streams_;
  std::vector<v1::WatchRequest> requests_;
  std::vector<std::string> lines_;
  std::vector<std::string> notes_;
  std::unique_ptr<WatchSession> session_;
};

using Lines = std::vector<std::string>;

TEST_F(WatchSessionTest, TellsLaterChangesOnlyUnlessTheSnapshotIsAskedFor) {
  for (const bool tell_snapshot : {false, true}) {
    lines_.clear();
    AddStream({Created(), Begin(), Event(0, "clip", "c1"), End(), Event(11, "clip", "c2")});
    WatchOptions options;
    options.tell_snapshot = tell_snapshot;
    options.until_revision = 11;
    EXPECT_THAT(Run(options), IsOk());
    EXPECT_EQ(lines_, tell_snapshot ? (Lines{"event clip", "event clip"}) : (Lines{"event clip"}));
    EXPECT_EQ(session_->last_revision(), 11u);
  }
}

TEST_F(WatchSessionTest, AfterABreakTellsWhatWasMissedAndNothingElse) {
  AddStream({Created(), Begin(), Event(0, "clip", "c1"), Event(0, "esrgan", "e1"),
             Event(0, "gone", "g1"), End(), Event(11, "clip", "c2")},
            absl::UnavailableError("connection reset"));
  // Known in order: clip, esrgan, gone. esrgan is unchanged, gone is deleted.
  AddStream({Created(), Begin(), Event(0, "clip", "c3"), Event(0, "new", "n1"), End("\x02")},
            absl::OkStatus(), /*interrupt=*/true);
  EXPECT_TRUE(IsInterrupted(Run()));
  EXPECT_EQ(lines_, (Lines{"event clip", "event clip", "event new", "delete gone"}));
  ASSERT_EQ(requests_.size(), 2u);
  ASSERT_EQ(requests_[1].snapshot().known_size(), 3);
  EXPECT_EQ(requests_[1].snapshot().known(0).etag(), "c2");
  EXPECT_EQ(requests_[1].attempt(), 1u);
  ASSERT_EQ(notes_.size(), 2u);
  EXPECT_NE(notes_[0].find("connection reset; connecting again in"), std::string::npos);
  EXPECT_EQ(notes_[1], "connected again");
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

TEST_F(WatchSessionTest, CountEndsItInTheMiddleOfACut) {
  AddStream({Created(), Begin(), End(), Event(11, "clip", "c2", true), Event(11, "x", "x2")});
  WatchOptions options;
  options.event_count = 1;
  EXPECT_THAT(Run(options), IsOk());
  EXPECT_EQ(lines_, (Lines{"event clip"}));
}

TEST_F(WatchSessionTest, RevisionIsReachedWithTheLastPartOfACutOnly) {
  v1::WatchResponse first = Event(10, "clip", "c2", true);
  AddStream({Created(), Begin(), End(), first, Event(11, "esrgan", "e2")});
  WatchOptions options;
  options.until_revision = 11;
  EXPECT_THAT(Run(options), IsOk());
  EXPECT_EQ(lines_, (Lines{"event clip", "event esrgan"}));
}

TEST_F(WatchSessionTest, TimeThatIsUpIsAnOrderlyEnd) {
  AddStream({Created()}, Error(absl::StatusCode::kDeadlineExceeded, "NO_MESSAGE", "silent"));
  WatchOptions options;
  options.timeout = absl::ZeroDuration();
  EXPECT_THAT(Run(options), IsOk());
}

TEST_F(WatchSessionTest, DocumentThatBecameFreshWhileDisconnectedIsTold) {
  AddStream({Created(), Begin(), End(), Stale("clip")}, absl::UnavailableError("lost"));
  AddStream({Created(), Begin(), End(), Event(11, "esrgan", "e2")}, absl::OkStatus(), true);
  EXPECT_TRUE(IsInterrupted(Run()));
  EXPECT_EQ(lines_, (Lines{"stale clip", "event esrgan", "fresh clip"}));
}

TEST_F(WatchSessionTest, BookkeepingIsToldOnRequest) {
  v1::WatchResponse bookmark = Message(12);
  bookmark.mutable_bookmark();
  AddStream({Created(), Begin(), End(), bookmark});
  WatchOptions options;
  options.tell_bookkeeping = true;
  options.until_revision = 12;
  EXPECT_THAT(Run(options), IsOk());
  EXPECT_EQ(lines_, (Lines{"created", "snapshot_begin", "snapshot_end", "bookmark"}));
}

}  // namespace
}  // namespace modelref::ctl
