#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref::ctl {

// The number of single-character insertions, deletions, replacements and swaps of neighbours that
// lead from one word to the other.
size_t EditDistance(absl::string_view a, absl::string_view b);

// The candidate a user most likely meant by a wrong word; empty when none is near. Letters are
// compared without case.
std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates);

// " (did you mean \"x\"?)", or nothing.
std::string DidYouMean(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace modelref::ctl
