#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/store/database.h"
#include "service/store/three_way.h"

namespace modelref {

// The request of a transaction that imported a file which a rewrite had displaced: what stood in
// its place afterwards did not have the edit.
inline constexpr char kDisplacedRequest[] = "displaced";

// Whether whoever edits files and is no service of ours made the transaction.
bool IsExternalCaller(absl::string_view caller);

// When the newest transaction up to `revision` was; `otherwise` when none is kept. Errors as
// Database.
absl::StatusOr<absl::Time> TimeOfRevision(Database& database, uint64_t revision,
                                          absl::Time otherwise);

// What commits from elsewhere replaced in one document. Inside a transaction of the caller.
// Thread-compatible, like its database, which must outlive it.
class RecentCommits {
 public:
  // `displaced_at`: for content that a rewrite displaced, the revision that the rewrite showed.
  RecentCommits(Database& database, int64_t document, absl::Time since,
                std::optional<uint64_t> displaced_at = std::nullopt)
      : database_(database), document_(document), since_(since), displaced_at_(displaced_at) {}

  // Whether a transaction at or after `since`, which was no edit of the file in its place, replaced
  // this value of the model by another; or, for displaced content, an edit of the file in its place
  // changed the model after the rewrite: whoever saved that saved later. Errors as Database.
  absl::StatusOr<bool> Replaced(const std::string& name, const RecordValue& value) const;

 private:
  Database& database_;
  const int64_t document_;
  const absl::Time since_;
  const std::optional<uint64_t> displaced_at_;
};

}  // namespace modelref
