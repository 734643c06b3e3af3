#include "service/store/transaction_ring.h"

#include <algorithm>
#include <utility>

namespace modelref {
namespace {

size_t CountChanges(const CommittedTransaction& transaction) {
  size_t count = 0;
  for (const DocumentDelta& delta : transaction.deltas) count += delta.changes.size();
  return count;
}

bool IsBefore(uint64_t revision, const CommittedTransactionPtr& transaction) {
  return revision < transaction->revision;
}

}  // namespace

void TransactionRing::Reset(uint64_t revision, const Sha256Digest& chain) {
  transactions_.clear();
  changes_ = 0;
  floor_ = revision;
  floor_chain_ = chain;
}

void TransactionRing::Add(CommittedTransactionPtr transaction) {
  changes_ += CountChanges(*transaction);
  transactions_.push_back(std::move(transaction));
  while (transactions_.size() > max_transactions_ || changes_ > max_changes_) {
    const CommittedTransaction& oldest = *transactions_.front();
    changes_ -= CountChanges(oldest);
    floor_ = oldest.revision;
    floor_chain_ = oldest.chain;
    transactions_.pop_front();
  }
}

std::optional<std::vector<CommittedTransactionPtr>> TransactionRing::Between(uint64_t after,
                                                                             uint64_t up_to) const {
  if (after < floor_) return std::nullopt;
  const auto first = std::upper_bound(transactions_.begin(), transactions_.end(), after, IsBefore);
  const auto last = std::upper_bound(first, transactions_.end(), up_to, IsBefore);
  return std::vector<CommittedTransactionPtr>(first, last);
}

std::optional<Sha256Digest> TransactionRing::ChainAt(uint64_t revision) const {
  if (revision < floor_) return std::nullopt;
  const auto next =
      std::upper_bound(transactions_.begin(), transactions_.end(), revision, IsBefore);
  return next == transactions_.begin() ? floor_chain_ : (*std::prev(next))->chain;
}

}  // namespace modelref
