#pragma once

#include <utility>

#include "service/auth/access_control.h"
#include "service/catalogue.h"
#include "service/rpc/server_options.h"

namespace modelref {

// The caller of an admitted call, as admission attached it.
class CallerAttachment final : public CallAttachment {
 public:
  explicit CallerAttachment(Caller caller) : caller_(std::move(caller)) {}
  const Caller& caller() const { return caller_; }

 private:
  const Caller caller_;
};

// The caller of a call that passed MakeAdmission.
const Caller& CallerOf(const CallContext& context);

// Lets calls pass as `access`, which must outlive the server, decides, and attaches who calls.
Admission MakeAdmission(const AccessControl& access);

// force_refresh needs an approver.
RefreshPolicy MakeRefreshPolicy(const AccessControl& access);

}  // namespace modelref
