#pragma once

// The legacy form of text_generation as readers get it (H 3.9): an object with three entries per
// row of models.csv.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/json.h"
#include "backends/convert/text_csv.h"

namespace modelref {

// Every row under its own name, aphrodite/<name> and koboldcpp/<model>; rows whose name is an
// address ("://") are skipped; a later row of the same name replaces an earlier one in its place.
JsonObject TextLegacyDocument(const std::vector<TextModelRow>& rows);

// The same without the entries of the backends: one per row.
JsonObject TextLegacyBaseDocument(const std::vector<TextModelRow>& rows);

// The tag that tells the size: "7B"; rounded half to even, "0B" for 0.5.
std::string TextSizeTag(double billions);
// The style of records that name none: "generalist".
absl::string_view DefaultTextStyle();
// The version of all records of a table.
absl::string_view DefaultTextVersion();

// The text of such a document: indent 2, UTF-8, no final line end.
std::string FormatTextLegacyDocument(const JsonObject& document);

// The row that a legacy record came from: without the tags that were added for size and style,
// without a style that is only the default, without a generated display name. Fields of other types
// than the original's count as absent.
TextModelRow TextRowOfLegacyRecord(absl::string_view name, const JsonObject& record);

}  // namespace modelref
