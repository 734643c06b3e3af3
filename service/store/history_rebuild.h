#pragma once

// The part of a repair that decides content: documents of a database whose history is not whole.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/document_file.h"
#include "service/store/repair_content.h"

namespace modelref {

inline constexpr size_t kEpochBytes = 16;

struct RebuildOptions {
  std::string identity_directory;  // As PrepareIdentity.
  std::string audit_root;
  std::function<std::string(const DocumentKey&)> path_of;
  DocumentForm form;
  absl::Time now;
};

using RepairedDocuments = std::map<DocumentKey, RepairedContent>;

// The last id that the database gave.
absl::StatusOr<uint64_t> HeadOf(Database& database);

// Makes a database that holds what could be salvaged of another one begin a history: a new epoch,
// forked from the old one where that is known, and the content of each document as RepairContent
// finds it. What the trail does not explain is made by one transaction per document of
// external:repair. Returns the documents that have content. Errors as Database and ReadAudit.
absl::StatusOr<RepairedDocuments> RebuildHistory(Database& database,
                                                 const std::vector<DocumentKey>& keys,
                                                 const RebuildOptions& options);

enum class Reconcile {
  kFiles,             // What the files held is not known any more.
  kLostTransactions,  // The trail goes on where the database ends: a new epoch begins.
};
// Brings the documents of a database whose history is whole up to what trail and files say, by one
// transaction of external:repair. Returns those that it looked at: with kLostTransactions the ones
// that the trail has changes of. Errors as RebuildHistory.
absl::StatusOr<RepairedDocuments> ReconcileDocuments(Database& database,
                                                     const RebuildOptions& options, Reconcile why);

}  // namespace modelref
