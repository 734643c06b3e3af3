#pragma once

// From the content of a write to the records it stores. Pure functions.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/json.h"
#include "backends/document.h"
#include "service/store/root.h"
#include "service/write/write_plan.h"

namespace modelref {

// What a put does, given the records it meets. Made before the transaction, where parsing and
// checking delay nobody, and used inside it while those records are still the same.
struct PreparedPut {
  RecordPtr stored;     // What it meets; null: nothing.
  RecordPtr stored_v2;  // Of a legacy write: what the v2 document has.

  std::vector<WriteViolation> violations;
  std::vector<WriteViolation> warnings;
  RecordPtr record;  // What is stored afterwards; null with violations.
  // False: what is stored says the same, but for the order of members and, in v2, for what the
  // server manages; `record` is the stored one.
  bool changed = false;
  RecordPtr derived;  // What the v2 document has afterwards.
};

// The content of the step in its final form: typed fields on top of what is stored, completed and
// checked by PrepareRecord, in v2 with the times of H 1.5, in legacy with the v2 record that
// follows from it. One that does not convert leaves the v2 record and is a warning.
PreparedPut PreparePut(const Root& root, const WritePlan& plan, const WriteStep& step,
                       const WriteLimits& limits, absl::Time now);

// Whether `prepared` was made for what `root` has.
bool IsCurrent(const PreparedPut& prepared, const Root& root, const WritePlan& plan,
               const WriteStep& step);

// The v2 record that follows from a legacy one that was `before` (null: new). One that does not
// convert leaves `stored_v2`, which may be null, and is a warning.
RecordPtr DeriveRecord(const WritePlan& plan, const std::string& name, const Json& legacy,
                       const JsonObject* before, const RecordPtr& stored_v2,
                       const WriteLimits& limits, std::vector<WriteViolation>* warnings);

//   RESOURCE_EXHAUSTED (RECORD_TOO_LARGE)
absl::StatusOr<RecordPtr> MakeLimited(const std::string& name, const Json& json,
                                      const WriteLimits& limits);

// The members of a stored record.
JsonObject ObjectOf(const Record& record);

}  // namespace modelref
