#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "backends/base/error.h"
#include "tests/service/rpc/stream_feed.h"

namespace modelref::testing {
namespace {

constexpr char kWatch[] = "/test.Feed/Watch";

TEST(ShutdownTest, WithOpenStreamsIsQuickWhenTheyEndThemselves) {
  StreamFeed feed;
  TestServer server([&feed](MethodTable* table) { feed.Register(table); });
  TestStream stream(server.channel(), kWatch, "");
  ASSERT_TRUE(Eventually([&] { return feed.open() == 1; }));
  const absl::Time start = RealClock().TimeNow();
  server->Shutdown(absl::Seconds(50));
  EXPECT_LT(RealClock().TimeNow() - start, absl::Seconds(25));
  EXPECT_EQ(stream.Read().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(feed.open(), 0u);
  EXPECT_EQ(feed.cancelled(), 0u);
}

TEST(ShutdownTest, CancelsStreamsThatDoNotEndWhenTheGraceIsOver) {
  StreamFeed feed;
  feed.SetStubborn();
  TestServer server([&feed](MethodTable* table) { feed.Register(table); });
  TestStream stream(server.channel(), kWatch, "");
  ASSERT_TRUE(Eventually([&] { return feed.open() == 1; }));
  const absl::Time start = RealClock().TimeNow();
  server->Shutdown(absl::Milliseconds(300));
  const absl::Duration took = RealClock().TimeNow() - start;
  EXPECT_GE(took, absl::Milliseconds(290));
  EXPECT_LT(took, absl::Seconds(30));
  EXPECT_EQ(feed.open(), 0u);
  EXPECT_EQ(feed.cancelled(), 1u);
  EXPECT_FALSE(stream.Read().ok());
}

TEST(ShutdownTest, CancelsASlowReader) {
  StreamFeed feed;
  TestServer server([&feed](MethodTable* table) { feed.Register(table); });
  TestStream stream(server.channel(), kWatch, "");
  ASSERT_TRUE(Eventually([&] { return feed.open() == 1; }));
  for (int i = 0; i < 40; ++i) feed.Push(std::string(1 << 20, 'x'));
  ASSERT_TRUE(Eventually([&] { return server->Stats().methods[0].messages_sent > 0; }));
  server->Shutdown(absl::Milliseconds(100));
  EXPECT_EQ(feed.open(), 0u);
}

TEST(ShutdownTest, LetsARunningUnaryCallFinishWithinTheGrace) {
  Gate started;
  Gate release;
  TestServer server([&](MethodTable* table) {
    UnaryOptions<Text> blocking;
    blocking.blocking = true;
    AddText(
        table, "/test.Echo/Block",
        [&](const CallContext&, const std::string& text) {
          started.Open();
          release.Wait();
          return absl::StatusOr<std::string>(text);
        },
        blocking);
  });
  absl::StatusOr<std::string> answer;
  std::thread client([&] { answer = server.Call("/test.Echo/Block", "finished"); });
  ASSERT_TRUE(started.Wait());
  std::thread stopper([&] { server->Shutdown(absl::Seconds(50)); });
  release.Open();
  stopper.join();
  client.join();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "finished");
}

TEST(ShutdownTest, DropsWaitingBlockingCalls) {
  Gate started;
  Gate release;
  std::atomic<int> runs{0};
  TestServer server(
      [&](MethodTable* table) {
        UnaryOptions<Text> blocking;
        blocking.blocking = true;
        AddText(
            table, "/test.Echo/Block",
            [&](const CallContext& context, const std::string& text) {
              ++runs;
              started.Open();
              while (!context.IsCancelled()) release.Wait(absl::Milliseconds(10));
              // The calls are cancelled one after the other.
              release.Wait(absl::Milliseconds(300));
              return absl::StatusOr<std::string>(text);
            },
            blocking);
      },
      [](RpcServerOptions* options) { options->executor.threads = 1; });
  std::thread first([&] { EXPECT_FALSE(server.Call("/test.Echo/Block", "a").ok()); });
  ASSERT_TRUE(started.Wait());
  std::thread second([&] { EXPECT_FALSE(server.Call("/test.Echo/Block", "b").ok()); });
  ASSERT_TRUE(Eventually([&] { return server->Stats().executor_queued == 1; }));
  server->Shutdown(absl::ZeroDuration());
  first.join();
  second.join();
  EXPECT_EQ(runs, 1);
}

TEST(ShutdownTest, RepeatedAndUnstartedAreHarmless) {
  TestServer server([](MethodTable* table) { AddText(table, "/test.Echo/Echo", Echo); });
  server->Shutdown(absl::ZeroDuration());
  server->Shutdown(absl::ZeroDuration());
  RpcServer unstarted{RpcServerOptions()};
  unstarted.BeginDrain(absl::ZeroDuration());
  unstarted.Shutdown(absl::ZeroDuration());
}

TEST(ShutdownTest, UnderLoadEveryCallGetsAnAnswer) {
  TestServer server([](MethodTable* table) { AddText(table, "/test.Echo/Echo", Echo); });
  std::atomic<int> answered{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!stop) {
        if (!server.Call("/test.Echo/Echo", "x").ok()) return;
        ++answered;
        // Unknown methods are answered by gRPC itself on our queues.
        if (server.Call("/test.Echo/None", "x").status().code() !=
            absl::StatusCode::kUnimplemented) {
          return;
        }
      }
    });
  }
  EXPECT_TRUE(Eventually([&] { return answered > 200; }));
  server->Shutdown(absl::Milliseconds(200));
  stop = true;
  for (std::thread& client : clients) client.join();
}

