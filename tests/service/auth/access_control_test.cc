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

// Knows the bearer tokens "<role>-token" and the api key "worker"; "later" has to be asked for, and
// nobody can say who "nobody" is.
class FakeAuthenticator final : public Authenticator {
 public:
  std::optional<absl::StatusOr<Caller>> Identify(const Credentials& credentials) const override {
    if (credentials.apikey == "later") return std::nullopt;
    if (credentials.apikey == "nobody") {
      return absl::StatusOr<Caller>(
          Error(absl::StatusCode::kUnavailable, "IDENTITY_UNAVAILABLE", "nobody answers"));
    }
    return Known(credentials);
  }
  void Ask(const Credentials&, IdentityCallback done) const override {
    ++asked;
    Caller caller;
    caller.id = "8";
    caller.role = Role::kRequestor;
    caller.source = IdentitySource::kHorde;
    done(caller);
  }

  mutable int asked = 0;

 private:
  static absl::StatusOr<Caller> Known(const Credentials& credentials) {
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

// Of credentials that nobody has to be asked about.
absl::StatusOr<Caller> Admit(const AccessControl& access, absl::string_view method,
                             const Credentials& credentials) {
  const std::optional<absl::StatusOr<Caller>> caller = access.Admit(method, credentials);
  return caller.has_value() ? *caller : absl::StatusOr<Caller>(absl::InternalError("must ask"));
}

// Of a stream about which nobody has to be asked.
absl::Status Review(const AccessControl& access, absl::string_view method,
                    const Credentials& credentials) {
  return access.Review(method, credentials).value_or(absl::InternalError("must ask"));
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
      EXPECT_THAT(Admit(access, row.method, From(peer)), IsOk()) << row.method;
    }
    const absl::StatusOr<Caller> remote = Admit(access, row.method, From(PeerKind::kRemote));
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
  EXPECT_THAT(Admit(access, kWrite, From(PeerKind::kRemote, "Bearer admin-token")),
              HasReason("LOOPBACK_ONLY"));
  EXPECT_THAT(Admit(access, kRead, From(PeerKind::kRemote, "Bearer nonsense")), IsOk());
}

TEST(AccessControlTest, ForceRefreshFollowsTheSameRules) {
  const AccessControl off({});
  ASSERT_OK_AND_ASSIGN(const Caller local, Admit(off, kRead, From(PeerKind::kLoopback)));
  ASSERT_OK_AND_ASSIGN(const Caller remote, Admit(off, kRead, From(PeerKind::kRemote)));
  EXPECT_THAT(off.Require(local, Role::kApprover, "force_refresh"), IsOk());
  EXPECT_THAT(off.Require(remote, Role::kApprover, "force_refresh"), HasReason("LOOPBACK_ONLY"));

  const AccessControl on = WithIdentities();
  ASSERT_OK_AND_ASSIGN(const Caller reader,
                       Admit(on, kRead, From(PeerKind::kUnix, "Bearer reader-token")));
  EXPECT_THAT(on.Require(reader, Role::kApprover, "force_refresh"), HasReason("ROLE_REQUIRED"));
}

TEST(AccessControlTest, WithIdentitiesEveryMethodNeedsItsRoleWhereverThePeerIs) {
  const AccessControl access = WithIdentities(true);
  for (const PolicyRow& row : PolicyTable()) {
    for (const Role held : {Role::kReader, Role::kRequestor, Role::kApprover, Role::kAdmin}) {
      const std::string token = "Bearer " + std::string(RoleName(held)) + "-token";
      for (const PeerKind peer : {PeerKind::kUnix, PeerKind::kRemote}) {
        const absl::StatusOr<Caller> caller = Admit(access, row.method, From(peer, token));
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
  EXPECT_THAT(Admit(access, kRead, From(PeerKind::kRemote)), IsOk());
  const absl::StatusOr<Caller> refused = Admit(access, kWrite, From(PeerKind::kLoopback));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(refused, HasReason("CREDENTIAL_MISSING"));
  EXPECT_EQ(ExtrasOf(refused.status()).metadata.at("role"), "requestor");
}

TEST(AccessControlTest, ABadCredentialIsRefusedEvenForReading) {
  const AccessControl access = WithIdentities();
  EXPECT_THAT(Admit(access, kRead, From(PeerKind::kUnix, "Bearer secret")),
              HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(Admit(access, kHealth, From(PeerKind::kRemote, "Bearer secret")), IsOk());
}

TEST(AccessControlTest, SecretsOverPlaintextFromElsewhereAreRefusedUnlessAllowed) {
  Credentials credentials = From(PeerKind::kRemote, "Bearer admin-token");
  EXPECT_THAT(Admit(WithIdentities(), kWrite, credentials), HasReason("PLAINTEXT_CREDENTIAL"));
  EXPECT_THAT(Admit(WithIdentities(), kRead, credentials), HasReason("PLAINTEXT_CREDENTIAL"));
  EXPECT_THAT(Admit(WithIdentities(true), kWrite, credentials), IsOk());
  credentials.encrypted = true;
  EXPECT_THAT(Admit(WithIdentities(), kWrite, credentials), IsOk());
}

TEST(AccessControlTest, TheCallerKeepsTheRealPeer) {
  Credentials credentials;
  credentials.peer = PeerKind::kRemote;
  credentials.apikey = "worker";
  credentials.encrypted = true;
  ASSERT_OK_AND_ASSIGN(const Caller caller, Admit(WithIdentities(), kRead, credentials));
  EXPECT_EQ(caller.peer, PeerKind::kRemote);
  EXPECT_EQ(caller.id, "7");
  EXPECT_THAT(Admit(WithIdentities(), kWrite, credentials), HasReason("ROLE_REQUIRED"));
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
    EXPECT_THAT(Admit(off, row.method, From(PeerKind::kRemote)), IsOk()) << row.method;
  }
  EXPECT_GT(open, 10);
  EXPECT_FALSE(off.IsForAnybody(kWrite));
  EXPECT_FALSE(off.IsForAnybody("/modelref.v1.ReferenceService/Unknown"));
}

TEST(AccessControlTest, AnUnidentifiedCallerIsWhatAdmitMakesOfIt) {
  const AccessControl off({});
  for (const PeerKind peer : {PeerKind::kUnix, PeerKind::kLoopback, PeerKind::kRemote}) {
    const absl::StatusOr<Caller> admitted = Admit(off, kRead, From(peer));
    ASSERT_THAT(admitted, IsOk());
    const Caller caller = AccessControl::UnidentifiedCaller(peer);
    EXPECT_EQ(caller.role, admitted->role);
    EXPECT_EQ(caller.peer, admitted->peer);
    EXPECT_EQ(caller.source, admitted->source);
  }
}

TEST(AccessControlTest, MethodsWithoutARowAreRefusedEvenLocally) {
  EXPECT_THAT(Admit(AccessControl({}), "/modelref.v1.X/Y", From(PeerKind::kUnix)),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(AccessControlTest, WhoHasToBeAskedForIsAdmittedByTheAnswer) {
  const auto authenticator = std::make_shared<FakeAuthenticator>();
  const AccessControl access({authenticator, false});
  Credentials credentials = From(PeerKind::kUnix);
  credentials.apikey = "later";
  EXPECT_EQ(access.Admit(kWrite, credentials), std::nullopt);
  absl::StatusOr<Caller> answer = absl::UnknownError("not asked");
  access.Ask(credentials, [&answer](absl::StatusOr<Caller> caller) { answer = std::move(caller); });
  ASSERT_OK_AND_ASSIGN(const Caller caller, access.AdmitAs(kWrite, PeerKind::kUnix, answer));
  EXPECT_EQ(caller.id, "8");
  EXPECT_EQ(caller.peer, PeerKind::kUnix);
  EXPECT_THAT(access.AdmitAs("/modelref.v1.AdminService/WarmCache", PeerKind::kUnix, answer),
              HasReason("ROLE_REQUIRED"));
  EXPECT_THAT(access.AdmitAs(kRead, PeerKind::kUnix, absl::UnavailableError("no answer")),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(access.AdmitAs("/modelref.v1.X/Y", PeerKind::kUnix, answer),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(AccessControlTest, NobodyIsAskedAboutAHealthCheck) {
  Credentials credentials = From(PeerKind::kRemote);
  credentials.apikey = "later";
  EXPECT_THAT(Admit(WithIdentities(), kHealth, credentials), IsOk());
}

TEST(AccessControlTest, AStreamGoesOnWhileItsCallerMayOpenIt) {
  const AccessControl access = WithIdentities();
  EXPECT_THAT(Review(access, kRead, From(PeerKind::kUnix)), IsOk());
  EXPECT_THAT(Review(access, kWrite, From(PeerKind::kUnix, "Bearer requestor-token")), IsOk());
  EXPECT_THAT(Review(access, kWrite, From(PeerKind::kUnix, "Bearer reader-token")),
              HasReason("ROLE_REQUIRED"));
  EXPECT_THAT(Review(access, kRead, From(PeerKind::kUnix, "Bearer revoked")),
              HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(Review(AccessControl({}), kRead, From(PeerKind::kRemote, "Bearer x")), IsOk());
}

TEST(AccessControlTest, AnIdentityThatNobodyCanConfirmEndsOnlyWhatAReaderMayNotDo) {
  Credentials credentials = From(PeerKind::kUnix);
  credentials.apikey = "nobody";
  EXPECT_THAT(Review(WithIdentities(), kRead, credentials), IsOk());
  EXPECT_THAT(Review(WithIdentities(), kWrite, credentials), HasReason("IDENTITY_UNAVAILABLE"));
  EXPECT_THAT(Admit(WithIdentities(), kRead, credentials), HasReason("IDENTITY_UNAVAILABLE"));
}

TEST(AccessControlTest, AReviewThatHasToAskIsDecidedByTheAnswer) {
  const auto authenticator = std::make_shared<FakeAuthenticator>();
  const AccessControl access({authenticator, false});
  Credentials credentials = From(PeerKind::kUnix);
  credentials.apikey = "later";
  EXPECT_EQ(access.Review(kWrite, credentials), std::nullopt);
  EXPECT_EQ(authenticator->asked, 0) << "who asks waits for the answer";
  Caller caller;
  caller.source = IdentitySource::kHorde;
  caller.role = Role::kRequestor;
  EXPECT_THAT(access.ReviewAs(kWrite, PeerKind::kUnix, caller), IsOk());
  caller.role = Role::kReader;
  EXPECT_THAT(access.ReviewAs(kWrite, PeerKind::kUnix, caller), HasReason("ROLE_REQUIRED"));
  EXPECT_THAT(access.ReviewAs(kRead, PeerKind::kUnix, caller), IsOk());
  const absl::Status refused = absl::UnauthenticatedError("taken back");
  EXPECT_EQ(access.ReviewAs(kRead, PeerKind::kUnix, refused), refused);
  const absl::Status silent = absl::UnavailableError("nobody answers");
  EXPECT_THAT(access.ReviewAs(kRead, PeerKind::kUnix, silent), IsOk());
  EXPECT_EQ(access.ReviewAs(kWrite, PeerKind::kUnix, silent), silent);
}

}  // namespace
}  // namespace modelref
