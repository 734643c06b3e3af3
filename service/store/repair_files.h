#pragma once

// The files of a repair: copies to work on, and the new database put in the place of the old one.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace modelref {

// Of the store in `directory`, which is locked for its repair. Single-threaded.
class RepairFiles {
 public:
  explicit RepairFiles(std::string directory);
  // Removes the folder of the copies.
  ~RepairFiles();
  RepairFiles(const RepairFiles&) = delete;
  RepairFiles& operator=(const RepairFiles&) = delete;

  // Puts back what an interrupted repair had moved away, and makes the folder of the copies.
  absl::Status Prepare();
  // Copies database and log there. False: there is no database.
  absl::StatusOr<bool> CopyDatabase();
  // The copy, and where the new database is to be made.
  std::string copy() const { return work_ + "/damaged.db"; }
  std::string fresh() const { return work_ + "/fresh.db"; }

  // Keeps the files that are there by other names, which are returned, and puts `candidate` in
  // their place; it is closed. Durable on return.
  absl::StatusOr<std::vector<std::string>> Install(const std::string& candidate, absl::Time now);

 private:
  absl::Status PutBack();

  const std::string directory_;
  const std::string work_;
};

}  // namespace modelref
