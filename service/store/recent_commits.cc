#include "service/store/recent_commits.h"

#include "absl/strings/match.h"
#include "backends/base/digest.h"
#include "backends/base/status_macros.h"

namespace modelref {

bool IsExternalCaller(absl::string_view caller) { return absl::StartsWith(caller, "external:"); }

absl::StatusOr<absl::Time> TimeOfRevision(Database& database, uint64_t revision,
                                          absl::Time otherwise) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT time_us FROM transactions WHERE revision <= ? ORDER BY "
                                    "revision DESC LIMIT 1"));
  query.Bind(1, revision);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  return row ? absl::FromUnixMicros(query.Int(0)) : otherwise;
}

absl::StatusOr<bool> RecentCommits::Replaced(const std::string& name,
                                             const RecordValue& value) const {
  ASSIGN_OR_RETURN(
      Statement query,
      database_.Prepare(
          "SELECT t.time_us, t.caller, e.before, t.request, e.id FROM events e JOIN transactions "
          "t ON t.revision = e.revision WHERE e.document = ? AND e.name = ? ORDER BY e.id "
          "DESC"));
  query.Bind(1, document_).Bind(2, name);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return false;
    const bool is_after = displaced_at_.has_value() && query.Unsigned(4) > *displaced_at_;
    // Times ascend with ids.
    if (!is_after && absl::FromUnixMicros(query.Int(0)) < since_) return false;
    if (IsExternalCaller(query.Bytes(1)) && query.Bytes(3) != kDisplacedRequest) {
      if (is_after) return true;
      continue;
    }
    const RecordValue before =
        query.IsNull(2) ? RecordValue() : RecordValue(Sha256(query.Bytes(2)));
    if (before == value) return true;
  }
}

}  // namespace modelref
