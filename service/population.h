#pragma once

// Filling in what the original fills in at its start (H 1.5, 2.3).

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/store/store.h"

namespace modelref {

// Who the transactions are by.
inline constexpr char kPopulateCaller[] = "system:populate";

struct PopulatedDocument {
  bool began = false;   // The document had no metadata.
  uint64_t models = 0;  // How many got times; none of a legacy document.
  absl::Time time;      // When the metadata began: the time they got.
};

// Begins the metadata of a document that has none, and gives the models of a v2 document
// `created_at` and `updated_at` where they are missing: the time when its metadata began. One
// transaction; none when nothing is missing. A document that never had content is left as it is.
// With `only_tell` nothing is written. Blocks.
//   DATA_LOSS  no good content of the document is known; otherwise as Store::Commit.
absl::StatusOr<PopulatedDocument> PopulateDocument(Store& store, const DocumentKey& key,
                                                   absl::Time now, bool only_tell);

}  // namespace modelref
