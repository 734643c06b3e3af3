#include "service/admission.h"

#include <memory>

namespace modelref {

const Caller& CallerOf(const CallContext& context) {
  static const Caller* const nobody = new Caller;
  const auto* attachment = context.Attached<CallerAttachment>();
  return attachment == nullptr ? *nobody : attachment->caller();
}

Admission MakeAdmission(const AccessControl& access) {
  return [&access](CallContext& context) -> absl::Status {
    Credentials credentials;
    const std::string peer = context.peer();
    credentials.peer = PeerKindOf(peer);
    credentials.authorization = context.Metadata("authorization");
    credentials.apikey = context.Metadata("apikey");
    absl::StatusOr<Caller> caller = access.Admit(context.method(), credentials);
    if (!caller.ok()) return caller.status();
    context.Attach(std::make_shared<const CallerAttachment>(*std::move(caller)));
    return absl::OkStatus();
  };
}

RefreshPolicy MakeRefreshPolicy(const AccessControl& access) {
  return [&access](const CallContext& context) {
    return access.Require(CallerOf(context), Role::kApprover, "force_refresh");
  };
}

}  // namespace modelref
