#include "service/auth/access_control.h"

#include <gtest/gtest.h>

#include <memory>

#include "backends/base/error.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::HasReason;
using testing::IsOk;
using testing::StatusIs;

constexpr char kRead[] = "/modelref.v1.ReferenceService/GetModel";
constexpr char kWrite[] = "/modelref.v1.WriteService/PutModel";
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";

// Knows the bearer tokens "<role>-token" and the api key "worker".
class FakeAuthenticator final : public Authenticator {
 public:
  absl::StatusOr<Caller> Identify(const Credentials& credentials) const override {
    Caller caller;
    caller.id = "7";
    caller.source = IdentitySource::kToken;
    caller.peer = PeerKind::kUnix;  // To be ignored.
    if (credentials.apikey == "worker") caller.role = Role::kWorker;
    for (const Role role : {Role::kReader, Role::kRequestor, Role::kApprover, Role::kAdmin}) {
      const std::string token = "Bearer " + std::string(RoleName(role)) + "-token";
      if (credentials.authorization == token) caller.role = role;
    }
    if (caller.role != Role::kNone) return caller;
    return Error(absl::StatusCode::kUnauthenticated, "CREDENTIAL_INVALID", "unknown credential");
  }
};

AccessControl WithIdentities(bool allow_plaintext = false) {
  return AccessControl({std::make_shared<FakeAuthenticator>(), allow_plaintext});
}

Credentials From(PeerKind peer, std::optional<absl::string_view> authorization = std::nullopt) {
  Credentials credentials;
  credentials.peer = peer;
  credentials.authorization = authorization;
  return credentials;
}

TEST(AccessControlTest, WithoutIdentitiesRemotePeersReadAndNothingElse) {
  const AccessControl access({});
  for (const PolicyRow& row : PolicyTable()) {
    for (const PeerKind peer : {PeerKind::kUnix, PeerKind::kLoopback}) {
      EXPECT_THAT(access.Admit(row.method, From(peer)), IsOk()) << row.method;
    }
    const absl::StatusOr<Caller> remote = access.Admit(row.method, From(PeerKind::kRemote));
    if (Includes(Role::kReader, row.role)) {
      EXPECT_THAT(remote, IsOk()) << row.method;
    } else {
      EXPECT_THAT(remote, StatusIs(absl::StatusCode::kPermissionDenied)) << row.method;
      EXPECT_THAT(remote, HasReason("LOOPBACK_ONLY")) << row.method;
    }
  }
}

TEST(AccessControlTest, WithoutIdentitiesCredentialsChangeNothing) {
  const AccessControl access({});
  EXPECT_THAT(access.Admit(kWrite, From(PeerKind::kRemote, "Bearer admin-token")),
              HasReason("LOOPBACK_ONLY"));
  EXPECT_THAT(access.Admit(kRead, From(PeerKind::kRemote, "Bearer nonsense")), IsOk());
}

TEST(AccessControlTest, ForceRefreshFollowsTheSameRules) {
  const AccessControl off({});
  ASSERT_OK_AND_ASSIGN(const Caller local, off.Admit(kRead, From(PeerKind::kLoopback)));
  ASSERT_OK_AND_ASSIGN(const Caller remote, off.Admit(kRead, From(PeerKind::kRemote)));
  EXPECT_THAT(off.Require(local, Role::kApprover, "force_refresh"), IsOk());
  EXPECT_THAT(off.Require(remote, Role::kApprover, "force_refresh"), HasReason("LOOPBACK_ONLY"));

  const AccessControl on = WithIdentities();
  ASSERT_OK_AND_ASSIGN(const Caller reader,
                       on.Admit(kRead, From(PeerKind::kUnix, "Bearer reader-token")));
  EXPECT_THAT(on.Require(reader, Role::kApprover, "force_refresh"), HasReason("ROLE_REQUIRED"));
}

TEST(AccessControlTest, WithIdentitiesEveryMethodNeedsItsRoleWhereverThePeerIs) {
  const AccessControl access = WithIdentities(true);
  for (const PolicyRow& row : PolicyTable()) {
    for (const Role held : {Role::kReader, Role::kRequestor, Role::kApprover, Role::kAdmin}) {
      const std::string token = "Bearer " + std::string(RoleName(held)) + "-token";
      for (const PeerKind peer : {PeerKind::kUnix, PeerKind::kRemote}) {
        const absl::StatusOr<Caller> caller = access.Admit(row.method, From(peer, token));
        EXPECT_EQ(caller.ok(), Includes(held, row.role)) << row.method << " as " << token;
        if (!caller.ok()) {
          EXPECT_THAT(caller, HasReason("ROLE_REQUIRED")) << row.method;
        }
      }
    }
  }
}

