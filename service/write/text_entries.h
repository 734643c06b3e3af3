#pragma once

// The entries of the legacy text document beside the models themselves: each model is listed under
// the names of the inference backends, too (H 3.9). Pure functions.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "backends/document.h"
#include "service/write/write_plan.h"

namespace modelref {

// Adds the changes of the entries that follow from `after` (null: a delete) under `name`. An entry
// that two models claim is that of the later one, as for readers of models.csv. `document` is what
// the write met.
//   RESOURCE_EXHAUSTED  as MakeLimited.
absl::Status AddTextEntries(const Document& document, const std::string& name,
                            const RecordPtr& after, const WriteLimits& limits,
                            std::vector<RecordChange>* changes);

}  // namespace modelref
