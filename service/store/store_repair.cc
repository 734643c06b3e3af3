#include "service/store/store_repair.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/file_identity.h"
#include "backends/base/status_macros.h"
#include "service/store/adopted_history.h"
#include "service/store/history_rebuild.h"
#include "service/store/metadata_rows.h"
#include "service/store/repair_files.h"
#include "service/store/schema.h"
#include "service/store/store_check.h"
#include "service/store/store_identity.h"
#include "service/store/store_lock.h"
#include "service/store/store_reader.h"

namespace modelref {
namespace {

// What a store cannot be the same without. The others only help the next import and repeated
// requests.
constexpr const char* kHistoryTables[] = {"meta",         "forks",  "documents", "records",
                                          "transactions", "events", "versions"};
constexpr const char* kFileTables[] = {"files", "file_base", "file_intents"};

template <size_t n>
bool AreWhole(const Salvage& salvage, const char* const (&tables)[n]) {
  return std::all_of(std::begin(tables), std::end(tables),
                     [&](const char* table) { return salvage.IsWhole(table); });
}

// Damage is a problem like others here.
absl::StatusOr<StoreCheck> Check(Database& database) {
  absl::StatusOr<StoreCheck> check = CheckStore(database);
  const bool is_damage =
      absl::IsDataLoss(check.status()) || check.status().code() == absl::StatusCode::kInternal;
  if (!is_damage) return check;
  StoreCheck damaged;
  damaged.problem_count = 1;
  damaged.problems.emplace_back(check.status().message());
  return damaged;
}

class StoreRepair {
 public:
  StoreRepair(const std::vector<DocumentKey>& keys, Clock& clock, const RepairOptions& options)
      : keys_(keys), clock_(clock), options_(options), files_(options.store_directory) {}

  absl::StatusOr<RepairReport> Run() {
    RETURN_IF_ERROR(files_.Prepare());
    ASSIGN_OR_RETURN(const bool exists, files_.CopyDatabase());
    report_.was_missing = !exists;
    ASSIGN_OR_RETURN(const bool is_intact, exists ? IsIntact() : absl::StatusOr<bool>(false));
    const std::string candidate = is_intact ? files_.copy() : files_.fresh();
    if (!is_intact) RETURN_IF_ERROR(MakeFresh(exists));
    RETURN_IF_ERROR(TakeLostTransactions(candidate));
    RETURN_IF_ERROR(Describe(candidate));
    const bool is_new = !is_intact || report_.lost_transactions;
    if (options_.dry_run || !is_new) return std::move(report_);
    ASSIGN_OR_RETURN(report_.kept_files, files_.Install(candidate, clock_.TimeNow()));
    return std::move(report_);
  }

 private:
  RebuildOptions ForRebuild() const {
    RebuildOptions rebuild;
    // A repair that is only tried must not leave an id behind.
    rebuild.identity_directory = options_.dry_run ? "" : options_.store_directory;
    rebuild.audit_root = options_.audit_root;
    rebuild.path_of = options_.path_of;
    rebuild.form = options_.form;
    rebuild.now = clock_.TimeNow();
    return rebuild;
  }

  absl::StatusOr<bool> IsIntact() {
    const absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(files_.copy(), {});
    if (absl::IsResourceExhausted(database.status())) return database.status();
    if (!database.ok()) {
      report_.problem_count = 1;
      report_.problems.emplace_back(database.status().message());
      return false;
    }
    const absl::StatusOr<int> version = SchemaVersion(**database);
    if (version.ok() && *version > kSchemaVersion) {
      return Error(absl::StatusCode::kFailedPrecondition, "SCHEMA_TOO_NEW",
                   "a newer version made this store: use its modelrefctl");
    }
    ASSIGN_OR_RETURN(StoreCheck check, Check(**database));
    report_.problem_count = check.problem_count;
    report_.problems = std::move(check.problems);
    return check.problem_count == 0;
  }

