#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "backends/base/error.h"
#include "tests/service/rpc/rpc_test_server.h"

namespace modelref::testing {
namespace {

UnaryOptions<Text> Blocking() {
  UnaryOptions<Text> options;
  options.blocking = true;
  return options;
}

// Keeps the replies of a deferred method until the test sends them.
class Replies {
 public:
  void Register(MethodTable* table) {
    table->UnaryDeferred<Text, Text>("/test.Echo/Later",
                                     [this](const CallContext&, const Text&, Reply<Text> reply) {
                                       MutexLock lock(&mutex_);
                                       replies_.push_back(std::move(reply));
                                       arrived_.Open();
                                     });
  }
  Reply<Text> Take() {
    EXPECT_TRUE(arrived_.Wait());
    MutexLock lock(&mutex_);
    Reply<Text> reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }

 private:
  Gate arrived_;
  Mutex mutex_;
  std::deque<Reply<Text>> replies_ ABSL_GUARDED_BY(mutex_);
};

TEST(BlockingCallTest, DoesNotHoldUpTheQueue) {
  Gate release;
  TestServer server(
      [&release](MethodTable* table) {
        AddText(
            table, "/test.Echo/Block",
            [&release](const CallContext&, const std::string& text) {
              return absl::StatusOr<std::string>(release.Wait() ? text : "timeout");
            },
            Blocking());
        AddText(table, "/test.Echo/Echo", Echo);
      },
      [](RpcServerOptions* options) { options->unary_queues = 1; });
  absl::StatusOr<std::string> blocked;
  std::thread client([&] { blocked = server.Call("/test.Echo/Block", "done"); });
  EXPECT_EQ(*server.Call("/test.Echo/Echo", "quick"), "quick");
  release.Open();
  client.join();
  EXPECT_EQ(*blocked, "done");
}

TEST(BlockingCallTest, PredicateSendsOnlySomeCallsToTheExecutor) {
  TestServer server(
      [](MethodTable* table) {
        UnaryOptions<Text> options;
        options.blocking_when = [](const CallContext&, const Text& text) {
          return text.value() == "slow";
        };
        AddText(
            table, "/test.Echo/Thread",
            [](const CallContext&, const std::string&) {
              thread_local int seen = 0;
              return absl::StatusOr<std::string>(std::to_string(++seen));
            },
            options);
      },
      [](RpcServerOptions* options) {
        options->unary_queues = 1;
        options->executor.threads = 1;
      });
  EXPECT_EQ(*server.Call("/test.Echo/Thread", "quick"), "1");
  EXPECT_EQ(*server.Call("/test.Echo/Thread", "quick"), "2");
  EXPECT_EQ(*server.Call("/test.Echo/Thread", "slow"), "1");
  EXPECT_EQ(*server.Call("/test.Echo/Thread", "slow"), "2");
}

TEST(BlockingCallTest, OverloadIsRefusedWithATimeToRetry) {
  Gate started;
  Gate release;
  TestServer server(
      [&](MethodTable* table) {
        AddText(
            table, "/test.Echo/Block",
            [&](const CallContext&, const std::string& text) {
              started.Open();
              release.Wait();
              return absl::StatusOr<std::string>(text);
            },
            Blocking());
      },
      [](RpcServerOptions* options) {
        options->executor.threads = 1;
        options->executor.queue_limit = 1;
      });
  std::thread running([&] { EXPECT_TRUE(server.Call("/test.Echo/Block", "a").ok()); });
  EXPECT_TRUE(started.Wait());
  std::thread waiting([&] { EXPECT_TRUE(server.Call("/test.Echo/Block", "b").ok()); });
  EXPECT_TRUE(Eventually([&] { return server->Stats().executor_queued == 1; }));
  const absl::Status refused = server.Call("/test.Echo/Block", "c").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused), "OVERLOADED");
  EXPECT_TRUE(ExtrasOf(refused).retry_after.has_value());
  release.Open();
  running.join();
  waiting.join();
}

