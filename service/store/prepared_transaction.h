#pragma once

// What a transaction leads to, decided in memory before a row is written. Pure functions.

#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "service/store/operation.h"
#include "service/store/transaction.h"

namespace modelref {

// One changed record. Its id is its place after the transaction's first event.
struct Event {
  DocumentKey key;
  std::string name;
  Operation operation = Operation::kCreate;
  RecordPtr before;  // Null for a create.
  RecordPtr after;   // Null for a delete.
};

struct PreparedTransaction {
  RootPtr root;               // The state afterwards.
  uint64_t first_event = 0;   // The id of events[0]; the last one's is root->revision.
  std::vector<Event> events;  // Empty: nothing changes, and root is what it was.
  CommittedTransactionPtr transaction;
  std::vector<DocumentKey> changed;    // Documents with events, in the order of their edits.
  std::vector<DocumentKey> described;  // Documents whose source text, problems or `known` differ.
  std::vector<DocumentKey> counted;    // Documents whose metadata differs.
  // What it began with where no event began it.
  std::map<DocumentKey, CategoryMetadata> beginnings;
};

struct TransactionOrigin {
  std::string caller;
  std::string request_id;
  absl::Time time;
};

// A delta of more steps than this does not list them.
inline constexpr size_t kListedChanges = 1024;

// Applies the edits to `base`.
//   INVALID_ARGUMENT  a replacement of a document that is not empty.
absl::StatusOr<PreparedTransaction> PrepareTransaction(const RootPtr& base,
                                                       std::vector<DocumentEdit> edits,
                                                       const TransactionOrigin& origin);

// The chain after a transaction: SHA-256(previous chain ‖ canonical bytes). Those are, integers
// big-endian: u64 revision, u64 time in µs, string caller, string request id, u32 number of events,
// and for each event u64 id, string category, u32 format, string name, u32 operation, etag before
// and after. A string is its u32 length and its bytes; an etag 32 bytes, zeros for none.
class ChainHasher {
 public:
  ChainHasher(const Sha256Digest& previous, uint64_t revision, const TransactionOrigin& origin,
              size_t event_count);
  void Add(uint64_t id, const DocumentKey& key, absl::string_view name, Operation operation,
           const Etag& before, const Etag& after);
  Sha256Digest Finish() { return hasher_.Finish(); }

 private:
  void AddString(absl::string_view text);
  Sha256Hasher hasher_;
};

}  // namespace modelref
