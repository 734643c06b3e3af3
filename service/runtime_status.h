#pragma once

// How the server itself fares: limits, certificate, self-probe.

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "service/caller_limits.h"
#include "service/identities.h"
#include "service/metrics.h"
#include "service/rpc/tls_reloader.h"
#include "service/watchdog.h"

namespace modelref {

struct RuntimeStatus {
  CallerLimits::Stats callers;
  uint64_t guesses_refused = 0;  // GuessLimits.
  IdentityStatus identities;
  std::optional<TlsReloader::Status> tls;  // None in plaintext.
  std::optional<Watchdog::Status> watchdog;
};

// modelref_caller_*, modelref_tokens_*, modelref_horde_*, modelref_tls_*, modelref_self_probe_*,
// modelref_memory_short.
void CollectRuntime(const RuntimeStatus& status, MetricsPage* page);

// What is not as it should be, as lines for people; none when all is well. A certificate is told of
// from two weeks before its end.
std::vector<std::string> RuntimeFailures(const RuntimeStatus& status, absl::Time now);

}  // namespace modelref
