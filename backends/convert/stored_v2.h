#pragma once

// What a legacy write leaves of a v2 record.

#include "absl/strings/string_view.h"
#include "backends/base/categories.h"
#include "backends/base/json.h"

namespace modelref {

// A legacy record and what it was before the write.
struct LegacyChange {
  const JsonObject& after;
  const JsonObject* before = nullptr;  // Null: there was none.
};

// `converted`, which the legacy record converts to, with what the legacy form cannot say taken from
// `stored`, the v2 record so far: metadata, unknown and v2-only members; of downloads that are
// still the same file the sizes and unknown members; of text models the files, and nsfw and version
// unless the write changed them. A download from a host known to be slow says so by its address.
JsonObject MergeStoredV2(const Category& category, absl::string_view name,
                         const LegacyChange& legacy, const JsonObject& stored,
                         JsonObject converted);

}  // namespace modelref
