#pragma once

// What can still be read of a damaged database, row by row.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/store/database.h"

namespace modelref {

struct SalvagedTable {
  std::string name;
  uint64_t rows = 0;     // That were copied.
  bool is_whole = true;  // False: some of it could not be read; nobody knows how many rows.
};

struct Salvage {
  std::vector<SalvagedTable> tables;  // Every table of the schema.
  // False for a table that was not all read.
  bool IsWhole(const std::string& table) const;
};

// Copies every row of the database at `damaged` that the engine can read into `fresh`, which has
// the tables, empty. No index of `damaged` is used. What the engine reads may still not be what was
// written; a file that is no database at all has no rows. `damaged` may be changed: what its
// write-ahead log holds is read as well.
//   errors as Database, of `fresh` only.
absl::StatusOr<Salvage> SalvageTables(const std::string& damaged, Database& fresh);

}  // namespace modelref