TEST(BlockingCallTest, CallCancelledBeforeItsTurnIsNotRun) {
  Gate started;
  Gate release;
  std::atomic<int> runs{0};
  TestServer server(
      [&](MethodTable* table) {
        AddText(
            table, "/test.Echo/Block",
            [&](const CallContext&, const std::string& text) {
              ++runs;
              started.Open();
              release.Wait();
              return absl::StatusOr<std::string>(text);
            },
            Blocking());
        AddText(table, "/test.Echo/Echo", Echo);
      },
      [](RpcServerOptions* options) {
        options->unary_queues = 1;
        options->executor.threads = 1;
      });
  std::thread running([&] { EXPECT_TRUE(server.Call("/test.Echo/Block", "a").ok()); });
  EXPECT_TRUE(started.Wait());
  grpc::ClientContext context;
  std::thread waiting([&] {
    EXPECT_EQ(server.Call("/test.Echo/Block", "b", &context).status().code(),
              absl::StatusCode::kCancelled);
  });
  EXPECT_TRUE(Eventually([&] { return server->Stats().executor_queued == 1; }));
  context.TryCancel();
  waiting.join();
  // The client knows at once, the server once its queue has come to it: a later call over the same
  // connection and queue is behind the cancellation.
  EXPECT_EQ(*server.Call("/test.Echo/Echo", "behind"), "behind");
  release.Open();
  running.join();
  const auto cancelled = static_cast<size_t>(absl::StatusCode::kCancelled);
  EXPECT_TRUE(Eventually([&] { return server->Stats().methods[0].finished[cancelled] == 1; }));
  EXPECT_EQ(runs, 1);
}

TEST(DeferredCallTest, IsAnsweredFromAnotherThread) {
  Replies replies;
  TestServer server([&](MethodTable* table) { replies.Register(table); });
  std::thread answerer([&] { replies.Take().Send(MakeText("later")); });
  EXPECT_EQ(*server.Call("/test.Echo/Later", ""), "later");
  answerer.join();
}

TEST(DeferredCallTest, FirstAnswerCounts) {
  Replies replies;
  TestServer server([&](MethodTable* table) { replies.Register(table); });
  std::thread answerer([&] {
    const Reply<Text> reply = replies.Take();
    const Reply<Text> copy = reply;
    reply.Send(MakeText("first"));
    copy.Send(absl::InternalError("second"));
  });
  EXPECT_EQ(*server.Call("/test.Echo/Later", ""), "first");
  answerer.join();
}

TEST(DeferredCallTest, LostReplyIsAnInternalError) {
  TestServer server([](MethodTable* table) {
    table->UnaryDeferred<Text, Text>("/test.Echo/Lose",
                                     [](const CallContext&, const Text&, Reply<Text>) {});
  });
  const absl::Status status = server.Call("/test.Echo/Lose", "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ReasonOf(status), "UNANSWERED");
}

TEST(DeferredCallTest, DeadlineEndsTheCallAndTellsTheReply) {
  Replies replies;
  TestServer server([&](MethodTable* table) { replies.Register(table); });
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
  EXPECT_EQ(server.Call("/test.Echo/Later", "", &context).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  const Reply<Text> reply = replies.Take();
  EXPECT_TRUE(Eventually([&] { return reply.IsCancelled(); }));
  reply.Send(MakeText("too late"));
}

TEST(DeferredCallTest, ReplyAfterTheServerIsGoneIsHarmless) {
  Replies replies;
  TestServer server([&](MethodTable* table) { replies.Register(table); });
  absl::StatusOr<std::string> answer;
  std::thread client([&] { answer = server.Call("/test.Echo/Later", ""); });
  const Reply<Text> reply = replies.Take();
  server.Destroy();
  client.join();
  EXPECT_FALSE(answer.ok());
  reply.Send(MakeText("nobody hears it"));
  EXPECT_TRUE(reply.IsCancelled());
}

}  // namespace
}  // namespace modelref::testing
