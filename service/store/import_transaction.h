#pragma once

// What the content of a document's file leads to, decided inside a transaction.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/backend.h"
#include "service/store/held_edits.h"
#include "service/store/transaction.h"

namespace modelref {

// Which edits wait for an operator.
struct HeldRemovals {
  // Those that remove more of the models than this, beside those that stay because they were
  // committed a short while ago,
  size_t percent = 50;
  size_t min_models = 10;  // of a document that has that many.
};

struct FileImport {
  DocumentKey key;
  SnapshotPtr snapshot;
  // False for a file that a rewrite displaced: the base is not what it holds.
  bool is_in_place = true;
  // Then, if known, the revision that the rewrite showed.
  std::optional<uint64_t> displaced_at;
  // For how long a value that was replaced by a commit from elsewhere is not taken back from a
  // file.
  absl::Duration recent = absl::Minutes(15);
  HeldRemovals held_removals;
  // Where the file is, in its place. Empty: nobody asks whether it is still the one that was read.
  std::string path;
};

struct ImportOutcome {
  // Why the edit was not taken: kRefreshFailed damage, kEditHeld it waits; kNone it was.
  FreshnessCause objection = FreshnessCause::kNone;
  // Another file stands there by now: nothing was done, and it is to be read again.
  bool is_superseded = false;
  // What it would do, when it was not taken, without id.
  HeldEdit edit;
  std::vector<HeldChange> held_changes;
  // Names whose committed value stays, because the file has what was replaced a short while ago.
  std::vector<std::string> overruled;
};

// Edits the document as its file says, and notes what the file holds; or does nothing but say why
// not. May run more than once. Errors as Database.
absl::Status ImportFile(TransactionContext& context, const FileImport& import,
                        ImportOutcome* outcome);

}  // namespace modelref
