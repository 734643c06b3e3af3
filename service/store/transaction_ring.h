#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "service/store/transaction.h"

namespace modelref {

// The newest transactions, as far as watchers need them: what continues a stream exactly.
// Thread-compatible.
class TransactionRing {
 public:
  TransactionRing(size_t max_transactions, size_t max_changes)
      : max_transactions_(max_transactions), max_changes_(max_changes) {}

  // Forgets everything; the history continues from a revision and its chain.
  void Reset(uint64_t revision, const Sha256Digest& chain);
  // Must be newer than everything before.
  void Add(CommittedTransactionPtr transaction);

  // The transactions in (after, up_to], or none when some of them are no longer kept.
  std::optional<std::vector<CommittedTransactionPtr>> Between(uint64_t after, uint64_t up_to) const;
  // The chain of the newest transaction not after `revision`; nullopt when that is not kept.
  std::optional<Sha256Digest> ChainAt(uint64_t revision) const;
  // The oldest revision that Between can continue from.
  uint64_t floor() const { return floor_; }

 private:
  size_t max_transactions_;
  size_t max_changes_;
  std::deque<CommittedTransactionPtr> transactions_;
  size_t changes_ = 0;
  uint64_t floor_ = 0;
  Sha256Digest floor_chain_{};
};

}  // namespace modelref
