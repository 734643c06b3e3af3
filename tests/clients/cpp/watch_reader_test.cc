#include "clients/cpp/watch_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/clients/cpp/fake_source.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Event;
using ::modelref::testing::FakeSource;
using ::modelref::testing::HasReason;
using ::modelref::testing::StatusIs;

v1::WatchResponse AtRevision(uint64_t revision) {
  v1::WatchResponse message;
  message.mutable_header()->set_revision(revision);
  return message;
}

// Yields messages without end, or none at all, until it is cancelled.
class EndlessSource final : public MessageSource<v1::WatchResponse> {
 public:
  explicit EndlessSource(std::atomic<int>* reads, bool silent = false)
      : reads_(reads), silent_(silent) {}

  bool Read(v1::WatchResponse* message) override {
    if (silent_) {
      EXPECT_TRUE(cancelled_.Wait());
      return false;
    }
    if (cancelled_.IsSet()) return false;
    *message = AtRevision(++*reads_);
    return true;
  }
  absl::Status Finish() override { return absl::CancelledError("by gRPC"); }
  void Cancel() override { cancelled_.Set(); }

 private:
  std::atomic<int>* const reads_;
  const bool silent_;
  Event cancelled_;
};

TEST(WatchReaderTest, HandsOutMessagesInOrderUntilThePlannedEnd) {
  WatchReader reader(std::make_unique<FakeSource<v1::WatchResponse>>(
      std::vector<v1::WatchResponse>{AtRevision(1), AtRevision(2)}, absl::OkStatus()));
  for (const uint64_t revision : {1, 2}) {
    ASSERT_OK_AND_ASSIGN(const auto message, reader.Next(absl::InfiniteDuration()));
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->header().revision(), revision);
  }
  ASSERT_OK_AND_ASSIGN(const auto end, reader.Next(absl::InfiniteDuration()));
  EXPECT_FALSE(end.has_value());
}

TEST(WatchReaderTest, TellsWhyAStreamBrokeEveryTimeItIsAsked) {
  WatchReader reader(std::make_unique<FakeSource<v1::WatchResponse>>(
      std::vector<v1::WatchResponse>{}, absl::UnavailableError("gone")));
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(reader.Next(absl::InfiniteDuration()), StatusIs(absl::StatusCode::kUnavailable));
  }
}

TEST(WatchReaderTest, SilenceEndsTheWaitButNotTheStream) {
  std::atomic<int> reads = 0;
  WatchReader reader(std::make_unique<EndlessSource>(&reads, /*silent=*/true));
  EXPECT_THAT(reader.Next(absl::Milliseconds(1)), HasReason("NO_MESSAGE"));
  EXPECT_THAT(reader.Next(absl::Milliseconds(1)), HasReason("NO_MESSAGE"));
}

TEST(WatchReaderTest, CancelFromAnotherThreadWakesTheReader) {
  std::atomic<int> reads = 0;
  WatchReader reader(std::make_unique<EndlessSource>(&reads, /*silent=*/true));
  std::thread canceller([&reader] { reader.Cancel(); });
  EXPECT_THAT(reader.Next(absl::InfiniteDuration()), StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
}

TEST(WatchReaderTest, ReadsAtMostOneMessageBeyondTheOneThatWaits) {
  std::atomic<int> reads = 0;
  WatchReader reader(std::make_unique<EndlessSource>(&reads));
  for (int taken = 1; taken <= 100; ++taken) {
    ASSERT_OK_AND_ASSIGN(const auto message, reader.Next(absl::InfiniteDuration()));
    EXPECT_EQ(message->header().revision(), static_cast<uint64_t>(taken));
    // One waits in the slot and one may be in the reading thread's hand.
    EXPECT_LE(reads.load(), taken + 2);
  }
}

}  // namespace
}  // namespace modelref
