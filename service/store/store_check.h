#pragma once

// Whether a store's database says one thing everywhere.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/store/database.h"

namespace modelref {

// What a database holds, from one instant.
struct StoreFacts {
  std::string epoch;  // 16 bytes.
  uint64_t revision = 0;
  std::string chain;  // 32 bytes.
  uint64_t forks = 0;
  uint64_t documents = 0;
  uint64_t models = 0;
  uint64_t transactions = 0;
  uint64_t events = 0;
  uint64_t files_behind = 0;  // Files that do not show the newest content of their document.
  struct Projection {
    std::string name;
    uint64_t position = 0;
  };
  std::vector<Projection> projections;
};
// Errors as Database.
absl::StatusOr<StoreFacts> ReadStoreFacts(Database& database);

struct StoreCheck {
  uint64_t transactions = 0;  // How many were checked.
  uint64_t events = 0;
  std::vector<std::string> problems;  // The first hundred, for people.
  uint64_t problem_count = 0;
};

// Reads everything, at one instant: the engine's own check, the etag of every record and document,
// the chain of all transactions anew, the newest version of each document, whether the events,
// undone one by one, fit the records that there are, and whether the counters of documents are
// those of the events. Errors as Database, but for damage, which is a problem.
absl::StatusOr<StoreCheck> CheckStore(Database& database);

}  // namespace modelref