TEST(AccessControlTest, WithIdentitiesAnAnonymousCallerReadsAndIsAskedForACredentialOtherwise) {
  const AccessControl access = WithIdentities();
  EXPECT_THAT(access.Admit(kRead, From(PeerKind::kRemote)), IsOk());
  const absl::StatusOr<Caller> refused = access.Admit(kWrite, From(PeerKind::kLoopback));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(refused, HasReason("CREDENTIAL_MISSING"));
  EXPECT_EQ(ExtrasOf(refused.status()).metadata.at("role"), "requestor");
}

TEST(AccessControlTest, ABadCredentialIsRefusedEvenForReading) {
  const AccessControl access = WithIdentities();
  EXPECT_THAT(access.Admit(kRead, From(PeerKind::kUnix, "Bearer secret")),
              HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(access.Admit(kHealth, From(PeerKind::kRemote, "Bearer secret")), IsOk());
}

TEST(AccessControlTest, SecretsOverPlaintextFromElsewhereAreRefusedUnlessAllowed) {
  Credentials credentials = From(PeerKind::kRemote, "Bearer admin-token");
  EXPECT_THAT(WithIdentities().Admit(kWrite, credentials), HasReason("PLAINTEXT_CREDENTIAL"));
  EXPECT_THAT(WithIdentities().Admit(kRead, credentials), HasReason("PLAINTEXT_CREDENTIAL"));
  EXPECT_THAT(WithIdentities(true).Admit(kWrite, credentials), IsOk());
  credentials.encrypted = true;
  EXPECT_THAT(WithIdentities().Admit(kWrite, credentials), IsOk());
}

TEST(AccessControlTest, TheCallerKeepsTheRealPeer) {
  Credentials credentials;
  credentials.peer = PeerKind::kRemote;
  credentials.apikey = "worker";
  credentials.encrypted = true;
  ASSERT_OK_AND_ASSIGN(const Caller caller, WithIdentities().Admit(kRead, credentials));
  EXPECT_EQ(caller.peer, PeerKind::kRemote);
  EXPECT_EQ(caller.id, "7");
  EXPECT_THAT(WithIdentities().Admit(kWrite, credentials), HasReason("ROLE_REQUIRED"));
}

// What is not asked of the peer must be what Admit would have said to the remotest of them.
TEST(AccessControlTest, OnlyWhatEverybodyMayDoIsForAnybody) {
  const AccessControl off({});
  const AccessControl on = WithIdentities();
  int open = 0;
  for (const PolicyRow& row : PolicyTable()) {
    EXPECT_FALSE(on.IsForAnybody(row.method)) << row.method;
    if (!off.IsForAnybody(row.method)) continue;
    ++open;
    EXPECT_THAT(off.Admit(row.method, From(PeerKind::kRemote)), IsOk()) << row.method;
  }
  EXPECT_GT(open, 10);
  EXPECT_FALSE(off.IsForAnybody(kWrite));
  EXPECT_FALSE(off.IsForAnybody("/modelref.v1.ReferenceService/Unknown"));
}

TEST(AccessControlTest, AnUnidentifiedCallerIsWhatAdmitMakesOfIt) {
  const AccessControl off({});
  for (const PeerKind peer : {PeerKind::kUnix, PeerKind::kLoopback, PeerKind::kRemote}) {
    const absl::StatusOr<Caller> admitted = off.Admit(kRead, From(peer));
    ASSERT_THAT(admitted, IsOk());
    const Caller caller = AccessControl::UnidentifiedCaller(peer);
    EXPECT_EQ(caller.role, admitted->role);
    EXPECT_EQ(caller.peer, admitted->peer);
    EXPECT_EQ(caller.source, admitted->source);
  }
}

TEST(AccessControlTest, MethodsWithoutARowAreRefusedEvenLocally) {
  EXPECT_THAT(AccessControl({}).Admit("/modelref.v1.X/Y", From(PeerKind::kUnix)),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

}  // namespace
}  // namespace modelref
