#pragma once

// The lines of audit segments: compact JSON in ASCII, keys in the original's order, and behind them
// what only we write. A line of ours ends in its seal:
//
//   {"event_id":7,"timestamp":…,…,"payload":{…},"removed":[…],"txn":7,"time_us":…,"chain":"…"}
//
// so that txn and chain are found without parsing the rest. Lines are without their line end here.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "audit/event.h"
#include "backends/base/digest.h"
#include "backends/base/json.h"

namespace modelref {

// Of the values within lines: a record's 64 levels and what is around them. Python writes NaN.
inline constexpr JsonLimits kAuditJsonLimits = {.depth = 72, .allow_nan_and_infinity = true};

// Everything up to the chain; of an event without `txn` exactly the original's line. Keys whose
// value is not set are left out.
std::string EncodeAuditLine(const AuditEvent& event);

// Reads lines of ours and of the original, those with an omitted null side included. Keys that are
// not known are skipped.
//   INVALID_ARGUMENT  no such line; the message says why.
absl::StatusOr<AuditEvent> ParseAuditLine(absl::string_view line);

// What the ends of a line of ours say.
struct AuditSeal {
  uint64_t event_id = 0;
  uint64_t txn = 0;
  Sha256Digest chain{};
  absl::string_view covered;  // The line up to `,"chain"`: what its chain value covers of it.
};

// Nullopt for a line that is not ours, whether it can be read or not.
std::optional<AuditSeal> FindAuditSeal(absl::string_view line);

// What the chain of an encoded line covers.
absl::string_view CoveredPart(absl::string_view encoded);
// The encoded line with its chain.
std::string SealAuditLine(absl::string_view encoded, const Sha256Digest& chain);

}  // namespace modelref
