#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "service/store/category_metadata.h"
#include "service/store/database.h"

namespace modelref::bench {

// What the engine alone does with the rows of writes: the same tables, statements, groups
// and checkpoints as the store's, and nothing of its meaning (no parsing, no etags, no state
// in memory).
class SqliteBaseline {
 public:
  // A store of `models` records of `record_bytes` in `folder`, which is made.
  SqliteBaseline(const std::string& folder, size_t models, size_t record_bytes);

  struct Rate {
    double per_second = 0;
    double micros = 0;  // Of the processor, per update.
  };
  // Commits groups of `group` updates of one record each for about so long.
  Rate UpdatesPerSecond(size_t group, double seconds);

 private:
  void Update(size_t model);
  void EndGroup();

  const size_t models_;
  std::string json_;
  std::string digest_ = std::string(32, 'd');
  std::unique_ptr<Database> database_;
  uint64_t revision_ = 0;
  CategoryMetadata metadata_;
};

// Appends records of that size to a file of `folder`, `group` at a time, and syncs it after each
// group; the microseconds of each group.
std::vector<double> AppendAndSync(const std::string& folder, size_t record_bytes, size_t group,
                                  double seconds);

}  // namespace modelref::bench
