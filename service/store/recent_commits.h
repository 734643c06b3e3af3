#pragma once

#include <cstdint>
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

// What commits from elsewhere replaced in one document. Inside a transaction of the caller.
// Thread-compatible, like its database, which must outlive it.
class RecentCommits {
 public:
  RecentCommits(Database& database, int64_t document, absl::Time since)
      : database_(database), document_(document), since_(since) {}

  // Whether a transaction at or after `since`, which was no edit of the file in its place, replaced
  // this value of the model by another. Errors as Database.
  absl::StatusOr<bool> Replaced(const std::string& name, const RecordValue& value) const;

 private:
  Database& database_;
  const int64_t document_;
  const absl::Time since_;
};

}  // namespace modelref
