#pragma once

#include <memory>
#include <utility>

#include "service/auth/access_control.h"
#include "service/caller_limits.h"
#include "service/catalogue.h"
#include "service/rpc/server_options.h"

namespace modelref {

// The caller of an admitted call, as admission attached it, and its place among the caller's
// streams.
class CallerAttachment final : public CallAttachment {
 public:
  explicit CallerAttachment(Caller caller, std::shared_ptr<const void> place = nullptr)
      : caller_(std::move(caller)), place_(std::move(place)) {}
  const Caller& caller() const { return caller_; }

 private:
  const Caller caller_;
  const std::shared_ptr<const void> place_;
};

// The caller of a call that passed MakeAdmission; one without any role otherwise.
Caller CallerOf(const CallContext& context);

// Lets calls pass as `access` and `limits` decide, which must outlive the server, and attaches who
// calls. Health checks are not limited. `tls`: connections may be encrypted and have certificates.
Admission MakeAdmission(const AccessControl& access, CallerLimits& limits, bool tls);

// force_refresh needs an approver.
RefreshPolicy MakeRefreshPolicy(const AccessControl& access);

}  // namespace modelref
