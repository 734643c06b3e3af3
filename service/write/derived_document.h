#pragma once

#include <vector>

#include "backends/document.h"
#include "service/store/root.h"
#include "service/write/write_plan.h"

namespace modelref {

// The first content of a v2 document: what follows from every model of `legacy`, the document as
// the write leaves it, in its order. As the original converts the whole category (H 3.8). `derived`
// is what the steps of the write lead to. What somebody broke in the v2 file is theirs. Records
// that do not convert are left out, with a warning each.
std::vector<RecordChange> DeriveWhole(const WritePlan& plan, const DocumentState& v2,
                                      const Document& legacy,
                                      const std::vector<RecordChange>& derived,
                                      const WriteLimits& limits,
                                      std::vector<WriteViolation>* warnings);

}  // namespace modelref
