#include "service/rpc/stream_call.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "tests/service/rpc/stream_feed.h"

namespace modelref::testing {
namespace {

constexpr char kWatch[] = "/test.Feed/Watch";

class StreamCallTest : public ::testing::Test {
 protected:
  explicit StreamCallTest() : server_([this](MethodTable* table) { feed_.Register(table); }) {}

  // A stream whose source exists, so that what is pushed from now on reaches it.
  std::unique_ptr<TestStream> Open() {
    const size_t before = feed_.opened();
    auto stream = std::make_unique<TestStream>(server_.channel(), kWatch, "");
    EXPECT_TRUE(Eventually([&] { return feed_.opened() == before + 1; }));
    return stream;
  }

  StreamFeed feed_;
  TestServer server_;
};

TEST_F(StreamCallTest, MessagesArriveInOrderAndThenTheEnd) {
  const auto stream = Open();
  feed_.Push("one");
  feed_.Push("two");
  EXPECT_EQ(*stream->Read(), "one");
  EXPECT_EQ(*stream->Read(), "two");
  feed_.End(absl::OkStatus());
  EXPECT_EQ(stream->Read().status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(Eventually([&] { return server_->Stats().streams_open == 0; }));
  // Counted right after the stream is out of the number of open ones.
  EXPECT_TRUE(Eventually([&] { return server_->Stats().methods[0].finished[0] == 1; }));
  EXPECT_EQ(server_->Stats().methods[0].messages_sent, 2u);
}

TEST_F(StreamCallTest, EndWithAnErrorKeepsItsReason) {
  const auto stream = Open();
  feed_.End(Error(absl::StatusCode::kOutOfRange, "COMPACTED", "too old"));
  const absl::Status end = stream->Read().status();
  EXPECT_EQ(end.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonOf(end), "COMPACTED");
}

TEST_F(StreamCallTest, CancelDestroysTheSource) {
  const auto stream = Open();
  EXPECT_EQ(server_->Stats().streams_open, 1);
  stream->Cancel();
  EXPECT_TRUE(Eventually([&] { return feed_.open() == 0; }));
  EXPECT_EQ(feed_.cancelled(), 1u);
  EXPECT_TRUE(Eventually([&] { return server_->Stats().streams_open == 0; }));
  const auto cancelled = static_cast<size_t>(absl::StatusCode::kCancelled);
  EXPECT_EQ(server_->Stats().methods[0].finished[cancelled], 1u);
}

TEST_F(StreamCallTest, ClosedConnectionDestroysTheSource) {
  {
    auto channel = server_.NewChannel();
    TestStream stream(channel, kWatch, "");
    EXPECT_TRUE(Eventually([&] { return feed_.open() == 1; }));
    stream.Cancel();
  }
  EXPECT_TRUE(Eventually([&] { return feed_.open() == 0; }));
}

TEST_F(StreamCallTest, WakeOfAStreamThatIsGoneDoesNothing) {
  const auto stream = Open();
  const Waker waker = feed_.any_waker();
  stream->Cancel();
  EXPECT_TRUE(Eventually([&] { return feed_.open() == 0; }));
  waker.Wake();
  const auto other = Open();
  feed_.Push("still alive");
  EXPECT_EQ(*other->Read(), "still alive");
  server_.Destroy();
  waker.Wake();
  Waker().Wake();
}

TEST_F(StreamCallTest, MalformedRequestEndsTheStream) {
  TestStream stream(server_.channel(), kWatch, "\xFF");
  const absl::Status end = stream.Read().status();
  EXPECT_EQ(ReasonOf(end), "MALFORMED_REQUEST");
  EXPECT_EQ(feed_.opened(), 0u);
}

TEST_F(StreamCallTest, SlowReaderHoldsOneMessageOnly) {
  const auto stream = Open();
  const size_t asked_before = feed_.asked();
  // Each is larger than what flow control lets through unread.
  constexpr int kMessages = 20;
  for (int i = 0; i < kMessages; ++i) feed_.Push(std::string(1 << 20, static_cast<char>('a' + i)));
  EXPECT_TRUE(Eventually([&] { return server_->Stats().methods[0].messages_sent >= 1; }));
  for (int i = 0; i < 100; ++i) feed_.WakeAll();
  // A wake is served before a call that comes later on the same connection is.
  const auto behind = Open();
  // The client's transport may take in a few messages before it stops reading.
  EXPECT_LT(server_->Stats().methods[0].messages_sent, 10u);
  EXPECT_LT(feed_.asked() - asked_before, 20u);
  for (int i = 0; i < kMessages; ++i) {
    const auto message = stream->Read();
    ASSERT_TRUE(message.ok()) << message.status();
    EXPECT_EQ(message->front(), 'a' + i);
  }
}

TEST_F(StreamCallTest, WakeDuringAWriteIsRemembered) {
  const auto stream = Open();
  // Too large for flow control to take it in unread.
  const std::string large(4'000'000, 'x');
  feed_.Push(large);
  EXPECT_TRUE(Eventually([&] { return server_->Stats().methods[0].messages_sent == 1; }));
  feed_.Push("after");
  const auto behind = Open();
  feed_.WakeAll();
  EXPECT_EQ(*stream->Read(), large);
  EXPECT_EQ(*stream->Read(), "after");
}

TEST_F(StreamCallTest, MessageOver4MiBEndsTheStream) {
  const auto stream = Open();
  feed_.Push(std::string(5 << 20, 'x'));
  EXPECT_EQ(ReasonOf(stream->Read().status()), "RESPONSE_TOO_LARGE");
}

// Sends its name when woken, once.
class Once final : public StreamSource {
 public:
  explicit Once(absl::Time until) : until_(until) {}
  StreamStep Next(StreamPhase) override {
    if (RealClock().TimeNow() < until_) return WaitForWake{until_};
    return SendMessage{*SerializeMessage(MakeText("time is up")), true};
  }

 private:
  const absl::Time until_;
};

TEST(StreamTimerTest, NextIsCalledWhenTheWaitIsOver) {
  TestServer server([](MethodTable* table) {
    table->ServerStream<Text>(
        "/test.Timer/Wait",
        [](const CallContext&, const Text&,
           Waker) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
          return std::make_unique<Once>(RealClock().TimeNow() + absl::Milliseconds(200));
        });
  });
  const absl::Time start = RealClock().TimeNow();
  TestStream stream(server.channel(), "/test.Timer/Wait", "");
  EXPECT_EQ(*stream.Read(), "time is up");
  EXPECT_GE(RealClock().TimeNow() - start, absl::Milliseconds(200));
  EXPECT_EQ(stream.Read().status().code(), absl::StatusCode::kOutOfRange);
}

TEST(StreamCrowdTest, OneEventWakesAThousandStreams) {
  StreamFeed feed;
  TestServer server([&feed](MethodTable* table) { feed.Register(table); },
                    [](RpcServerOptions* options) { options->max_streams_per_connection = 2000; });
  std::vector<std::unique_ptr<TestStream>> streams;
  for (int i = 0; i < 1000; ++i) {
    streams.push_back(std::make_unique<TestStream>(server.channel(), kWatch, ""));
  }
  ASSERT_TRUE(Eventually([&] { return feed.open() == 1000; }));
  feed.Push("event");
  for (const auto& stream : streams) EXPECT_EQ(*stream->Read(), "event");
  for (const auto& stream : streams) stream->Cancel();
  EXPECT_TRUE(Eventually([&] { return feed.open() == 0; }));
}

TEST(StreamCrowdTest, StreamsOfOneConnectionAreSpreadOverAllQueues) {
  constexpr int kQueues = 5;
  constexpr int kStreams = 400;
  Mutex mutex;
  std::map<std::thread::id, int> opened;
  StreamFeed feed;
  TestServer server(
      [&](MethodTable* table) {
        table->ServerStream<Text>(kWatch,
                                  [&](const CallContext&, const Text&,
                                      Waker) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
                                    MutexLock lock(&mutex);
                                    ++opened[std::this_thread::get_id()];
                                    return std::make_unique<Once>(RealClock().TimeNow());
                                  });
      },
      [](RpcServerOptions* options) { options->stream_queues = kQueues; });
  for (int i = 0; i < kStreams; ++i) {
    TestStream stream(server.channel(), kWatch, "");
    EXPECT_EQ(*stream.Read(), "time is up");
  }
  MutexLock lock(&mutex);
  EXPECT_EQ(opened.size(), kQueues);
  for (const auto& [thread, count] : opened) {
    EXPECT_GT(count, kStreams / kQueues / 2);
    EXPECT_LT(count, kStreams / kQueues * 2);
  }
}

TEST(StreamLimitTest, StreamBeyondTheLimitIsRefused) {
  StreamFeed feed;
  TestServer server([&feed](MethodTable* table) { feed.Register(table); },
                    [](RpcServerOptions* options) { options->max_streams = 1; });
  TestStream first(server.channel(), kWatch, "");
  ASSERT_TRUE(Eventually([&] { return feed.open() == 1; }));
  TestStream second(server.channel(), kWatch, "");
  const absl::Status refused = second.Read().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused), "STREAM_LIMIT");
  EXPECT_TRUE(ExtrasOf(refused).retry_after.has_value());
  EXPECT_EQ(server->Stats().streams_refused, 1u);
  first.Cancel();
  EXPECT_TRUE(Eventually([&] { return server->Stats().streams_open == 0; }));
  TestStream third(server.channel(), kWatch, "");
  EXPECT_TRUE(Eventually([&] { return feed.open() == 1; }));
}

TEST(WriteStallTest, WriteThatNobodyTakesIsCountedAndThenCancelled) {
  StreamFeed feed;
  TestServer server([&feed](MethodTable* table) { feed.Register(table); },
                    [](RpcServerOptions* options) {
                      options->write_stalled_after = absl::Milliseconds(100);
                      options->write_cancelled_after = absl::Seconds(2);
                    });
  TestStream stream(server.channel(), kWatch, "");
  ASSERT_TRUE(Eventually([&] { return feed.open() == 1; }));
  for (int i = 0; i < 40; ++i) feed.Push(std::string(1 << 20, 'x'));
  EXPECT_TRUE(Eventually([&] { return server->Stats().writes_stalled == 1; }));
  EXPECT_EQ(feed.open(), 1u);
  EXPECT_TRUE(Eventually([&] { return feed.open() == 0; }));
  EXPECT_EQ(server->Stats().writes_cancelled, 1u);
  EXPECT_TRUE(Eventually([&] { return server->Stats().writes_stalled == 0; }));
}

}  // namespace
}  // namespace modelref::testing
