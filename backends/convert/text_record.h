#pragma once

// Writes of text models (H 3.9).

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/document_key.h"
#include "backends/base/json.h"
#include "backends/convert/record_check.h"

namespace modelref {

// Makes of a text record what is stored, in place; unknown members stay as they are. Idempotent.
//  - `parameters`: a positive integer below 2^63 out of an integer, a float (truncated) or either
//  as
//    a string; `parameters_count`, which typed callers of the original send, is another name of it
//    (W-C3)
//  - `settings`: an object, or one as a JSON string, of known samplers; "" and null are none
//  - `tags`: a list or a comma-separated string; sorted, distinct, with the style and the size
//    ("7B"), which has no comma. Size tags of another size are dropped, and a style that is only
//    the default is not added: no tag accumulates by reading and writing
//  - `name` is the key, `display_name` is generated when empty; fields that say nothing (null, "",
//    [], {}, 0, false) are dropped and the defaults added
//  - legacy: `model_name` is set, members come in the order in which readers of the table get them
// Violations: what does not fit; a name with the prefix of a backend (BACKEND_PREFIXED_NAME) or
// with
// "://"; legacy: what models.csv would not give back as it was (line ends are fine; lone
// surrogates, numbers that are no billions to the last digit, ...). nsfw and version are kept
// though the table has no column for them (W-C11).
RecordCheck ProcessTextRecord(Format format, absl::string_view name, JsonObject* record);

// The entries of the legacy document that a processed record stands for: itself, aphrodite/<name>
// and koboldcpp/<model>, alike but for their names.
//
// Two models may claim one koboldcpp/<model> (A/M and B/M): readers of models.csv get that of the
// last row. Whoever deletes or moves one must leave the other's.
std::vector<std::pair<std::string, Json>> TextLegacyEntries(absl::string_view name,
                                                            const JsonObject& record);
// The names alone, the base first.
std::vector<std::string> TextLegacyEntryNames(absl::string_view name);

}  // namespace modelref
