#pragma once

// Makes a damaged store usable again, and says what that cost. The damaged files are kept.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/base/clock.h"
#include "backends/document_file.h"
#include "service/store/repair_content.h"
#include "service/store/store_salvage.h"

namespace modelref {

struct RepairOptions {
  std::string store_directory;  // `<data_dir>/.modelref`.
  std::string audit_root;       // Need not exist.
  // The file of a document; empty where there is none.
  std::function<std::string(const DocumentKey&)> path_of;
  DocumentForm form;  // Format and form are the documents'.
  // Only says what would be done. A copy is made and mended all the same, and removed.
  bool dry_run = false;
};

enum class RepairOutcome {
  kIntact,   // Nothing was wrong; nothing was touched.
  kCopied,   // Every row that matters could be read: a new database has the same history.
  kRebuilt,  // The history is not whole: a new one begins with the content that could be found.
};

struct RepairReport {
  RepairOutcome outcome = RepairOutcome::kIntact;
  bool was_missing = false;           // There was no database.
  std::vector<std::string> problems;  // That were found; the first hundred, for people.
  uint64_t problem_count = 0;
  std::vector<SalvagedTable> tables;  // Empty when the database was intact.
  // The trail has transactions that the database lost; their content was taken from it.
  bool lost_transactions = false;
  // Documents whose content was put together, not read; empty when none was.
  std::map<DocumentKey, RepairedContent> documents;
  bool new_epoch = false;
  std::string epoch;         // 16 bytes.
  std::string parent_epoch;  // Of what was damaged; empty when it is not known or goes on.
  uint64_t revision = 0;
  std::vector<std::string> kept_files;  // The damaged files, by their new names.
};

// Salvages what the engine can read; where history or content is missing then, takes the content
// from the audit trail and the files of the documents, and begins a new epoch. The new database is
// checked before it replaces the damaged one. Dies it in between, the next run begins anew.
//   UNAVAILABLE (STORE_BUSY)   somebody has the store open.
//   NOT_FOUND                  there is no such directory, and nothing it could be made from.
//   FAILED_PRECONDITION        a newer version made the store.
//   RESOURCE_EXHAUSTED (DISK_FULL)  there is no space for the copies; nothing was changed.
//   DATA_LOSS (STORE_DAMAGED)  what was made is not right either; nothing was changed.
//   otherwise as Database, ReadAudit and StatFile.
absl::StatusOr<RepairReport> RepairStore(const std::vector<DocumentKey>& keys, Clock& clock,
                                         const RepairOptions& options);

}  // namespace modelref
