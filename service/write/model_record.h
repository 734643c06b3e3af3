#pragma once

// From the typed message of a write to a record: the reverse of model_fields.h.

#include "absl/status/status.h"
#include "backends/base/document_key.h"
#include "backends/base/json.h"
#include "modelref/v1/reference.pb.h"

namespace modelref {

// Writes the set fields of `model` into `record`, where the other members keep their values and
// their places. What FillModel then reads is what `model` said, and merging what it reads changes
// nothing that it reads.
//
// Lists are set when they have elements: an empty one cannot be told from an absent one, write JSON
// to clear a list. `downloads` replaces the list; an entry of a file that the record lists already
// keeps what the message does not say (content_hash, unknown members). In the legacy format files
// become entries of config.files, too; those that nothing downloads are kept. `name`,
// `mod_revision` and `etag` are not looked at.
//   INVALID_ARGUMENT `BAD_FIELD`  every field that cannot be written: `json` is set, a download
//                                 without or with a repeated file_name, and in the legacy format
//                                 what it cannot hold (`size_bytes`, `known_slow_download`), unless
//                                 the record says the same. `record` is unchanged.
absl::Status MergeModel(const v1::Model& model, Format format, JsonObject* record);

}  // namespace modelref
