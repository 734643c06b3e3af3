#include "service/store/history_reader.h"

#include <map>
#include <utility>

#include "backends/base/status_macros.h"

namespace modelref {
namespace {

struct Version {
  uint64_t revision = 0;
  Etag etag{};
};

// The version of a document before a transaction; all zero when there was none.
absl::StatusOr<Version> VersionBefore(Database& database, int64_t document, uint64_t revision) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT revision, etag FROM versions WHERE document = ? AND "
                                    "revision < ? ORDER BY revision DESC LIMIT 1"));
  query.Bind(1, document).Bind(2, revision);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (!row) return Version{0, Document::Empty()->etag()};
  return Version{query.Unsigned(0), ToArray<32>(query.Bytes(1))};
}

// The steps of one transaction as watchers need them, per document in the order of first mention.
class DeltaCollector {
 public:
  void Add(const DocumentKey& key, std::string name, Operation operation) {
    const auto [it, is_new] = index_.try_emplace(key, deltas_.size());
    if (is_new) deltas_.emplace_back().key = key;
    deltas_[it->second].changes.push_back(
        {std::move(name), operation != Operation::kDelete, operation != Operation::kCreate});
  }
  std::vector<DocumentDelta> Take() {
    index_.clear();
    for (DocumentDelta& delta : deltas_) {
      if (delta.changes.size() <= kListedChanges) continue;
      delta.wholesale = true;
      delta.changes.clear();
    }
    return std::exchange(deltas_, {});
  }

 private:
  std::map<DocumentKey, size_t> index_;
  std::vector<DocumentDelta> deltas_;
};

absl::Status FillPrevious(Database& database, const DocumentIds& ids,
                          CommittedTransaction* transaction) {
  for (DocumentDelta& delta : transaction->deltas) {
    ASSIGN_OR_RETURN(const Version before,
                     VersionBefore(database, ids.Find(delta.key), transaction->revision));
    delta.prev_mod_revision = before.revision;
    delta.prev_etag = before.etag;
  }
  return absl::OkStatus();
}

// The transactions after a revision, without their steps.
absl::StatusOr<std::vector<std::shared_ptr<CommittedTransaction>>> LoadTransactions(
    Database& database, uint64_t after) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT revision, chain, time_us, caller FROM transactions "
                                    "WHERE revision > ? ORDER BY revision"));
  query.Bind(1, after);
  std::vector<std::shared_ptr<CommittedTransaction>> transactions;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return transactions;
    auto transaction = std::make_shared<CommittedTransaction>();
    transaction->revision = query.Unsigned(0);
    transaction->chain = ToArray<32>(query.Bytes(1));
    transaction->time = absl::FromUnixMicros(query.Int(2));
    transaction->caller = std::string(query.Bytes(3));
    transactions.push_back(std::move(transaction));
  }
}

// Calls fn(transaction, key, row) for each event after a revision; columns: revision, document,
// name, operation, after.
template <typename Fn>
absl::Status ForEachEvent(Database& database, const DocumentIds& ids, uint64_t after,
                          const std::vector<std::shared_ptr<CommittedTransaction>>& transactions,
                          Fn fn) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT revision, document, name, operation, after FROM events "
                                    "WHERE id > ? ORDER BY id"));
  query.Bind(1, after);
  auto transaction = transactions.begin();
  while (transaction != transactions.end()) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return absl::OkStatus();
    while (transaction != transactions.end() && (*transaction)->revision < query.Unsigned(0)) {
      ++transaction;
    }
    if (transaction == transactions.end()) return absl::OkStatus();
    const DocumentKey* key = ids.Find(query.Int(1));
    if (key != nullptr) fn(**transaction, *key, query);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<CommittedTransactionPtr>> ReadHistory(Database& database,
                                                                 const DocumentIds& ids,
                                                                 uint64_t after,
                                                                 const EventVisitor& visit) {
  ASSIGN_OR_RETURN(auto transactions, LoadTransactions(database, after));
  std::map<uint64_t, DeltaCollector> collectors;
  RETURN_IF_ERROR(ForEachEvent(
      database, ids, after, transactions,
      [&](const CommittedTransaction& transaction, const DocumentKey& key, const Statement& row) {
        collectors[transaction.revision].Add(key, std::string(row.Bytes(2)),
                                             static_cast<Operation>(row.Int(3)));
        if (visit) visit(transaction, key, row);
      }));
  for (const auto& transaction : transactions) {
    transaction->deltas = collectors[transaction->revision].Take();
    RETURN_IF_ERROR(FillPrevious(database, ids, transaction.get()));
  }
  return std::vector<CommittedTransactionPtr>(transactions.begin(), transactions.end());
}

absl::Status FillRing(Database& database, const DocumentIds& ids, size_t limit, const Root& root,
                      TransactionRing* ring) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT revision, chain FROM transactions ORDER BY revision "
                                    "DESC LIMIT 1 OFFSET ?"));
  query.Bind(1, static_cast<uint64_t>(limit));
  ASSIGN_OR_RETURN(const bool has_older, query.Step());
  uint64_t floor = 0;
  if (has_older) {
    floor = query.Unsigned(0);
    ring->Reset(floor, ToArray<32>(query.Bytes(1)));
  } else {
    ASSIGN_OR_RETURN(Statement first,
                     database.Prepare("SELECT min(first_event) FROM transactions"));
    ASSIGN_OR_RETURN(const bool row, first.Step());
    floor = row && !first.IsNull(0) ? first.Unsigned(0) - 1 : root.revision;
    ring->Reset(floor, Sha256Digest{});
  }
  ASSIGN_OR_RETURN(auto transactions, ReadHistory(database, ids, floor, nullptr));
  for (auto& transaction : transactions) ring->Add(std::move(transaction));
  return absl::OkStatus();
}

}  // namespace modelref
