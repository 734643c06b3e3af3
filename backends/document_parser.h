#pragma once

// Loads a whole document in one pass, at hundreds of megabytes per second, without a tree.

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/document.h"

namespace modelref {

// A record of the source that cannot be represented. It hides only itself.
struct RecordProblem {
  std::string name;  // As far as it can be shown.
  size_t line = 0;   // Of its key in the source, from 1.
  std::string reason;
  // What stands in the source, to be written back as it is: of a JSON file the member from the
  // quote of its name to the end of its value, without a comma; of models.csv the row with its line
  // end. Empty where another problem of the same row has it. Where a document has a record of that
  // name as well, this stands in its place.
  std::string text;
  // The name of the nearest record before it that can be represented (in models.csv: of its row);
  // empty at the start. Problems behind the same record are in the order of the source.
  std::string after_name;
  bool operator==(const RecordProblem&) const = default;
};

struct ParseLimits {
  size_t record_bytes = 1 << 20;  // Of canonical JSON.
  size_t record_depth = 64;
};

struct ParsedDocument {
  DocumentPtr document;                 // Without the records in `problems`.
  std::vector<RecordProblem> problems;  // In source order.
};

// Parses {"name": {record}, …}. A repeated name keeps its first place and its last value, as Python
// reads it. A record that is no object, too large or too deep, holds NaN or Infinity, or has an
// invalid name becomes a problem.
//   INVALID_ARGUMENT  not UTF-8, not JSON, or no object: the message names line, column and reason.
absl::StatusOr<ParsedDocument> ParseDocument(absl::string_view text,
                                             const ParseLimits& limits = {});

}  // namespace modelref
