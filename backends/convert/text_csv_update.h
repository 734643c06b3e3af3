#pragma once

// Changing the rows of a models.csv that somebody else laid out.

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/convert/text_csv.h"

namespace modelref {

// The table of `rows`, which have distinct names, in their order. As far as it goes it looks like
// `present`, the bytes that `table` was parsed from: rows that say the same stay byte for byte,
// changed ones keep their other columns and the cells that still fit, and rows that are not models
// (unreadable ones, addresses, earlier ones of the same name) stay behind the row they follow. Line
// ends are those of the header.
// `in_own_words` names models that have rows which cannot be served: what is not in `rows` of them
// stays as it is. Unreadable rows of other names were repaired or deleted, and go.
std::string UpdateModelsCsv(absl::string_view present, const ModelsCsv& table,
                            const std::vector<TextModelRow>& rows,
                            const std::set<std::string>& in_own_words);

}  // namespace modelref
