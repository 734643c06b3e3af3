#include "service/rpc/unary_call.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/error.h"
#include "tests/service/rpc/rpc_test_server.h"

namespace modelref::testing {
namespace {

void AddEcho(MethodTable* table) { AddText(table, "/test.Echo/Echo", Echo); }

TEST(UnaryCallTest, AnswersWhatItWasAsked) {
  TestServer server(AddEcho);
  ASSERT_TRUE(server.start_status().ok()) << server.start_status();
  const auto answer = server.Call("/test.Echo/Echo", "hello");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "hello");
}

TEST(UnaryCallTest, AnAnswerMayBeSharedByManyCalls) {
  const auto shared = std::make_shared<const grpc::ByteBuffer>(*SerializeMessage(MakeText("same")));
  const auto huge = std::make_shared<const grpc::ByteBuffer>(
      *SerializeMessage(MakeText(std::string(5 << 20, 'x'))));
  {
    TestServer server([&](MethodTable* table) {
      table->AddUnary("/test.Shared/Get", {},
                      [&](const CallContext&, const grpc::ByteBuffer& request,
                          UnaryDeferral& deferral) -> UnaryOutcome {
                        deferral.Share(request.Length() < 10 ? shared : huge);
                        return std::nullopt;
                      });
    });
    for (int i = 0; i < 100; ++i) EXPECT_EQ(*server.Call("/test.Shared/Get", "a"), "same");
    EXPECT_EQ(ReasonOf(server.Call("/test.Shared/Get", "a longer one").status()),
              "RESPONSE_TOO_LARGE");
  }
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(UnaryCallTest, ManyCallsAtOnceEachGetTheirOwnAnswer) {
  TestServer server(AddEcho);
  std::atomic<int> right{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 8; ++client) {
    clients.emplace_back([&server, &right, client] {
      for (int i = 0; i < 200; ++i) {
        const std::string text = absl::StrCat(client, ":", i);
        const auto answer = server.Call("/test.Echo/Echo", text);
        if (answer.ok() && *answer == text) ++right;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, 1600);
  const RpcServerStats stats = server->Stats();
  ASSERT_EQ(stats.methods.size(), 1u);
  EXPECT_EQ(stats.methods[0].started, 1600u);
  EXPECT_EQ(stats.methods[0].messages_sent, 1600u);
  EXPECT_TRUE(Eventually([&] { return server->Stats().methods[0].finished[0] == 1600; }));
}

TEST(UnaryCallTest, UnknownMethodIsUnimplemented) {
  TestServer server(AddEcho);
  EXPECT_EQ(server.Call("/test.Echo/Nothing", "").status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST(UnaryCallTest, MalformedRequestNamesTheReason) {
  TestServer server(AddEcho);
  // A bytes field on the wire looks like the string field, but these bytes are not UTF-8.
  google::protobuf::BytesValue bytes;
  bytes.set_value("\xFF\xFE");
  Text response;
  grpc::ClientContext context;
  const absl::Status status = server.CallMessage("/test.Echo/Echo", bytes, &response, &context);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "MALFORMED_REQUEST");
}

TEST(UnaryCallTest, ErrorKeepsItsReasonAndExtras) {
  ErrorExtras extras;
  extras.metadata["etag"] = "abc";
  extras.retry_after = absl::Milliseconds(1500);
  extras.field_violations = {{"name", "is empty"}};
  extras.preconditions = {{"QUEUE", "pending", "is off"}};
  TestServer server([&extras](MethodTable* table) {
    AddText(table, "/test.Echo/Fail", [&extras](const CallContext&, const std::string&) {
      return absl::StatusOr<std::string>(
          Error(absl::StatusCode::kAborted, "ETAG_MISMATCH", "the record changed", extras));
    });
  });
  const absl::Status status = server.Call("/test.Echo/Fail", "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "the record changed");
  EXPECT_EQ(ReasonOf(status), "ETAG_MISMATCH");
  EXPECT_EQ(ExtrasOf(status), extras);
}

TEST(UnaryCallTest, MetadataOf60KiBIsAccepted) {
  TestServer server([](MethodTable* table) {
    AddText(table, "/test.Echo/Size", [](const CallContext& context, const std::string&) {
      const auto value = context.Metadata("x-long");
      return absl::StatusOr<std::string>(absl::StrCat(value.has_value() ? value->size() : 0));
    });
  });
  grpc::ClientContext context;
  context.AddMetadata("x-long", std::string(60 << 10, 'a'));
  const auto answer = server.Call("/test.Echo/Size", "", &context);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, absl::StrCat(60 << 10));
}

TEST(UnaryCallTest, MetadataIsFoundByKeyInOrder) {
  TestServer server([](MethodTable* table) {
    AddText(table, "/test.Echo/Keys", [](const CallContext& context, const std::string&) {
      return absl::StatusOr<std::string>(absl::StrCat(
          *context.Metadata("x-many"), " ", absl::StrJoin(context.MetadataValues("x-many"), "+"),
          " ", context.traceparent(), " ", context.Metadata("x-man").has_value() ? "yes" : "no"));
    });
  });
  grpc::ClientContext context;
  context.AddMetadata("x-many", "one");
  context.AddMetadata("x-many", "two");
  context.AddMetadata("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  EXPECT_EQ(*server.Call("/test.Echo/Keys", "", &context),
            "one one+two 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 no");
}

TEST(UnaryCallTest, RequestOver4MiBIsRefused) {
  TestServer server(AddEcho);
  const auto fits = server.Call("/test.Echo/Echo", std::string((4 << 20) - 16, 'a'));
  EXPECT_TRUE(fits.ok()) << fits.status();
  const auto too_large = server.Call("/test.Echo/Echo", std::string((4 << 20) + 1, 'a'));
  EXPECT_EQ(too_large.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(UnaryCallTest, AnswerOver4MiBIsRefusedByTheServer) {
  TestServer server([](MethodTable* table) {
    AddText(table, "/test.Echo/Grow", [](const CallContext&, const std::string&) {
      return absl::StatusOr<std::string>(std::string((4 << 20) + 1, 'a'));
    });
  });
  const absl::Status status = server.Call("/test.Echo/Grow", "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "RESPONSE_TOO_LARGE");
}

TEST(UnaryCallTest, RawAnswerEqualsTypedAnswer) {
  const std::string payload(100'000, 'x');
  auto shared = std::make_shared<const std::string>(payload);
  TestServer server([&](MethodTable* table) {
    table->UnaryRaw<Text>("/test.Echo/Raw", [shared](const CallContext&, const Text&) {
      return absl::StatusOr<grpc::ByteBuffer>(
          JoinBytes({CopyBytes(FieldPrefix(1, shared->size())), BytesOf(shared)}));
    });
    AddText(table, "/test.Echo/Typed", [shared](const CallContext&, const std::string&) {
      return absl::StatusOr<std::string>(*shared);
    });
  });
  EXPECT_EQ(*server.Call("/test.Echo/Raw", ""), payload);
  EXPECT_EQ(*server.Call("/test.Echo/Typed", ""), payload);
  server.Destroy();
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(UnaryCallTest, DeadlineIsVisibleToTheHandler) {
  TestServer server([](MethodTable* table) {
    AddText(table, "/test.Echo/Deadline", [](const CallContext& context, const std::string&) {
      return absl::StatusOr<std::string>(
          context.deadline() == absl::InfiniteFuture()
              ? "none"
              : absl::StrCat(absl::ToUnixMillis(context.deadline())));
    });
  });
  EXPECT_EQ(*server.Call("/test.Echo/Deadline", ""), "none");
  grpc::ClientContext context;
  const absl::Time deadline = RealClock().TimeNow() + absl::Seconds(100);
  context.set_deadline(absl::ToChronoTime(deadline));
  const auto answer = server.Call("/test.Echo/Deadline", "", &context);
  ASSERT_TRUE(answer.ok()) << answer.status();
  int64_t seen = 0;
  ASSERT_TRUE(absl::SimpleAtoi(*answer, &seen)) << *answer;
  // The wire carries a rounded timeout.
  EXPECT_LT(absl::AbsDuration(absl::FromUnixMillis(seen) - deadline), absl::Seconds(20));
}

}  // namespace
}  // namespace modelref::testing
