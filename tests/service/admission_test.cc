#include "service/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/service/rpc/rpc_test_server.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

constexpr char kRead[] = "/modelref.v1.ReferenceService/GetModel";
constexpr char kAdmin[] = "/modelref.v1.AdminService/WarmCache";

// A server whose handlers answer who calls: "role peer".
class AdmissionByPolicyTest : public ::testing::Test {
 protected:
  void Start(const Admission& admission) {
    server_ = std::make_unique<TestServer>(
        [](MethodTable* table) {
          for (const char* method : {kRead, kAdmin}) {
            AddText(table, method, [](const CallContext& context, const std::string&) {
              const Caller caller = CallerOf(context);
              return absl::StatusOr<std::string>(absl::StrCat(
                  RoleName(caller.role), caller.peer == PeerKind::kLoopback ? " local" : ""));
            });
          }
        },
        [&](RpcServerOptions* options) { options->admission = admission; });
  }

  const AccessControl access_{AccessOptions()};
  CallerLimits unlimited_{CallerLimits::Options()};
  CallerLimits limited_{{.streams_per_caller = 1, .calls_per_second = 2}};
  GuessLimits guesses_{GuessLimits::Options()};
  std::unique_ptr<TestServer> server_;
};

TEST_F(AdmissionByPolicyTest, TheCallerOfAnOpenCallIsKnownWhenItIsAsked) {
  Start(MakeAdmission({&access_, &unlimited_, &guesses_, false}));
  EXPECT_EQ(server_->Call(kRead, "").value_or("none"), "admin local");
  EXPECT_EQ(server_->Call(kAdmin, "").value_or("none"), "admin local");
}

TEST_F(AdmissionByPolicyTest, NobodyAdmittedHasNoRole) {
  Start(nullptr);
  EXPECT_EQ(server_->Call(kRead, "").value_or("error"), absl::StrCat(RoleName(Role::kNone)));
}

TEST_F(AdmissionByPolicyTest, CallsAreCountedWhereTheyAreLimited) {
  Start(MakeAdmission({&access_, &limited_, &guesses_, false}));
  EXPECT_THAT(server_->Call(kRead, ""), IsOk());
  EXPECT_THAT(server_->Call(kRead, ""), IsOk());
  int refused = 0;
  for (int i = 0; i < 20; ++i) refused += !server_->Call(kRead, "").ok();
  EXPECT_GT(refused, 0);
  EXPECT_EQ(limited_.stats().calls_refused, static_cast<uint64_t>(refused));
}

}  // namespace
}  // namespace modelref::testing
