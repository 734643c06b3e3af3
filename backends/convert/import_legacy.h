#pragma once

// Brings legacy catalogues into a data directory: `modelrefctl import legacy DIR... --data-dir
// DIR`.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/convert/record_issue.h"

namespace modelref {

// One category as it is to be.
struct ImportContent {
  std::string category;
  std::string legacy_path;   // Where the legacy file belongs.
  std::string legacy_bytes;  // As they were read.
  std::string v2_bytes;      // Their conversion.
};

// What of it was new.
struct ImportEffect {
  bool legacy_written = false;
  bool v2_written = false;
};

struct ImportOptions {
  uint64_t max_file_bytes = uint64_t{512} << 20;
  bool dry_run = false;  // Reads and converts, writes nothing.
  // Takes a category over; empty: its two files are written.
  std::function<absl::StatusOr<ImportEffect>(const ImportContent&)> commit;
};

struct ImportedCategory {
  std::string category;
  std::string source;   // The legacy file that was read.
  size_t imported = 0;  // Records in the v2 document.
  size_t rejected = 0;  // Records left out for an error.
  std::vector<RecordIssue> issues;
  // False when the file was there with the same bytes, which keeps its modification time.
  bool legacy_written = false;
  bool v2_written = false;
  // Not OK: the file could not be used and nothing of the category was replaced.
  //   INVALID_ARGUMENT     empty, not JSON or CSV, or without one convertible record.
  //   FAILED_PRECONDITION  the file would empty a category that has records, or stay unread.
  //   other                as backends/base/durable_file.h says.
  absl::Status status;
};

// A directory that could not be used.
struct ImportProblem {
  std::string path;
  absl::Status status;
};

struct ImportReport {
  std::vector<ImportedCategory> categories;  // In the order of BuiltInCategories().
  std::vector<ImportProblem> problems;

  // Every directory gave something, every file and every record was used. Warnings do not count.
  bool ok() const;
};

// Looks in each of `dirs` for the legacy files of the known categories: in its folder legacy/ when
// that holds any, else in the directory itself (a checkout of one of the catalogues' repositories).
// models.csv is preferred to text_generation.json; other files are ignored. Each file is copied as
// it is to <data_dir>/legacy/ and its conversion is written to <data_dir>, each atomically and only
// when its bytes differ. A category that two directories hold comes from the first and is a
// problem.
ImportReport ImportLegacy(const std::vector<std::string>& dirs, const std::string& data_dir,
                          const ImportOptions& options = {});

}  // namespace modelref
