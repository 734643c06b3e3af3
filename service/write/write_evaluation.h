#pragma once

// What a write does to the state it meets. Pure: the same function decides inside the transaction
// and answers calls that only validate.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "service/store/transaction.h"
#include "service/write/record_change.h"
#include "service/write/text_rivals.h"
#include "service/write/write_plan.h"

namespace modelref {

// What becomes of one model.
struct StepOutcome {
  std::string name;
  RecordPtr before;  // Null: it was not there.
  RecordPtr after;   // Null: it is not there afterwards.
  bool changed = false;
  uint64_t mod_revision = 0;  // Of the record before; 0 without one.
};

struct Evaluation {
  std::vector<WriteViolation> violations;  // Not empty: nothing is to be done.
  std::vector<WriteViolation> warnings;
  std::vector<WriteViolation> skipped;  // Why steps were left out.
  size_t skipped_steps = 0;
  // In the order of the plan, then the models that a replacement deletes; empty with violations.
  std::vector<StepOutcome> steps;
  std::vector<DocumentEdit> edits;  // The document's, then that of the v2 document it derives.
  bool changed = false;             // The document of the plan.
};

// The puts of a plan as they are before the transaction, one per step; deletes have empty ones.
std::vector<PreparedPut> PreparePuts(const Root& root, const WritePlan& plan,
                                     const WriteLimits& limits, absl::Time now);

// Decides what `plan` does to `root` at `now`. `prepared` is that of PreparePuts, also for another
// root. A write of a legacy document also makes the derived changes of the v2 one. `rivals` are
// made to follow a legacy text document; null: they are found anew, by looking at every model.
Evaluation EvaluateWrite(const Root& root, const WritePlan& plan,
                         const std::vector<PreparedPut>& prepared, const WriteLimits& limits,
                         absl::Time now, TextRivals* rivals = nullptr);

// The etag that the document of the plan has afterwards.
Etag DocumentEtagAfter(const Root& root, const WritePlan& plan, const Evaluation& evaluation);

}  // namespace modelref
