#include <gtest/gtest.h>

#include <atomic>

#include "backends/base/error.h"
#include "tests/service/rpc/rpc_test_server.h"

namespace modelref::testing {
namespace {

struct Caller final : CallAttachment {
  explicit Caller(std::string caller_name, std::atomic<int>* alive_callers)
      : name(std::move(caller_name)), alive(alive_callers) {
    ++*alive;
  }
  ~Caller() override { --*alive; }
  const std::string name;
  std::atomic<int>* const alive;
};

TEST(AdmissionTest, RefusedCallNeverReachesParserOrHandler) {
  std::atomic<int> handled{0};
  TestServer server(
      [&handled](MethodTable* table) {
        AddText(table, "/test.Echo/Secret",
                [&handled](const CallContext&, const std::string& text) {
                  ++handled;
                  return absl::StatusOr<std::string>(text);
                });
      },
      [](RpcServerOptions* options) {
        options->admission = [](CallContext& context) {
          return Error(absl::StatusCode::kPermissionDenied, "ROLE_MISSING",
                       std::string(context.method()));
        };
      });
  google::protobuf::BytesValue malformed;
  malformed.set_value("\xFF");
  Text response;
  grpc::ClientContext context;
  const absl::Status status =
      server.CallMessage("/test.Echo/Secret", malformed, &response, &context);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(status), "ROLE_MISSING");
  EXPECT_EQ(status.message(), "/test.Echo/Secret");
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(server->Stats().calls_not_admitted, 1u);
}

TEST(AdmissionTest, AppliesToStreams) {
  TestServer server(
      [](MethodTable* table) {
        table->ServerStream<Text>("/test.Echo/Watch",
                                  [](const CallContext&, const Text&,
                                     Waker) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
                                    return absl::InternalError("the factory ran");
                                  });
      },
      [](RpcServerOptions* options) {
        options->admission = [](CallContext&) {
          return Error(absl::StatusCode::kUnauthenticated, "NO_CREDENTIALS", "who are you?");
        };
      });
  TestStream stream(server.channel(), "/test.Echo/Watch", "");
  EXPECT_EQ(ReasonOf(stream.Read().status()), "NO_CREDENTIALS");
  EXPECT_EQ(server->Stats().streams_open, 0);
}

TEST(AdmissionTest, AttachmentReachesTheHandlerAndEndsWithTheCall) {
  std::atomic<int> alive{0};
  TestServer server(
      [](MethodTable* table) {
        AddText(table, "/test.Echo/Who", [](const CallContext& context, const std::string&) {
          const Caller* caller = context.Attached<Caller>();
          return absl::StatusOr<std::string>(caller == nullptr ? "nobody" : caller->name);
        });
      },
      [&alive](RpcServerOptions* options) {
        options->admission = [&alive](CallContext& context) {
          if (const auto name = context.Metadata("x-name"); name.has_value()) {
            context.Attach(std::make_shared<Caller>(std::string(*name), &alive));
          }
          return absl::OkStatus();
        };
      });
  grpc::ClientContext named;
  named.AddMetadata("x-name", "ada");
  EXPECT_EQ(*server.Call("/test.Echo/Who", "", &named), "ada");
  EXPECT_EQ(*server.Call("/test.Echo/Who", ""), "nobody");
  EXPECT_TRUE(Eventually([&alive] { return alive == 0; }));
}

}  // namespace
}  // namespace modelref::testing
