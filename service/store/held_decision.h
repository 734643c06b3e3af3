#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "backends/document_file.h"
#include "service/store/held_edits.h"
#include "service/store/store.h"

namespace modelref {

struct HeldDecision {
  std::string id;
  Sha256Digest if_sha256{};  // Zeros: whatever is there.
  bool accept = true;        // False: discard.
  bool validate_only = false;
};

struct DecidedEdit {
  HeldEdit edit;          // As it was.
  RootPtr root;           // The state to answer from.
  uint64_t revision = 0;  // Of the transaction that accepting made; 0: nothing was committed.
  Sha256Digest chain{};   // At that revision.
  Etag etag{};            // Of the document afterwards.
};

// How the file of a document is read.
using FormOf = std::function<DocumentForm(const DocumentKey&)>;

// Decides about an edit that waits. Accepting commits what it changed; where a commit changed the
// same record since the edit was noticed, that commit stays, which is logged. `held_folder` has the
// bytes. The same decision again answers as the first time. Blocks.
//   NOT_FOUND (HELD_EDIT_NOT_FOUND)
//   ABORTED (HELD_EDIT_CHANGED)                   other bytes, or already decided otherwise.
//   FAILED_PRECONDITION (HELD_EDIT_NOT_APPLICABLE) the bytes are no document.
//   otherwise as Store::Commit.
absl::StatusOr<DecidedEdit> DecideEdit(Store& store, const std::string& held_folder,
                                       const FormOf& form_of, const HeldDecision& decision);

// Those that wait; see ListWaitingEdits.
absl::StatusOr<std::vector<HeldEdit>> ListWaiting(Store& store, int64_t after_noticed_us,
                                                  const std::string& after_id);

}  // namespace modelref
