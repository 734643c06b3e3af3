#pragma once

// How transactions become rows and rows become states again.

#include <map>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "service/store/database.h"
#include "service/store/prepared_transaction.h"
#include "service/store/transaction_ring.h"

namespace modelref {

// The rows that name documents, in both directions.
class DocumentIds {
 public:
  void Add(const DocumentKey& key, int64_t id);
  // 0 when there is none.
  int64_t Find(const DocumentKey& key) const;
  // Null when there is none.
  const DocumentKey* Find(int64_t id) const;
  const std::map<DocumentKey, int64_t>& all() const { return by_key_; }

 private:
  std::map<DocumentKey, int64_t> by_key_;
  std::map<int64_t, DocumentKey> by_id_;
};

// The id of a record's row: documents are ranges, in their order.
inline int64_t RecordId(int64_t document, uint64_t order) {
  return (document << 40) | static_cast<int64_t>(order);
}

// Documents whose rows with their newest state are to be written: once for a group of transactions,
// before it is committed.
struct NewestRows {
  std::set<DocumentKey> documents;
  std::set<DocumentKey> metadata;
};

// Writes a transaction that goes from `base` to `prepared`, inside the present transaction of the
// database. `prepared.root` may also only describe sources anew. Where `later` is not null, rows
// with the newest state are left to it.
absl::Status WriteTransactionRows(Database& database, const DocumentIds& ids, const Root& base,
                                  const PreparedTransaction& prepared,
                                  const TransactionOrigin& origin, NewestRows* later = nullptr);

// Writes the newest state of `rows`, which is that of `root`.
absl::Status WriteNewestRows(Database& database, const DocumentIds& ids, const Root& root,
                             const NewestRows& rows);

// Writes the source text and the problems of a document as `state` has them.
absl::Status WriteDescription(Database& database, int64_t document, const DocumentState& state);

}  // namespace modelref
