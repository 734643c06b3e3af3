#pragma once

// From what a caller writes to what is stored. Pure; in the order of their use:
//
//   PrepareRecord            the caller's record becomes the one that is stored, or is refused
//   (record_metadata.h)      v2: the times
//   DeriveV2Record           legacy: what it means for the v2 document
//   TextLegacyEntries        legacy text: the entries of the document that it stands for

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/categories.h"
#include "backends/base/document_key.h"
#include "backends/base/json.h"
#include "backends/convert/record_check.h"

namespace modelref {

// Completes the record in place and checks it as what it became. Idempotent.
//  - a missing name becomes `name`, as the first member
//  - text models go through ProcessTextRecord
//  - images: style and tags without white space around them; legacy: the baseline by its legacy
//  name
//  - legacy: null members of the fields of H 1.7 and of the entries of config are dropped. The
//    original's clients send them for everything that is not set, its readers take them for absent,
//    and older readers of its files know no null. Unknown members are kept, null or not, and so are
//    all that the original's serialiser loses (W-C11).
// With violations the record is left in an unspecified state.
RecordCheck PrepareRecord(const Category& category, Format format, absl::string_view name,
                          JsonObject* record);

// The v2 record that a legacy record means, keeping of `stored_v2` (may be null) what the legacy
// form cannot say: metadata, unknown and v2-only members, of downloads the sizes and unknown
// members (W-C6). A download from a host known to be slow says so by its address (W-C16).
// nsfw and version of a text model, which models.csv has no columns for, are those of the v2 record
// unless they differ from `stored_legacy` (null: none, they had their defaults).
// Remarks on what was converted are added to `remarks`, which may be null.
//   INVALID_ARGUMENT  the record does not convert; with the violations and a reason. Never for a
//                     record that CheckLegacyRecord has no violations of.
absl::StatusOr<Json> DeriveV2Record(const Category& category, absl::string_view name,
                                    const Json& legacy, const JsonObject* stored_v2,
                                    std::vector<std::string>* remarks,
                                    const JsonObject* stored_legacy = nullptr);

}  // namespace modelref
