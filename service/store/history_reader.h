#pragma once

// Reads transactions, as watchers need them, from the database.

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "service/store/database.h"
#include "service/store/transaction_ring.h"
#include "service/store/transaction_rows.h"

namespace modelref {

// A value of fixed size from the bytes of a column; zeros where there are too few.
template <size_t N>
std::array<uint8_t, N> ToArray(absl::string_view bytes) {
  std::array<uint8_t, N> array{};
  std::memcpy(array.data(), bytes.data(), std::min(bytes.size(), N));
  return array;
}

// Called for each event; columns of the row: revision, document, name, operation, after.
using EventVisitor =
    std::function<void(const CommittedTransaction&, const DocumentKey&, const Statement&)>;

// The transactions after a revision, oldest first.
absl::StatusOr<std::vector<CommittedTransactionPtr>> ReadHistory(Database& database,
                                                                 const DocumentIds& ids,
                                                                 uint64_t after,
                                                                 const EventVisitor& visit);

// Makes `ring` hold the newest `limit` transactions up to `root`.
absl::Status FillRing(Database& database, const DocumentIds& ids, size_t limit, const Root& root,
                      TransactionRing* ring);

}  // namespace modelref
