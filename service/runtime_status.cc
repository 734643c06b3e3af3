#include "service/runtime_status.h"

#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

constexpr absl::Duration kTellOfExpiry = absl::Hours(14 * 24);

void CollectTls(const TlsReloader::Status& tls, MetricsPage* page) {
  page->Add("modelref_tls_certificate_expires_seconds", kGauge,
            "The first end of the certificates in use, since the epoch.", {},
            absl::ToDoubleSeconds(tls.expires - absl::UnixEpoch()));
  page->Add("modelref_tls_loads_total", kCounter, "Times that the files were taken into use.", {},
            tls.loads);
  page->Add("modelref_tls_load_failures_total", kCounter, "New files that could not be used.", {},
            tls.failures);
}

void CollectIdentities(const IdentityStatus& identities, MetricsPage* page) {
  if (identities.tokens.has_value()) {
    page->Add("modelref_tokens", kGauge, "Tokens of the tokens file in use.", {},
              uint64_t{identities.tokens->tokens});
    page->Add("modelref_tokens_loads_total", kCounter, "Times that other tokens came into use.", {},
              identities.tokens->loads);
    page->Add("modelref_tokens_load_failures_total", kCounter,
              "New tokens files that could not be used.", {}, identities.tokens->failures);
  }
  if (!identities.horde.has_value()) return;
  page->Add("modelref_horde_questions_total", kCounter, "Questions to AI-Horde about callers.", {},
            identities.horde->questions);
  page->Add("modelref_horde_failures_total", kCounter, "Those without a usable answer.", {},
            identities.horde->failures);
  page->Add("modelref_horde_users", kGauge, "Users whose answers are kept.", {},
            uint64_t{identities.horde->users});
}

void CollectWatchdog(const Watchdog::Status& watchdog, MetricsPage* page) {
  page->Add("modelref_self_probes_total", kCounter, "Calls of the server to itself.", {},
            watchdog.probes);
  page->Add("modelref_self_probe_failures_total", kCounter, "Those that failed.", {},
            watchdog.failures);
  page->Add("modelref_self_probe_ok", kGauge, "1 while the last one succeeded.", {},
            uint64_t{watchdog.failure.ok()});
  page->Add("modelref_self_probe_seconds", kGauge, "How long the last one took.", {},
            absl::ToDoubleSeconds(watchdog.last_took));
  page->Add("modelref_memory_short", kGauge, "1 while more memory is used than may be.", {},
            uint64_t{watchdog.memory_short});
}

}  // namespace

void CollectRuntime(const RuntimeStatus& status, MetricsPage* page) {
  page->Add("modelref_caller_streams_refused_total", kCounter,
            "Streams refused because the caller had enough.", {}, status.callers.streams_refused);
  page->Add("modelref_caller_calls_refused_total", kCounter,
            "Calls refused because the caller made too many.", {}, status.callers.calls_refused);
  page->Add("modelref_caller_guesses_refused_total", kCounter,
            "Calls refused because their address had sent too many unknown credentials.", {},
            status.guesses_refused);
  CollectIdentities(status.identities, page);
  if (status.tls.has_value()) CollectTls(*status.tls, page);
  if (status.watchdog.has_value()) CollectWatchdog(*status.watchdog, page);
}

std::vector<std::string> RuntimeFailures(const RuntimeStatus& status, absl::Time now) {
  std::vector<std::string> failures;
  const IdentityStatus& identities = status.identities;
  if (identities.tokens.has_value() && !identities.tokens->failure.ok()) {
    failures.push_back(
        absl::StrCat("auth: the new tokens are not used: ", identities.tokens->failure.message()));
  }
  if (identities.horde.has_value() && !identities.horde->answering) {
    failures.push_back("auth: AI-Horde does not answer");
  }
  if (status.tls.has_value()) {
    if (!status.tls->failure.ok()) {
      failures.push_back(
          absl::StrCat("tls: the new files are not used: ", status.tls->failure.message()));
    }
    if (status.tls->expires - now < kTellOfExpiry) {
      const bool past = status.tls->expires <= now;
      failures.push_back(absl::StrCat(
          "tls: the certificate ", past ? "expired at " : "expires at ",
          absl::FormatTime(absl::RFC3339_sec, status.tls->expires, absl::UTCTimeZone())));
    }
  }
  if (!status.watchdog.has_value()) return failures;
  if (!status.watchdog->failure.ok()) {
    failures.push_back(absl::StrCat("self-probe: failed ", status.watchdog->failing_for,
                                    " times in a row: ", status.watchdog->failure.message()));
  }
  if (status.watchdog->memory_short) {
    failures.push_back("memory: more is used than limits.memory_percent allows");
  }
  return failures;
}

}  // namespace modelref
