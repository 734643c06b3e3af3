#include "service/auth/identity_sources.h"

#include <utility>

#include "absl/strings/match.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

absl::StatusOr<Caller> HordeCaller(const HordeLookup::Answer& user, const CallerRoles& roles) {
  if (!user.ok()) return user.status();
  Caller caller;
  caller.id = user->id;
  caller.name = user->name;
  caller.role = roles.Of(caller.id);
  caller.source = IdentitySource::kHorde;
  return caller;
}

}  // namespace

IdentitySources::IdentitySources(Sources sources) : sources_(std::move(sources)) {}

std::optional<absl::StatusOr<Caller>> IdentitySources::Identify(
    const Credentials& credentials) const {
  if (!credentials.has_secret()) return ByCertificate(credentials);
  const absl::StatusOr<Secret> secret = SecretOf(credentials);
  if (!secret.ok()) return absl::StatusOr<Caller>(secret.status());
  return BySecret(*secret);
}

std::optional<absl::StatusOr<Caller>> IdentitySources::BySecret(const Secret& secret) const {
  if (sources_.tokens != nullptr) {
    if (auto caller = sources_.tokens->Find(secret.text); caller.has_value()) return caller;
  }
  if (!MayAskHorde(secret)) return absl::StatusOr<Caller>(UnknownCredential());
  const std::optional<HordeLookup::Answer> user = sources_.horde->Find(secret.text);
  if (!user.has_value()) return std::nullopt;
  return HordeCaller(*user, *sources_.roles);
}

void IdentitySources::Ask(const Credentials& credentials, IdentityCallback done) const {
  const absl::StatusOr<Secret> secret = SecretOf(credentials);
  if (!secret.ok()) return done(secret.status());
  if (!MayAskHorde(*secret)) return done(UnknownCredential());
  sources_.horde->Ask(
      secret->text,
      [roles = sources_.roles, done = std::move(done)](const HordeLookup::Answer& user) {
        done(HordeCaller(user, *roles));
      },
      credentials.patient);
}

// A bearer token is nobody's business but ours, and so is a token that came as an API key.
bool IdentitySources::MayAskHorde(const Secret& secret) const {
  return sources_.horde != nullptr && secret.kind == Secret::Kind::kApiKey &&
         !absl::StartsWith(secret.text, kTokenPrefix);
}

absl::StatusOr<Caller> IdentitySources::ByCertificate(const Credentials& credentials) const {
  Caller caller;
  caller.role = Role::kReader;
  // Certificates that are no source only open the connection.
  if (!sources_.certificates) return caller;
  caller.expires = certificate_ends_.Of(credentials.certificate_pem);
  if (caller.expires <= sources_.clock->TimeNow()) {
    return Error(absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED",
                 "the client certificate has expired");
  }
  caller.id = credentials.certificate_subject;
  caller.name = caller.id;
  caller.role = sources_.roles->Of(caller.id);
  caller.source = IdentitySource::kCertificate;
  return caller;
}

}  // namespace modelref
