#pragma once

// The text that `model edit` shows in an editor: notes, then the record.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/json.h"

namespace modelref::ctl {

// The text with the notes above it, each on lines that begin with "# ".
std::string WithNotes(const std::vector<std::string>& notes, absl::string_view text);

// The text without the lines at its top that begin with '#' or are blank.
absl::string_view WithoutNotes(absl::string_view text);

// An edited record on top of a newer one.
struct MergedRecord {
  JsonObject record;
  std::vector<std::string> clashes;  // Members that both sides changed; `record` has the editor's.
};

// Members that the editor did not touch have their newest value, the others the editor's.
MergedRecord MergeRecords(const JsonObject& base, const JsonObject& edited,
                          const JsonObject& newest);

}  // namespace modelref::ctl
