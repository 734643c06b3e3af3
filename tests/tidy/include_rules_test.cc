#include "tests/tidy/include_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace modelref::tidy {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What is found in a file with only this line.
std::string Find(const std::string& path, const std::string& line) {
  return Describe(CheckIncludes({path, line + "\n"}));
}

TEST(IncludeRulesTest, TheLeafIncludesOnlyItselfAndTheProtocol) {
  EXPECT_THAT(Find("backends/base/a.h", "#include \"backends/base/b.h\""), IsEmpty());
  EXPECT_THAT(Find("backends/base/a.h", "#include \"modelref/v1/common.pb.h\""), IsEmpty());
  EXPECT_THAT(Find("backends/base/a.h", "#include \"backends/backend.h\""), HasSubstr("must not"));
  EXPECT_THAT(Find("backends/base/a.h", "#include \"service/config.h\""), HasSubstr("must not"));
}

TEST(IncludeRulesTest, BackendsKnowNeitherServiceNorAudit) {
  EXPECT_THAT(Find("backends/caching.cc", "#include \"backends/convert/csv.h\""), IsEmpty());
  EXPECT_THAT(Find("backends/caching.cc", "#include \"audit/event.h\""), HasSubstr("must not"));
  EXPECT_THAT(Find("backends/caching.cc", "#include \"service/config.h\""), HasSubstr("must not"));
  EXPECT_THAT(Find("audit/event.cc", "#include \"backends/backend.h\""), HasSubstr("must not"));
}

TEST(IncludeRulesTest, OnlyTheGrpcBackendUsesTheClient) {
  const std::string line = "#include \"clients/cpp/client.h\"";
  EXPECT_THAT(Find("backends/grpc_backend.cc", line), IsEmpty());
  EXPECT_THAT(Find("service/server.cc", line), IsEmpty());
  EXPECT_THAT(Find("backends/http_backend.cc", line), HasSubstr("must not"));
}

TEST(IncludeRulesTest, ModelrefctlUsesAnythingButTheRpcLayer) {
  EXPECT_THAT(Find("clients/modelrefctl/a.cc", "#include \"service/store/import.h\""), IsEmpty());
  EXPECT_THAT(Find("clients/modelrefctl/a.cc", "#include \"service/rpc/server.h\""),
              HasSubstr("must not"));
}

TEST(IncludeRulesTest, TheClientDoesNotKnowTheServer) {
  EXPECT_THAT(Find("clients/cpp/a.cc", "#include \"service/config.h\""), HasSubstr("must not"));
  EXPECT_THAT(Find("clients/cpp/a.cc", "#include \"backends/backend.h\""), HasSubstr("must not"));
}

TEST(IncludeRulesTest, QueueWatchAuthAndStoreAreFreeOfGrpc) {
  for (const std::string folder : {"queue", "watch", "auth", "store"}) {
    const std::string path = "service/" + folder + "/a.cc";
    EXPECT_THAT(Find(path, "#include <grpcpp/grpcpp.h>"), HasSubstr("belongs to"));
    EXPECT_THAT(Find(path, "#include \"modelref/v1/watch.grpc.pb.h\""), HasSubstr("belongs to"));
    EXPECT_THAT(Find(path, "#include \"service/rpc/reply.h\""), HasSubstr("must not"));
    EXPECT_THAT(Find(path, "#include \"modelref/v1/watch.pb.h\""), IsEmpty());
  }
}

TEST(IncludeRulesTest, GrpcIsForServiceFilesClientsAndTheRpcLayer) {
  const std::string line = "#include <grpcpp/grpcpp.h>";
  for (const std::string path :
       {"service/watch_service.cc", "service/server.cc", "service/grpc_status.h",
        "service/rpc/unary.cc", "clients/cpp/client.cc", "backends/grpc_backend.h"}) {
    EXPECT_THAT(Find(path, line), IsEmpty());
  }
  EXPECT_THAT(Find("service/config.cc", line), HasSubstr("belongs to"));
  EXPECT_THAT(Find("backends/caching.cc", line), HasSubstr("belongs to"));
  EXPECT_THAT(Find("service/watch/hub_service.cc", line), HasSubstr("belongs to"));
}

TEST(IncludeRulesTest, CompletionQueuesStayBehindTheRpcLayer) {
  EXPECT_THAT(Find("service/rpc/loop.cc", "grpc::ServerCompletionQueue* queue;"), IsEmpty());
  EXPECT_THAT(Find("service/watch_service.cc", "grpc::ServerCompletionQueue* queue;"),
              HasSubstr("service/rpc"));
  EXPECT_THAT(Find("service/watch_service.cc", "// a CompletionQueue is not for us"), IsEmpty());
}

TEST(IncludeRulesTest, NetworkLibrariesBelongToBackendsNet) {
  EXPECT_THAT(Find("backends/net/fetch.cc", "#include <curl/curl.h>"), IsEmpty());
  EXPECT_THAT(Find("backends/http_backend.cc", "#include <curl/curl.h>"), HasSubstr("belongs to"));
  EXPECT_THAT(Find("service/config.cc", "#include <hiredis/hiredis.h>"), HasSubstr("belongs to"));
}

TEST(IncludeRulesTest, AuditAndBackendsMeetOnlyInTheStore) {
  const std::string both = "#include \"audit/event.h\"\n#include \"backends/backend.h\"";
  EXPECT_THAT(Find("service/store/committer.cc", both), IsEmpty());
  EXPECT_THAT(Find("service/audit_service.cc", both), HasSubstr("meet only"));
  EXPECT_THAT(Find("service/audit_service.cc",
                   "#include \"audit/event.h\"\n#include \"backends/base/json.h\""),
              IsEmpty());
}

TEST(IncludeRulesTest, NoProgramIncludesTests) {
  EXPECT_THAT(Find("service/server.cc", "#include \"tests/testing/fake_clock.h\""),
              HasSubstr("must not"));
  EXPECT_THAT(Find("tests/service/a_test.cc", "#include \"service/rpc/server.h\""), IsEmpty());
}

}  // namespace
}  // namespace modelref::tidy
