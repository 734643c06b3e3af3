#pragma once

#include "backends/document.h"

namespace modelref {

// A record of models.csv that was edited by hand, with the fields of `committed` that a table
// cannot hold (nsfw, version, …) as they were, unless the edit says something else about them than
// a table of the committed record does.
RecordPtr KeepFieldsOutsideTable(const Record& committed, const RecordPtr& edited);

}  // namespace modelref
