#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref {

// The candidate that `word` is most likely a misspelling of, or empty when none is near: at most a
// third of its letters differ. The first of equals wins.
std::string ClosestName(absl::string_view word, const std::vector<std::string>& candidates);

// ", did you mean \"x\"?" or nothing, to end a message about an unknown name with.
std::string DidYouMean(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace modelref
