#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "backends/base/json.h"
#include "backends/convert/record_check.h"

namespace modelref {

// The members of a legacy text record in the order in which readers of models.csv get them.
absl::Span<const absl::string_view> TextLegacyOrder();

// Adds what models.csv would not give back of a processed legacy text record, all but nsfw and
// version: a row that is not read back would take the whole table with it. Fields that have
// violations already are left out.
void CheckTextTable(absl::string_view name, const JsonObject& record, RecordCheck* check);

}  // namespace modelref
