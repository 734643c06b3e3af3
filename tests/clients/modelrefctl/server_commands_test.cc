// health, info, stats and watch against a server.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/clients/fake_server.h"
#include "tests/clients/modelrefctl/ctl_runner.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::TempDir;
using ::modelref::testing::UnusedAddress;
using HealthResponse = grpc::health::v1::HealthCheckResponse;

class ServerCommandsTest : public ::testing::Test {
 protected:
  void SetHealth(HealthResponse::ServingStatus status) {
    handlers_.health = [status](const grpc::health::v1::HealthCheckRequest& request,
                                HealthResponse* response) -> absl::Status {
      if (request.service() == "nobody") return absl::NotFoundError("unknown service");
      response->set_status(status);
      return absl::OkStatus();
    };
  }
  CtlResult Run(std::vector<std::string> arguments) {
    if (server_ == nullptr) server_ = std::make_unique<FakeServer>(handlers_);
    runner_.SetVariable("MODELREF_SERVER", server_->address());
    return runner_.Run(arguments);
  }

  FakeHandlers handlers_;
  CtlRunner runner_;
  std::unique_ptr<FakeServer> server_;
};

TEST_F(ServerCommandsTest, HealthyServerInEveryFormat) {
  SetHealth(HealthResponse::SERVING);
  EXPECT_EQ(Run({"health"}).out, "SERVING\n");
  EXPECT_EQ(Run({"health"}).code, 0);
  EXPECT_TRUE(absl::StartsWith(Run({"health", "--format", "nagios"}).out, "OK - 127.0.0.1:"));
  EXPECT_TRUE(
      absl::StrContains(Run({"health", "--format", "prometheus"}).out, "service=\"\"} 1\n"));
  for (const char* flag : {"--format=json", "--output=json"}) {
    EXPECT_TRUE(absl::StrContains(Run({"health", flag}).out,
                                  R"("service":"","status":"SERVING","took":")"));
  }
}

TEST_F(ServerCommandsTest, ServerThatDoesNotServeIsUnavailable) {
  SetHealth(HealthResponse::NOT_SERVING);
  const CtlResult text = Run({"health"});
  EXPECT_EQ(text.code, 8);
  EXPECT_EQ(text.out, "NOT_SERVING\n");
  const CtlResult nagios = Run({"health", "--format", "nagios"});
  EXPECT_EQ(nagios.code, 2);
  EXPECT_TRUE(absl::StartsWith(nagios.out, "CRITICAL - ")) << nagios.out;
  EXPECT_EQ(nagios.err, "");
  EXPECT_EQ(Run({"health", "nobody"}).code, 3);
  EXPECT_EQ(Run({"health", "nobody", "--format", "nagios"}).code, 3);
}

TEST_F(ServerCommandsTest, UnreachableServerIsCriticalForNagiosToo) {
  CtlRunner runner;
  const CtlResult result =
      runner.Run({"health", "--format", "nagios", "--server", UnusedAddress()});
  EXPECT_EQ(result.code, 2);
  EXPECT_TRUE(absl::StrContains(result.out, "is UNREACHABLE | time=")) << result.out;
}

TEST_F(ServerCommandsTest, InfoAndStatsShowTreesAsRowsAndAsJson) {
  handlers_.server_info = [](const auto&, v1::GetServerInfoResponse* response) {
    response->set_version("0.1.0");
    response->mutable_capabilities()->set_supports_statistics(true);
    response->add_listen("127.0.0.1:1");
    response->add_listen("unix:/x");
    v1::LibraryVersion* library = response->add_libraries();
    library->set_name("grpc");
    library->set_version("1.51.1");
    return absl::OkStatus();
  };
  handlers_.server_statistics = [](const auto&, v1::GetStatisticsResponse* response) {
    response->add_backends()->set_name("caching");
    response->mutable_backends(0)->set_hits(41);
    return absl::OkStatus();
  };
  const std::string info = Run({"info"}).out;
  EXPECT_TRUE(absl::StrContains(info, "version\t0.1.0\n")) << info;
  EXPECT_TRUE(absl::StrContains(info, "capabilities.supports_statistics\ttrue\n")) << info;
  EXPECT_TRUE(absl::StrContains(info, "listen\t127.0.0.1:1, unix:/x\n")) << info;
  EXPECT_TRUE(absl::StrContains(info, "libraries[grpc].version\t1.51.1\n")) << info;
  EXPECT_TRUE(absl::StrContains(Run({"stats"}).out, "backends[caching].hits\t41\n"));
  EXPECT_TRUE(absl::StrContains(Run({"stats", "-o", "json"}).out, "\"hits\": 41"));
}

TEST_F(ServerCommandsTest, UnservedMethodSaysWhereToLook) {
  const CtlResult result = Run({"info"});
  EXPECT_EQ(result.code, 1);
  EXPECT_TRUE(absl::StrContains(result.err, "hint: the server is older")) << result.err;
}

v1::WatchResponse Message(uint64_t revision) {
  v1::WatchResponse message;
  message.mutable_header()->set_revision(revision);
  message.mutable_header()->set_epoch(std::string(16, '\xab'));
  return message;
}

// A snapshot of one document and one change of it, then silence until the client leaves.
absl::Status WatchOneChange(const v1::WatchRequest& request, grpc::ServerContext& context,
                            grpc::ServerWriter<v1::WatchResponse>& writer) {
  EXPECT_TRUE(request.has_snapshot());
  EXPECT_EQ(request.filter().categories(0), "clip");
  v1::WatchResponse message = Message(5);
  message.mutable_created();
  writer.Write(message);
  message.mutable_snapshot_begin();
  writer.Write(message);
  message.mutable_snapshot_end()->set_digest(std::string(16, '\0'));  // Of no documents.
  writer.Write(message);
  message = Message(6);
  v1::WatchEvent* event = message.mutable_events()->add_events();
  event->set_type(v1::EVENT_TYPE_INVALIDATED);
  event->set_category("clip");
  event->set_format(v1::FORMAT_V2);
  event->set_mod_revision(6);
  event->set_etag(std::string(32, 'e'));
  event->add_changed_models("a model");
  event->mutable_commit_time()->set_seconds(1767323045);
  writer.Write(message);
  while (writer.Write(Message(6))) {
  }
  EXPECT_TRUE(context.IsCancelled());
  return absl::OkStatus();
}

TEST_F(ServerCommandsTest, WatchPrintsALinePerEventAndThePositionAtTheEnd) {
  handlers_.watch = &WatchOneChange;
  const CtlResult result = Run({"watch", "clip", "--count", "1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out,
            R"({"kind":"event","epoch":"abababababababababababababababab","revision":6,)"
            R"("type":"EVENT_TYPE_INVALIDATED","category":"clip","format":"FORMAT_V2",)"
            R"("mod_revision":6,"etag":")"
            "6565656565656565656565656565656565656565656565656565656565656565"
            R"(","prev_etag":"","size_bytes":0,"model_count":0,)"
            R"("coalesced":0,"changed_models":["a model"],"keys_truncated":false,)"
            R"("recreated":false,"commit_time":"2026-01-02T03:04:05Z"})"
            "\n");
  EXPECT_TRUE(absl::StrContains(result.err, "last position abababababababababababababababab:"))
      << result.err;
}

