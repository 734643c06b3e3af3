#pragma once

#include <vector>

#include "backends/document.h"

namespace modelref {

// What makes `before` have the records of `after`: updates and creates in the order of `after`,
// then deletes. Nothing for a record that differs in its place alone.
std::vector<RecordChange> ChangesBetween(const Document& before, const Document& after);

}  // namespace modelref