TEST(DrainTest, OpenStreamsSayFarewellAndNewOnesAreRefused) {
  StreamFeed feed;
  feed.SetFarewell("goodbye");
  StreamFeed health;
  TestServer server([&](MethodTable* table) {
    feed.Register(table);
    MethodOptions options;
    options.serve_while_draining = true;
    health.Register(table, "/test.Health/Watch", options);
    AddText(table, "/test.Echo/Echo", Echo);
  });
  TestStream stream(server.channel(), kWatch, "");
  TestStream watch(server.channel(), "/test.Health/Watch", "");
  ASSERT_TRUE(Eventually([&] { return feed.open() == 1 && health.open() == 1; }));
  server->BeginDrain(absl::ZeroDuration());
  EXPECT_EQ(*stream.Read(), "goodbye");
  EXPECT_EQ(stream.Read().status().code(), absl::StatusCode::kOutOfRange);
  TestStream late(server.channel(), kWatch, "");
  const absl::Status refused = late.Read().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), "DRAINING");
  EXPECT_EQ(*server.Call("/test.Echo/Echo", "still here"), "still here");
  health.Push("NOT_SERVING");
  EXPECT_EQ(*watch.Read(), "NOT_SERVING");
  TestStream late_watch(server.channel(), "/test.Health/Watch", "");
  EXPECT_TRUE(Eventually([&] { return health.open() == 2; }));
}

// Four streams of one queue that are being drained over 800 ms.
class SpreadDrainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    feed_.SetFarewell("goodbye");
    for (size_t i = 0; i < 4; ++i) {
      streams_.push_back(std::make_unique<TestStream>(server_.channel(), kWatch, ""));
      ASSERT_TRUE(Eventually([&] { return feed_.open() == i + 1; }));
    }
    begun_ = RealClock().TimeNow();
    server_->BeginDrain(absl::Milliseconds(800));
  }
  absl::Duration Elapsed() const { return RealClock().TimeNow() - begun_; }

  StreamFeed feed_;
  TestServer server_{[this](MethodTable* table) { feed_.Register(table); },
                     [](RpcServerOptions* options) { options->stream_queues = 1; }};
  std::vector<std::unique_ptr<TestStream>> streams_;

 private:
  absl::Time begun_;
};

TEST_F(SpreadDrainTest, FarewellsAreSpreadOverTheWindow) {
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(*streams_[i]->Read(), "goodbye");
    EXPECT_GE(Elapsed(), absl::Milliseconds(199) * i);
  }
}

TEST_F(SpreadDrainTest, AShutdownLetsADrainGoToItsEnd) {
  server_->Shutdown(absl::Seconds(50));
  EXPECT_GE(Elapsed(), absl::Milliseconds(599));
  for (const auto& stream : streams_) EXPECT_EQ(*stream->Read(), "goodbye");
}

}  // namespace
}  // namespace modelref::testing