  absl::Status MakeFresh(bool exists) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Database> fresh, Database::Open(files_.fresh(), {}));
    RETURN_IF_ERROR(PrepareSchema(*fresh));
    if (exists) {
      ASSIGN_OR_RETURN(Salvage salvage, SalvageTables(files_.copy(), *fresh));
      const bool has_history = AreWhole(salvage, kHistoryTables);
      const bool has_files = AreWhole(salvage, kFileTables);
      report_.tables = std::move(salvage.tables);
      // What of it is lost follows from the events, as far as they are there.
      if (has_history) RETURN_IF_ERROR(RecountMetadata(*fresh));
      ASSIGN_OR_RETURN(const StoreCheck check, Check(*fresh));
      ASSIGN_OR_RETURN(const std::string epoch, ReadMeta(*fresh, kMetaEpoch));
      if (has_history && check.problem_count == 0 && epoch.size() == kEpochBytes) {
        report_.outcome = RepairOutcome::kCopied;
        if (has_files) return absl::OkStatus();
        ASSIGN_OR_RETURN(report_.documents,
                         ReconcileDocuments(*fresh, ForRebuild(), Reconcile::kFiles));
        return absl::OkStatus();
      }
    }
    report_.outcome = RepairOutcome::kRebuilt;
    report_.new_epoch = true;
    ASSIGN_OR_RETURN(report_.parent_epoch, ReadMeta(*fresh, kMetaEpoch));
    if (report_.parent_epoch.size() != kEpochBytes) report_.parent_epoch.clear();
    ASSIGN_OR_RETURN(report_.documents, RebuildHistory(*fresh, keys_, ForRebuild()));
    return absl::OkStatus();
  }

  // Of a history that is whole, but for its end.
  absl::Status TakeLostTransactions(const std::string& candidate) {
    if (report_.outcome == RepairOutcome::kRebuilt) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, Database::Open(candidate, {}));
    ASSIGN_OR_RETURN(const StoreFacts facts, ReadStoreFacts(*database));
    ASSIGN_OR_RETURN(const uint64_t head, HeadOf(*database));
    ASSIGN_OR_RETURN(const TrailHead trail, ReadTrailHead(options_.audit_root, head));
    if (trail.last_event_id <= head) return absl::OkStatus();
    RETURN_IF_ERROR(PrepareSchema(*database));
    report_.lost_transactions = true;
    report_.new_epoch = true;
    report_.parent_epoch = facts.epoch;
    ASSIGN_OR_RETURN(report_.documents,
                     ReconcileDocuments(*database, ForRebuild(), Reconcile::kLostTransactions));
    return absl::OkStatus();
  }

  // What is put in place must be right.
  absl::Status Describe(const std::string& candidate) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, Database::Open(candidate, {}));
    RETURN_IF_ERROR(database->Execute("PRAGMA wal_checkpoint(TRUNCATE)"));
    ASSIGN_OR_RETURN(const StoreFacts facts, ReadStoreFacts(*database));
    report_.epoch = facts.epoch;
    ASSIGN_OR_RETURN(report_.revision, HeadOf(*database));
    ASSIGN_OR_RETURN(const StoreCheck check, Check(*database));
    if (check.problem_count == 0) return absl::OkStatus();
    return Error(absl::StatusCode::kDataLoss, "STORE_DAMAGED",
                 absl::StrCat("the repaired store is not right, nothing was changed: ",
                              check.problems.front()));
  }

  const std::vector<DocumentKey>& keys_;
  Clock& clock_;
  const RepairOptions& options_;
  RepairFiles files_;
  RepairReport report_;
};

}  // namespace

absl::StatusOr<RepairReport> RepairStore(const std::vector<DocumentKey>& keys, Clock& clock,
                                         const RepairOptions& options) {
  RETURN_IF_ERROR(
      Annotated(IdentifyFile(options.store_directory).status(), "no store in this directory"));
  ASSIGN_OR_RETURN(const FileLock lock, LockStoreToRepair(options.store_directory));
  return StoreRepair(keys, clock, options).Run();
}

}  // namespace modelref
