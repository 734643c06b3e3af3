#pragma once

// What somebody meant who edited the file of a document: its content, compared with what the file
// held before and with what was committed meanwhile. A pure function.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/document.h"
#include "backends/document_parser.h"
#include "service/store/file_base.h"

namespace modelref {

// Nullopt: there is no such record.
using RecordValue = std::optional<Etag>;

struct FileEdit {
  // What the edit does: updates and creates in the order of the file, then deletes.
  std::vector<RecordChange> changes;
  // Names whose value in the file is not the committed one, which stays: the file has what a commit
  // from elsewhere replaced a short while ago.
  std::vector<std::string> overruled;
  // What makes the base say what the file holds.
  FileBaseChanges base;
  // After `changes` the document has the records of the file, in whatever order.
  bool equals_file = true;
};

// Whether a commit from elsewhere replaced that value of a record a short while ago.
using WasReplaced =
    std::function<absl::StatusOr<bool>(const std::string& name, const RecordValue&)>;

// A record of the file is edited when it differs from `base`; one that is not keeps the committed
// value, and so does one of `problems`. An edit to what was committed does nothing; an edit back to
// a value that `was_replaced` is overruled; any other is a change. Errors are those of
// `was_replaced`.
absl::StatusOr<FileEdit> MergeThreeWays(const Document& committed, const RecordEtags& base,
                                        const Document& file,
                                        const std::vector<RecordProblem>& problems,
                                        const WasReplaced& was_replaced);

}  // namespace modelref
