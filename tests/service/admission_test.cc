#include "service/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "tests/service/rpc/rpc_test_server.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

constexpr char kRead[] = "/modelref.v1.ReferenceService/GetModel";
constexpr char kAdmin[] = "/modelref.v1.AdminService/WarmCache";

// Knows "good..." as readers; somebody has to be asked about "ask...", which the test answers; the
// others are wrong.
class FakeIdentities final : public Authenticator {
 public:
  std::optional<absl::StatusOr<Caller>> Identify(const Credentials& credentials) const override {
    if (absl::StartsWith(*credentials.apikey, "good")) return Good(*credentials.apikey);
    if (absl::StartsWith(*credentials.apikey, "ask")) return std::nullopt;
    return absl::StatusOr<Caller>(
        Error(absl::StatusCode::kUnauthenticated, "CREDENTIAL_INVALID", "not known"));
  }
  void Ask(const Credentials& credentials, IdentityCallback done) const override {
    MutexLock lock(&mutex_);
    questions_.emplace(*credentials.apikey, std::move(done));
  }
  static absl::StatusOr<Caller> Good(absl::string_view id) {
    Caller caller;
    caller.id = std::string(id);
    caller.role = Role::kReader;
    caller.source = IdentitySource::kHorde;
    return caller;
  }
  size_t asked() const {
    MutexLock lock(&mutex_);
    return questions_.size();
  }
  void AnswerAll() {
    std::multimap<std::string, IdentityCallback> questions;
    {
      MutexLock lock(&mutex_);
      questions.swap(questions_);
    }
    for (const auto& [id, done] : questions) done(Good(id));
  }

 private:
  mutable Mutex mutex_;
  mutable std::multimap<std::string, IdentityCallback> questions_ ABSL_GUARDED_BY(mutex_);
};

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

  absl::Status Call(const char* method, const std::string& apikey) {
    grpc::ClientContext context;
    context.AddMetadata("apikey", apikey);
    return server_->Call(method, "", &context).status();
  }

  const std::shared_ptr<FakeIdentities> identities_ = std::make_shared<FakeIdentities>();
  const AccessControl access_{AccessOptions()};
  const AccessControl identified_{{identities_, false}};
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

TEST_F(AdmissionByPolicyTest, WhoIsKnownIsServedWhereOthersGuess) {
  Start(MakeAdmission({&identified_, &unlimited_, &guesses_, false}));
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const absl::Status status = Call(kRead, absl::StrCat("guess", i));
    EXPECT_FALSE(status.ok());
    refused += ReasonOf(status) == "RATE_LIMIT";
  }
  EXPECT_GE(refused, 10);
  // Nobody saw it before, and nobody has to be asked.
  EXPECT_THAT(Call(kRead, "good-and-new"), IsOk());
  EXPECT_THAT(Call(kRead, "ask-and-new"), HasReason("RATE_LIMIT"));
  EXPECT_EQ(identities_->asked(), 0u);
}

TEST_F(AdmissionByPolicyTest, GuessesUnderWayCount) {
  Start(MakeAdmission({&identified_, &unlimited_, &guesses_, false}));
  constexpr int kCalls = 100;
  std::atomic<int> good{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.emplace_back([&, i] {
      const absl::Status status = Call(kRead, absl::StrCat("ask", i));
      good += status.ok();
      refused += ReasonOf(status) == "RATE_LIMIT";
    });
  }
  EXPECT_TRUE(Eventually([&] { return refused + identities_->asked() == kCalls; }));
  EXPECT_EQ(identities_->asked(), 64u) << "as many as where nobody guessed wrong";
  const int asked = static_cast<int>(identities_->asked());
  identities_->AnswerAll();
  for (std::thread& call : calls) call.join();
  EXPECT_EQ(good, asked);
  // Good ones gave their guesses back.
  std::thread late([&] { EXPECT_THAT(Call(kRead, "ask-late"), IsOk()); });
  EXPECT_TRUE(Eventually([&] { return identities_->asked() == 1; }));
  identities_->AnswerAll();
  late.join();
}

TEST_F(AdmissionByPolicyTest, RefusedCallsAreCountedAsWell) {
  Start(MakeAdmission({&identified_, &limited_, &guesses_, false}));
  std::map<std::string, int> reasons;
  for (int i = 0; i < 40; ++i) {
    ++reasons[ReasonOf(Call(kRead, "wrong"))];
    ++reasons[ReasonOf(Call(kAdmin, "good"))];
  }
  EXPECT_GE(reasons["CREDENTIAL_INVALID"], 1);
  EXPECT_GE(reasons["ROLE_REQUIRED"], 1);
  EXPECT_GE(reasons["RATE_LIMIT"], 40) << "two of each in a second";
  EXPECT_EQ(limited_.stats().calls_refused, static_cast<uint64_t>(reasons["RATE_LIMIT"]));
  // Others are not hurt by them.
  EXPECT_THAT(Call(kRead, "good-other"), IsOk());
}

}  // namespace
}  // namespace modelref::testing
