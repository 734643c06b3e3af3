#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/document_parser.h"

namespace modelref {

// text_generation's legacy document as readers get it, from the table that it is kept in.
struct TextSource {
  DocumentPtr document;                            // Three entries per row.
  std::shared_ptr<const std::string> source_text;  // The document's text in the original's form.
  std::vector<RecordProblem> problems;             // Rows that were left out.
};

//   INVALID_ARGUMENT  not a table with a name column: the message says where and why.
absl::StatusOr<TextSource> ParseTextSource(absl::string_view csv, const ParseLimits& limits);

}  // namespace modelref
