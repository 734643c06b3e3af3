#pragma once

// Whether the files of a trail are what was written: without the store, from the files alone. What
// they cannot tell is that the newest lines of a series were taken away; compare the heads with
// those that were noted, or with the store.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "audit/layout.h"

namespace modelref {

// The values are those of the proto enum.
enum class LogProblemKind {
  kChainBroken = 1,
  kIdOrder = 2,
  kUnreadableLine = 3,
  kMissing = 4,
  kUnknownLine = 5,
  kForeignLine = 6,
  kTrustMismatch = 7,
};

// "CHAIN_BROKEN".
absl::string_view LogProblemKindName(LogProblemKind kind);

struct LogProblem {
  LogProblemKind kind = LogProblemKind::kChainBroken;
  std::string file;       // Relative to the root.
  uint64_t line = 0;      // From 1; 0: the file as a whole.
  uint64_t event_id = 0;  // 0: not known.
  std::string detail;     // For people; at most 512 bytes.
  bool operator==(const LogProblem&) const = default;
};

struct VerifiedSeries {
  AuditChainHead head;
  uint64_t segments = 0;
  uint64_t events = 0;   // Lines of ours.
  uint64_t foreign = 0;  // Lines that are not, wherever they stand, readable or not.
  uint64_t problems = 0;
};

struct AuditVerification {
  // A trail of the original alone is intact too, if it can be read; no chain protects it.
  bool intact() const { return problem_count == 0; }

  uint64_t problem_count = 0;
  std::vector<LogProblem> problems;  // The first kMaxListedProblems.
  uint64_t checked_events = 0;       // Lines that can be read, whoever wrote them.
  uint64_t checked_bytes = 0;
  std::vector<VerifiedSeries> series;  // In the order of the folders.
};
inline constexpr size_t kMaxListedProblems = 10'000;

// Called after each file; returns false to end the verification where it is.
using VerifyProgress = std::function<bool(const AuditVerification&)>;

// Recomputes every chain and reads every line. Lines of other programs before the first of ours are
// what was adopted: the chain covers them, and they are no problem, readable or not. Behind it each
// is one. May run beside a server; a line that is being written may then be taken for unreadable.
//   NOT_FOUND  no trail is there; otherwise as LogFile.
absl::StatusOr<AuditVerification> VerifyAudit(const std::string& root,
                                              const VerifyProgress& progress = nullptr);

}  // namespace modelref
