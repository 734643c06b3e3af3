#pragma once

#include <memory>
#include <utility>

#include "service/auth/access_control.h"
#include "service/caller_limits.h"
#include "service/catalogue.h"
#include "service/guess_limits.h"
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

// What decides about calls; all of it must outlive the server and whoever is asked for callers.
struct AdmissionParts {
  const AccessControl* access = nullptr;
  CallerLimits* limits = nullptr;
  GuessLimits* guesses = nullptr;
  bool tls = false;  // Connections may be encrypted and have certificates.
};

// Lets calls pass as the parts decide, and attaches who calls. Waits for whoever has to be asked
// who calls. Health checks are not limited.
Admission MakeAdmission(const AdmissionParts& parts);

// Streams and uploads go on while their caller may open them (AccessControl::Review), and wait for
// whoever has to be asked.
StreamReview MakeStreamReview(const AccessControl& access, bool tls);

// force_refresh needs an approver.
RefreshPolicy MakeRefreshPolicy(const AccessControl& access);

}  // namespace modelref
