#include "service/admission.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

bool IsHealthCheck(const CallContext& context) {
  return absl::StartsWith(context.method(), "/grpc.health.");
}

// Of calls that anybody may make where nobody is identified. Who calls is found out only when it is
// asked: for a small read that is a tenth of the work.
class Unidentified final : public CallAttachment {};

std::optional<absl::string_view> TheOnly(const CallContext& context, absl::string_view key,
                                         bool* repeated) {
  const std::vector<absl::string_view> values = context.MetadataValues(key);
  if (values.empty()) return std::nullopt;
  if (values.size() > 1) *repeated = true;
  return values.front();
}

Credentials CredentialsOf(const CallContext& context, const std::string& peer, bool tls) {
  Credentials credentials;
  credentials.peer = PeerKindOf(peer);
  credentials.authorization = TheOnly(context, "authorization", &credentials.repeated);
  credentials.apikey = TheOnly(context, "apikey", &credentials.repeated);
  if (tls) {
    credentials.encrypted = context.is_encrypted();
    credentials.certificate_subject = context.certificate_subject();
    if (!credentials.certificate_subject.empty()) {
      credentials.certificate_pem = context.certificate_pem();
    }
  }
  return credentials;
}

size_t HashOf(const Credentials& credentials) {
  return absl::HashOf(credentials.authorization.value_or(""), credentials.apikey.value_or(""));
}

bool IsWrong(const absl::StatusOr<Caller>& identified) {
  return ReasonOf(identified.status()) == "CREDENTIAL_INVALID";
}

GuessLimits::Outcome OutcomeOf(const absl::StatusOr<Caller>& identified) {
  if (identified.ok()) return GuessLimits::Outcome::kGood;
  return IsWrong(identified) ? GuessLimits::Outcome::kWrong : GuessLimits::Outcome::kNoAnswer;
}

class Gate {
 public:
  explicit Gate(const AdmissionParts& parts) : parts_(parts) {}

  AdmissionOutcome Admit(CallContext& context) const {
    if (!context.is_stream() && !parts_.limits->counts_calls() &&
        parts_.access->IsForAnybody(context.method())) {
      context.Attach(unidentified_);
      return absl::OkStatus();
    }
    const std::string peer = context.peer();
    const Credentials credentials = CredentialsOf(context, peer, parts_.tls);
    std::optional<absl::StatusOr<Caller>> identified =
        parts_.access->Identify(context.method(), credentials);
    if (!identified.has_value()) return Question();
    if (IsWrong(*identified)) {
      RETURN_IF_ERROR(parts_.guesses->CountWrong(peer, HashOf(credentials), SteadyClock::now()));
    }
    return Enter(*std::move(identified), peer, context);
  }

 private:
  AdmissionOutcome Question() const {
    return AdmissionQuestion([this](const CallContext& context, const AdmissionReply& reply) {
      const std::string peer = context.peer();
      const Credentials credentials = CredentialsOf(context, peer, parts_.tls);
      const size_t secret = HashOf(credentials);
      absl::Status may = parts_.guesses->Begin(peer, secret, SteadyClock::now());
      if (!may.ok()) return reply.Decide([may](CallContext&) { return may; });
      // The call and this may be gone when the answer comes; the guess counts all the same.
      parts_.access->Ask(credentials, [this, guesses = parts_.guesses, secret,
                                       reply](const absl::StatusOr<Caller>& identified) {
        guesses->End(secret, OutcomeOf(identified), SteadyClock::now());
        reply.Decide([this, identified](CallContext& waited) {
          return Enter(identified, waited.peer(), waited);
        });
      });
    });
  }

  absl::Status Enter(absl::StatusOr<Caller> identified, const std::string& peer,
                     CallContext& context) const {
    const bool is_counted = !IsHealthCheck(context);
    if (is_counted) {
      // Refused calls too: by who makes them, or by where they come from.
      RETURN_IF_ERROR(parts_.limits->TakeCall(identified.ok() ? *identified : Caller(), peer,
                                              SteadyClock::now()));
    }
    ASSIGN_OR_RETURN(Caller caller, parts_.access->AdmitAs(context.method(), PeerKindOf(peer),
                                                           std::move(identified)));
    std::shared_ptr<const void> place;
    if (is_counted && context.is_stream()) {
      ASSIGN_OR_RETURN(place, parts_.limits->TakeStream(caller, peer));
    }
    context.Attach(std::make_shared<const CallerAttachment>(std::move(caller), std::move(place)));
    return absl::OkStatus();
  }

  const AdmissionParts parts_;
  const std::shared_ptr<const Unidentified> unidentified_ = std::make_shared<const Unidentified>();
};

}  // namespace

Caller CallerOf(const CallContext& context) {
  if (const auto* known = context.Attached<CallerAttachment>()) return known->caller();
  if (context.Attached<Unidentified>() == nullptr) return Caller();
  return AccessControl::UnidentifiedCaller(PeerKindOf(context.peer()));
}

Admission MakeAdmission(const AdmissionParts& parts) {
  return [gate = std::make_shared<const Gate>(parts)](CallContext& context) {
    return gate->Admit(context);
  };
}

StreamReview MakeStreamReview(const AccessControl& access, bool tls) {
  const AdmissionQuestion ask = [&access, tls](const CallContext& context, AdmissionReply reply) {
    Credentials credentials = CredentialsOf(context, context.peer(), tls);
    // Nothing is held up but the call itself, and an upload may be about to change something.
    credentials.patient = true;
    const PeerKind peer = credentials.peer;
    access.Ask(credentials,
               [&access, peer, reply = std::move(reply)](const absl::StatusOr<Caller>& identified) {
                 reply.Decide([&access, peer, identified](CallContext& waited) {
                   return access.ReviewAs(waited.method(), peer, identified);
                 });
               });
  };
  return [&access, tls, ask](const CallContext& context) -> AdmissionOutcome {
    std::optional<absl::Status> right =
        access.Review(context.method(), CredentialsOf(context, context.peer(), tls));
    if (!right.has_value()) return ask;
    return *std::move(right);
  };
}

RefreshPolicy MakeRefreshPolicy(const AccessControl& access) {
  return [&access](const CallContext& context) {
    return access.Require(CallerOf(context), Role::kApprover, "force_refresh");
  };
}

}  // namespace modelref
