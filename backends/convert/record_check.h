#pragma once

// What a record must be to be written (H 1.3 to 1.7). Pure functions of the record.
//
// A write is judged more strictly than what is read: the original coerces ("yes" becomes true) and
// keeps what it has coerced, here the bytes of the caller are kept and must be of their types, so
// that readers that do not coerce get the same. Members that no rule names are kept and judged only
// by what JSON of ours can hold.

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "backends/base/categories.h"
#include "backends/base/document_key.h"
#include "backends/base/json.h"

namespace modelref {

// One thing that is wrong, or only unusual. All text is UTF-8, also when the record's is not, and
// at most some hundred bytes long.
struct RecordViolation {
  // Where, such as "config.download[0].sha256sum"; empty: the whole record.
  std::string field;
  // What, for people.
  std::string description;
  // The reason of the error: INVALID_RECORD unless said otherwise.
  absl::string_view reason = "INVALID_RECORD";
  bool operator==(const RecordViolation&) const = default;
};

// The most that is listed of each kind.
inline constexpr size_t kMaxListedViolations = 1000;

struct RecordCheck {
  std::vector<RecordViolation> violations;
  std::vector<RecordViolation> warnings;
  size_t unlisted = 0;  // Violations beyond kMaxListedViolations.
  bool ok() const { return violations.empty(); }
};

// Every violation of a v2 record that is to be stored under `name`: fields of other types than
// H 1.3, 1.4 and 1.6 say, missing ones, baselines and styles of images that are not known, a name
// that is not `name`, a record_type of another category, a number that does not fit into 64 bits.
// Optional fields may be null. Downloads must name a file inside the folder of models and a
// sha256sum of 64 hexadecimal digits. Warnings: a file whose sha256sum nobody knows ("FIXME"),
// without an address, an unknown style of a controlnet, a classification of another category.
// Categories that are not built in have the common fields only.
RecordCheck CheckV2Record(const Category& category, absl::string_view name,
                          const JsonObject& record);

// The same for the legacy form (H 1.7). A record without violations converts to a v2 record without
// violations: what the converter refuses is a violation here. A `type` that is not the category's
// is only a warning where the real catalogues have others; showcases on huggingface are violations.
RecordCheck CheckLegacyRecord(const Category& category, absl::string_view name,
                              const JsonObject& record);

// OK, or INVALID_ARGUMENT with the reason of the first violation and every one of `check` as a
// field of BadRequest, below `path` ("json", "operations[3].put.json").
absl::Status ViolationError(const RecordCheck& check, absl::string_view name,
                            absl::string_view path);

}  // namespace modelref
