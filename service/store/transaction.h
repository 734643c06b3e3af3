#pragma once

// What a transaction does, and what became of it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/store/root.h"

namespace modelref {

class Database;

// What a transaction does to one document. At most one edit per document.
struct DocumentEdit {
  DocumentKey key;
  // The steps in order. Ignored when `replacement` is set.
  std::vector<RecordChange> changes;
  // The whole content of a document that was empty so far: cheaper than one step per record.
  DocumentPtr replacement;
  // True when the edit tells what the document's source holds: then `source_text` and `problems`
  // replace what is known of it, also when no record changes. Otherwise a change drops the text,
  // which no longer fits, and the problems of the models it changes or deletes.
  bool from_source = false;
  std::shared_ptr<const std::string> source_text;
  std::vector<RecordProblem> problems;
  // When the metadata of a document that has none begins, in whole seconds. Unset: with the first
  // operation.
  std::optional<absl::Time> begin_metadata;
  // How many accepted changes of the document failed: counted in its metadata.
  uint64_t failed_changes = 0;
};

// One step of a committed transaction.
struct CommittedChange {
  std::string name;
  bool exists = false;   // Afterwards.
  bool existed = false;  // Before this step.
};

// What a committed transaction did to one document.
struct DocumentDelta {
  DocumentKey key;
  uint64_t prev_mod_revision = 0;
  Etag prev_etag{};
  // The steps in order; empty when `wholesale`.
  std::vector<CommittedChange> changes;
  bool wholesale = false;  // The whole content came at once and is not listed.
};

struct CommittedTransaction {
  uint64_t revision = 0;
  Sha256Digest chain{};
  absl::Time time;
  std::string caller;  // "external:file", …
  std::vector<DocumentDelta> deltas;
};
using CommittedTransactionPtr = std::shared_ptr<const CommittedTransaction>;

// What the body of a transaction sees and does. Only valid during the call, on its thread.
class TransactionContext {
 public:
  TransactionContext(RootPtr base, Database& database, absl::Time time)
      : base_(std::move(base)), database_(database), time_(time) {}

  // The state inside the transaction: everything committed before, by any process.
  const Root& base() const { return *base_; }
  const RootPtr& base_ptr() const { return base_; }
  // The time the transaction will carry.
  absl::Time time() const { return time_; }
  // For tables that belong to the transaction: what is written here is undone with it.
  Database& database() { return database_; }
  // Adds what is to happen to a document of the base. INVALID_ARGUMENT for a second edit of one
  // document, NOT_FOUND for a document the store does not have.
  absl::Status Edit(DocumentEdit edit);

  std::vector<DocumentEdit>& edits() { return edits_; }

 private:
  RootPtr base_;
  Database& database_;
  const absl::Time time_;
  std::vector<DocumentEdit> edits_;
};

// Decides inside the transaction what it does. An error undoes everything the body did and is the
// outcome of the transaction; others of the same group are not touched. May run more than once.
using TransactionBody = std::function<absl::Status(TransactionContext&)>;

struct CommitResult {
  RootPtr root;          // The state right after the transaction.
  bool changed = false;  // False: equal content, no event was made.
};

// Runs inside the transaction once its rows are written, for rows that tell of its outcome. An
// error undoes the transaction and is its outcome.
using TransactionFinish = std::function<absl::Status(Database&, const CommitResult&)>;

struct TransactionRequest {
  std::string caller;      // Who: a user, "external:file", "external:adopt", …
  std::string request_id;  // What the caller named as the cause; may be empty.
  TransactionBody body;
  TransactionFinish finish;  // May be empty.
};

using CommitCallback = std::function<void(absl::StatusOr<CommitResult>)>;

}  // namespace modelref
