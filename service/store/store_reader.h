#pragma once

// Reads committed state from the database: all of it at the start, what is new afterwards.

#include <memory>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "service/store/database.h"
#include "service/store/transaction_ring.h"
#include "service/store/transaction_rows.h"

namespace modelref {

// Single facts of the table meta.
inline constexpr char kMetaEpoch[] = "epoch";
inline constexpr char kMetaBaseRevision[] = "base_revision";
inline constexpr char kMetaStoreId[] = "store_id";
inline constexpr char kMetaIdFile[] = "id_file";

// Empty when there is no such fact.
absl::StatusOr<std::string> ReadMeta(Database& database, absl::string_view name);
absl::Status WriteMeta(Database& database, absl::string_view name, absl::string_view value);

// The row of a document; 0 when there is none.
absl::StatusOr<int64_t> DocumentId(Database& database, const DocumentKey& key);

// A state as the database has it, and the newest transactions.
struct LoadedState {
  RootPtr root;
  DocumentIds ids;
  int64_t source_sequence = 0;    // The newest description of a source in `root`.
  int64_t metadata_sequence = 0;  // The newest change of metadata without events in `root`.
};

// Reads everything, inside one transaction of the caller, and fills `ring` with the newest
// transactions.
//   DATA_LOSS (STORE_DAMAGED)  a record or a document does not have the etag it was stored with.
absl::StatusOr<LoadedState> LoadState(Database& database, size_t history_transactions,
                                      TransactionRing* ring);

// Brings the descriptions of sources up to date that changed after a sequence. False when the
// content of a document changed as well without a transaction, as by an adoption: read everything
// anew.
absl::StatusOr<bool> LoadDescriptions(Database& database, int64_t after_sequence,
                                      LoadedState* state);

// Brings the metadata of documents up to date: of those in `changed`, and what changed without
// events.
absl::Status LoadMetadata(Database& database, const std::set<DocumentKey>& changed,
                          LoadedState* state);

// What other processes committed since a state was read.
struct News {
  std::vector<CommittedTransactionPtr> transactions;
  bool reloaded = false;  // Everything was read anew: the epoch changed, or a document was added.
};
// Brings `state` up to date, inside one transaction of the caller.
absl::StatusOr<News> ReadNews(Database& database, LoadedState* state);

}  // namespace modelref