TEST_F(ServerCommandsTest, WatchInOtherForms) {
  handlers_.watch = &WatchOneChange;
  EXPECT_EQ(Run({"watch", "clip", "--until", "6", "-o", "plain"}).out,
            "2026-01-02T03:04:05Z\tinvalidated\tclip\tv2\t6\ta model\n");
  runner_.SetTerminal({.out = true, .width = 100});
  const std::string table = Run({"watch", "clip", "--count", "1"}).out;
  EXPECT_TRUE(absl::StartsWith(table, "TIME                      WHAT         CATEGORY")) << table;
  EXPECT_TRUE(absl::StrContains(table, "2026-01-02T03:04:05Z      invalidated  clip")) << table;
}

TEST_F(ServerCommandsTest, WatchHandsEventsToACommand) {
  handlers_.watch = &WatchOneChange;
  TempDir dir;
  const CtlResult result = Run(
      {"watch", "clip", "--count", "1", "--exec",
       absl::StrCat("{ echo $MODELREF_CATEGORY $MODELREF_REVISION; cat; } > ", dir.PathOf("out"))});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(dir.Read("out"), absl::StrCat("clip 6\n", result.out));
}

TEST_F(ServerCommandsTest, WatchEndsInOrderWhenItsTimeIsUpOrItIsInterrupted) {
  handlers_.watch = [](const v1::WatchRequest&, grpc::ServerContext& context,
                       grpc::ServerWriter<v1::WatchResponse>& writer) {
    v1::WatchResponse created = Message(5);
    created.mutable_created();
    while (!context.IsCancelled() && writer.Write(created)) {
    }
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"watch", "--timeout", "50ms"}).code, 0);
  runner_.interrupts().Trigger();
  const CtlResult interrupted = Run({"watch"});
  EXPECT_EQ(interrupted.code, 130);
  EXPECT_EQ(interrupted.out, "");
}

}  // namespace
}  // namespace modelref::ctl
