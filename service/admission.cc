#include "service/admission.h"

#include <memory>

#include "absl/strings/match.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

bool IsHealthCheck(const CallContext& context) {
  return absl::StartsWith(context.method(), "/grpc.health.");
}

// Of calls that anybody may make where nobody is identified. Who calls is found out only when it is
// asked: for a small read that is a tenth of the work.
class Unidentified final : public CallAttachment {};

}  // namespace

Caller CallerOf(const CallContext& context) {
  if (const auto* known = context.Attached<CallerAttachment>()) return known->caller();
  if (context.Attached<Unidentified>() == nullptr) return Caller();
  return AccessControl::UnidentifiedCaller(PeerKindOf(context.peer()));
}

Admission MakeAdmission(const AccessControl& access, CallerLimits& limits, bool tls) {
  const auto unidentified = std::make_shared<const Unidentified>();
  return [&access, &limits, tls, unidentified](CallContext& context) -> absl::Status {
    if (!context.is_stream() && !limits.counts_calls() && access.IsForAnybody(context.method())) {
      context.Attach(unidentified);
      return absl::OkStatus();
    }
    Credentials credentials;
    const std::string peer = context.peer();
    credentials.peer = PeerKindOf(peer);
    credentials.authorization = context.Metadata("authorization");
    credentials.apikey = context.Metadata("apikey");
    if (tls) {
      credentials.encrypted = context.is_encrypted();
      credentials.certificate_subject = context.certificate_subject();
    }
    ASSIGN_OR_RETURN(Caller caller, access.Admit(context.method(), credentials));
    std::shared_ptr<const void> place;
    if (!IsHealthCheck(context)) {
      RETURN_IF_ERROR(limits.TakeCall(caller, peer, SteadyClock::now()));
      if (context.is_stream()) {
        ASSIGN_OR_RETURN(place, limits.TakeStream(caller, peer));
      }
    }
    context.Attach(std::make_shared<const CallerAttachment>(std::move(caller), std::move(place)));
    return absl::OkStatus();
  };
}

RefreshPolicy MakeRefreshPolicy(const AccessControl& access) {
  return [&access](const CallContext& context) {
    return access.Require(CallerOf(context), Role::kApprover, "force_refresh");
  };
}

}  // namespace modelref
