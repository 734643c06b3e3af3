#include "service/store/import.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/durable_file.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "backends/base/temporary_file.h"
#include "service/store/recent_commits.h"

namespace modelref {
namespace {

// The most records that one line of the log names.
constexpr size_t kLoggedNames = 10;

void ReportProblems(const DocumentState& before, const Snapshot& snapshot) {
  if (snapshot.problems.empty() || before.problems == snapshot.problems) return;
  std::string records;
  for (size_t i = 0; i < snapshot.problems.size() && i < kLoggedNames; ++i) {
    const RecordProblem& problem = snapshot.problems[i];
    absl::StrAppend(&records, i == 0 ? "" : "; ", "\"", problem.name, "\" in line ", problem.line,
                    ": ", problem.reason);
  }
  Log(LogLevel::kWarning, "store.records_unrepresentable",
      {{"document", before.key.ToString()},
       {"count", absl::StrCat(snapshot.problems.size())},
       {"records", records}});
}

void ReportOverruled(const DocumentKey& key, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const size_t shown = std::min(names.size(), kLoggedNames);
  Log(LogLevel::kWarning, "store.edit_overruled",
      {{"document", key.ToString()},
       {"count", absl::StrCat(names.size())},
       {"models",
        absl::StrJoin(names.begin(), names.begin() + static_cast<ptrdiff_t>(shown), ", ")},
       {"effect", "the file had what was replaced a short while ago; what replaced it stays"}});
}

// What the rewrite showed that displaced the file; a file under any other name does not tell.
std::optional<uint64_t> ShownRevision(const std::string& displaced) {
  const auto name = ParseTemporaryName(std::filesystem::path(displaced).filename().string());
  return name.has_value() ? name->revision : std::nullopt;
}

std::string WaitsAs(const HeldEdit& edit) {
  return absl::StrCat(edit.detail, "; it waits: modelrefctl category accept ", edit.id);
}

}  // namespace

SourceImporter::SourceImporter(Store& store, Clock& clock, Options options)
    : store_(store),
      clock_(clock),
      options_(std::move(options)),
      held_(store, options_.held_folder) {}

bool SourceImporter::Offer(const DocumentKey& key, const absl::StatusOr<SnapshotPtr>& fetched,
                           const std::string& caller) {
  const RootPtr root = store_.root();
  const DocumentState* state = root->Find(key);
  if (state == nullptr) return true;
  if (fetched.ok()) return OfferContent(*state, *fetched, caller);
  OfferError(*state, fetched.status());
  return true;
}

absl::Status SourceImporter::Take(const DocumentKey& key, const SnapshotPtr& snapshot,
                                  const std::string& caller) {
  if (store_.root()->Find(key) == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ImportOutcome outcome, Commit(InPlace(key, snapshot), caller));
  if (outcome.is_superseded) return absl::AbortedError("the file changed while it was imported");
  ReportOverruled(key, outcome.overruled);
  return absl::OkStatus();
}

FileImport SourceImporter::InPlace(const DocumentKey& key, const SnapshotPtr& snapshot) const {
  FileImport import{key, snapshot, true, std::nullopt, options_.recent, options_.held_removals, ""};
  if (options_.path_of) import.path = options_.path_of(key);
  return import;
}

absl::StatusOr<ImportOutcome> SourceImporter::Commit(const FileImport& import,
                                                     const std::string& caller) {
  auto outcome = std::make_shared<ImportOutcome>();
  TransactionRequest request;
  request.caller = caller;
  if (!import.is_in_place) request.request_id = kDisplacedRequest;
  request.body = [import, outcome](TransactionContext& context) {
    return ImportFile(context, import, outcome.get());
  };
  RETURN_IF_ERROR(store_.Commit(std::move(request)).status());
  return std::move(*outcome);
}

bool SourceImporter::OfferContent(const DocumentState& state, const SnapshotPtr& snapshot,
                                  const std::string& caller) {
  absl::StatusOr<ImportOutcome> outcome = Commit(InPlace(state.key, snapshot), caller);
  if (!outcome.ok()) {
    Tell(state.key, FreshnessCause::kRefreshFailed, std::string(outcome.status().message()));
    return true;
  }
  if (outcome->is_superseded) return false;
  if (outcome->objection == FreshnessCause::kEditHeld) {
    HoldEdit(state.key, *std::move(outcome));
    return true;
  }
  if (outcome->objection != FreshnessCause::kNone) {
    Tell(state.key, outcome->objection, outcome->edit.detail);
    NoteDamage(state.key, std::move(outcome->edit), std::move(outcome->held_changes));
    return true;
  }
  ReportProblems(state, *snapshot);
  ReportOverruled(state.key, outcome->overruled);
  Accept(state.key);
  const uint64_t revision = store_.root()->Find(state.key)->mod_revision;
  if (state.known && revision != state.mod_revision) {
    Log(LogLevel::kInfo, "store.edit_imported",
        {{"document", state.key.ToString()}, {"revision", absl::StrCat(revision)}});
  }
  return true;
}

absl::Status SourceImporter::OfferDisplaced(const DocumentKey& key,
                                            const absl::StatusOr<SnapshotPtr>& content,
                                            const std::string& path, const std::string& caller) {
  const RootPtr root = store_.root();
  const DocumentState* state = root->Find(key);
  if (state == nullptr) return absl::OkStatus();
  HeldEdit edit;
  edit.key = key;
  std::vector<HeldChange> changes;
  if (content.ok()) {
    ASSIGN_OR_RETURN(ImportOutcome outcome, Commit({key, *content, false, ShownRevision(path),
                                                    options_.recent, options_.held_removals, ""},
                                                   caller));
    if (outcome.objection == FreshnessCause::kNone) {
      ReportProblems(*state, **content);
      ReportOverruled(key, outcome.overruled);
      // Its records that cannot be represented are to be written back.
      if (options_.restore && !(*content)->problems.empty()) options_.restore(key);
      return absl::OkStatus();
    }
    edit = std::move(outcome.edit);
    changes = std::move(outcome.held_changes);
  } else {
    edit.detail = std::string(content.status().message());
  }
  if (!held_.can_keep()) return absl::OkStatus();
  ASSIGN_OR_RETURN(edit, held_.Keep(path, std::move(edit), std::move(changes), clock_.TimeNow()));
  UpdateHeld();
  return absl::OkStatus();
}

void SourceImporter::OfferUnchanged(const DocumentKey& key) {
  if (store_.root()->Find(key) != nullptr) Accept(key);
}

void SourceImporter::OfferError(const DocumentState& state, const absl::Status& error) {
  if (absl::IsNotFound(error) && !state.known) {
    // Missing is empty (DESIGN 6). What was damaged and then removed is empty too.
    if (!state.damage.ok()) store_.SetDamage(state.key, absl::OkStatus());
    if (state.freshness.stale()) store_.SetFreshness(state.key, FreshnessCause::kNone, "");
    return;
  }
  if (!state.known) store_.SetDamage(state.key, error);
  Tell(state.key, FreshnessCause::kRefreshFailed, std::string(error.message()));
  // A file that only cannot be read now is none of ours to replace.
  const bool is_damage = absl::IsNotFound(error) || absl::IsDataLoss(error);
  if (!state.known || !is_damage) return;
  HeldEdit edit;
  edit.key = state.key;
  edit.detail = std::string(error.message());
  NoteDamage(state.key, std::move(edit), {});
}

void SourceImporter::Accept(const DocumentKey& key) {
  {
    MutexLock lock(&mutex_);
    damaged_.erase(key);
  }
  const RootPtr root = store_.root();
  const DocumentState& state = *root->Find(key);
  if (!state.damage.ok()) store_.SetDamage(key, absl::OkStatus());
  const FreshnessCause cause = state.freshness.cause;
  // What waits goes on waiting, whatever the file holds now.
  if (cause == FreshnessCause::kNone || (cause == FreshnessCause::kEditHeld && held_.can_keep())) {
    return;
  }
  if (cause == FreshnessCause::kRefreshFailed || cause == FreshnessCause::kEditHeld) {
    Log(LogLevel::kInfo, "store.document_healed", {{"document", key.ToString()}});
  }
  store_.SetFreshness(key, FreshnessCause::kNone, "");
  if (held_.can_keep()) UpdateHeld();
}

void SourceImporter::Tell(const DocumentKey& key, FreshnessCause cause, const std::string& detail) {
  const RootPtr root = store_.root();
  const DocumentState& state = *root->Find(key);
  if (state.freshness.cause == cause && state.freshness.detail == detail) return;
  Log(LogLevel::kWarning,
      cause == FreshnessCause::kEditHeld ? "store.edit_held" : "store.document_damaged",
      {{"document", key.ToString()},
       {"serving", !state.known ? "nothing" : "the last good content"},
       {"detail", detail}});
  store_.SetFreshness(key, cause, detail);
}

// --- What waits for an operator
// -------------------------------------------------------------------

void SourceImporter::HoldEdit(const DocumentKey& key, ImportOutcome outcome) {
  if (!held_.can_keep()) {
    Tell(key, FreshnessCause::kEditHeld, outcome.edit.detail);
    return;
  }
  const std::string detail = outcome.edit.detail;
  const absl::StatusOr<HeldEdit> held =
      held_.Keep(options_.path_of(key), std::move(outcome.edit), std::move(outcome.held_changes),
                 clock_.TimeNow());
  // The next edit of the file is judged by itself.
  if (absl::IsAborted(held.status()) || absl::IsNotFound(held.status())) return;
  if (!held.ok()) {
    Tell(key, FreshnessCause::kEditHeld,
         absl::StrCat(detail, "; its bytes cannot be kept: ", held.status().message()));
    return;
  }
  {
    MutexLock lock(&mutex_);
    damaged_.erase(key);
  }
  Tell(key, FreshnessCause::kEditHeld, WaitsAs(*held));
  // The bytes are safe: the file is to show what is served.
  if (options_.restore) options_.restore(key);
}

void SourceImporter::UpdateHeld() {
  if (!held_.can_keep()) return;
  std::map<DocumentKey, std::string> waiting;
  const absl::Status status = store_.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<HeldEdit> edits, ListWaitingEdits(database, 0, ""));
    for (const HeldEdit& edit : edits) {
      if (edit.kind == HeldKind::kMassRemoval) waiting[edit.key] = WaitsAs(edit);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return;  // Asked again with the next poll.
  const RootPtr root = store_.root();
  for (const auto& [key, state] : root->documents) {
    const auto it = waiting.find(key);
    const FreshnessCause cause = state->freshness.cause;
    if (it != waiting.end() && cause != FreshnessCause::kRefreshFailed) {
      Tell(key, FreshnessCause::kEditHeld, it->second);
    } else if (it == waiting.end() && cause == FreshnessCause::kEditHeld) {
      store_.SetFreshness(key, FreshnessCause::kNone, "");
    }
  }
}

}  // namespace modelref
