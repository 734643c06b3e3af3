#pragma once

// The records of a source that cannot be represented, and what commits do to them.

#include <set>
#include <string>
#include <vector>

#include "backends/base/document_key.h"
#include "backends/document_parser.h"

namespace modelref {

// Takes out of `problems` those of the models in `written`, which were put or deleted: the file
// will say what was committed. Of a row of models.csv its problems go together, with those of the
// model that it names; the entries of backends (aphrodite/..., koboldcpp/...) alone end none.
void ForgetWritten(const DocumentKey& key, const std::set<std::string>& written,
                   std::vector<RecordProblem>* problems);

}  // namespace modelref
