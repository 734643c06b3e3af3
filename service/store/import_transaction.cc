#include "service/store/import_transaction.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/status_macros.h"
#include "service/store/file_base.h"
#include "service/store/recent_commits.h"
#include "service/store/store_reader.h"
#include "service/store/table_fields.h"
#include "service/store/three_way.h"

namespace modelref {
namespace {

size_t CountDeletes(const std::vector<RecordChange>& changes) {
  size_t count = 0;
  for (const RecordChange& change : changes) count += change.after == nullptr ? 1 : 0;
  return count;
}

// Names that the file does not have and that stay all the same: committed a short while ago.
std::set<std::string> MissingRecent(const Document& committed, const Snapshot& snapshot,
                                    const std::vector<RecordChange>& changes) {
  std::set<std::string> missing;
  committed.ForEach([&](const Entry& entry) {
    const std::string& name = entry.record->name;
    if (snapshot.document->Find(name) == nullptr) missing.insert(name);
  });
  for (const RecordChange& change : changes) missing.erase(change.name);
  for (const RecordProblem& problem : snapshot.problems) missing.erase(problem.name);
  return missing;
}

// True when the edit only removes, and exactly the last models that the file had: how a table that
// was cut short looks.
bool LosesOnlyTheTail(const Document& document, const RecordEtags& base,
                      const std::vector<RecordChange>& changes,
                      const std::set<std::string>& missing_recent) {
  const size_t deletes = CountDeletes(changes);
  if (deletes == 0 || deletes != changes.size()) return false;
  std::set<std::string> removed = missing_recent;
  for (const RecordChange& change : changes) removed.insert(change.name);
  bool only_tail = true;
  size_t found = 0;
  document.ForEach([&](const Entry& entry) {
    if (base.count(entry.record->name) == 0) return;
    if (removed.count(entry.record->name) > 0) {
      ++found;
    } else if (found > 0) {
      only_tail = false;
    }
  });
  return only_tail;
}

// Why the edit is not taken at once.
void Object(const DocumentState& state, const Snapshot& snapshot, const RecordEtags& base,
            const std::vector<RecordChange>& changes, const HeldRemovals& held,
            ImportOutcome* outcome) {
  const std::set<std::string> missing_recent = MissingRecent(*state.document, snapshot, changes);
  const size_t deletes = CountDeletes(changes);
  const size_t count = state.document->record_count();
  // An editor may have had the file open for longer. What stays anyway must not make a removal of
  // the others look small.
  const size_t removable = count - missing_recent.size();
  if (state.known && !snapshot.suspicion.empty()) {
    outcome->objection = FreshnessCause::kRefreshFailed;
    outcome->edit.detail = snapshot.suspicion;
  } else if (snapshot.is_table &&
             LosesOnlyTheTail(*state.document, base, changes, missing_recent)) {
    outcome->objection = FreshnessCause::kRefreshFailed;
    outcome->edit.detail = absl::StrCat("the last ", deletes,
                                        " entries are gone and nothing else changed, as in a file "
                                        "that was cut short");
  } else if (count >= held.min_models && deletes * 100 > removable * held.percent) {
    outcome->objection = FreshnessCause::kEditHeld;
    outcome->edit.detail = absl::StrCat("the edit removes ", deletes, " of ", removable, " models");
    if (!missing_recent.empty()) {
      absl::StrAppend(&outcome->edit.detail, ", and lacks ", missing_recent.size(),
                      " that were committed a short while ago");
    }
  }
  if (outcome->objection == FreshnessCause::kNone) return;
  HeldEdit& edit = outcome->edit;
  edit.key = state.key;
  edit.kind =
      outcome->objection == FreshnessCause::kEditHeld ? HeldKind::kMassRemoval : HeldKind::kDamage;
  edit.sha256 = snapshot.content_sha256;
  edit.size_bytes = snapshot.source_bytes;
  edit.acceptable = true;
  outcome->held_changes = DescribeChanges(*state.document, changes, &edit);
}

// An edit of a table says nothing about what tables cannot hold.
void KeepFields(const Document& committed, FileEdit* edit) {
  std::vector<RecordChange> changes;
  for (RecordChange& change : edit->changes) {
    const Entry* entry = change.after == nullptr ? nullptr : committed.Find(change.name);
    if (entry != nullptr) {
      RecordPtr kept = KeepFieldsOutsideTable(*entry->record, change.after);
      if (kept->etag != change.after->etag) edit->equals_file = false;
      change.after = std::move(kept);
      if (change.after->etag == entry->record->etag) continue;
    }
    changes.push_back(std::move(change));
  }
  edit->changes = std::move(changes);
}

DocumentEdit EditOf(const DocumentState& state, const Snapshot& snapshot, FileEdit edit) {
  DocumentEdit document;
  document.key = state.key;
  document.from_source = true;
  document.problems = snapshot.problems;
  // The text of a legacy document is what its file says only while it says all of it.
  if (edit.equals_file) document.source_text = snapshot.source_text;
  // The first content may be large.
  const bool is_whole = state.document->record_count() == 0 && edit.overruled.empty() &&
                        edit.changes.size() == snapshot.document->record_count();
  if (is_whole) {
    document.replacement = snapshot.document;
  } else {
    document.changes = std::move(edit.changes);
  }
  return document;
}

// Whether the file in place is another one than was read: the base may be that of the newer one.
bool IsSuperseded(const FileImport& import) {
  const std::string& read = import.snapshot->version;
  if (!import.is_in_place || import.path.empty() || read.empty()) return false;
  const absl::StatusOr<FileVersion> now = StatFile(import.path);
  return !now.ok() || ToString(*now) != read;
}

// The revision of the document that the file shows once the transaction is done.
uint64_t ShownRevision(const TransactionContext& context, const DocumentState& state,
                       const FileEdit& edit) {
  // A v2 file is brought into our form after each edit; a legacy one keeps its bytes while its
  // records are those of the document.
  if (!edit.equals_file || state.key.format == Format::kV2) return 0;
  return edit.changes.empty() ? state.mod_revision : context.base().revision + edit.changes.size();
}

}  // namespace

absl::Status ImportFile(TransactionContext& context, const FileImport& import,
                        ImportOutcome* outcome) {
  *outcome = ImportOutcome();
  outcome->is_superseded = IsSuperseded(import);
  if (outcome->is_superseded) return absl::OkStatus();
  const Snapshot& snapshot = *import.snapshot;
  Database& database = context.database();
  const DocumentState* state = context.base().Find(import.key);
  ASSIGN_OR_RETURN(const int64_t id, DocumentId(database, import.key));
  ASSIGN_OR_RETURN(std::optional<FileState> file, ReadFileState(database, id));
  if (import.is_in_place && state->known && file.has_value() &&
      file->sha256 == snapshot.content_sha256) {
    file->version = snapshot.version;
    return WriteFileState(database, id, *file);
  }
  ASSIGN_OR_RETURN(const RecordEtags base, ReadFileBase(database, id));
  ASSIGN_OR_RETURN(const std::optional<FileIntent> intent, ReadFileIntent(database, id));
  if (import.is_in_place && intent.has_value() && intent->sha256 == snapshot.content_sha256) {
    // A rewrite of ours, of which only this is missing.
    RETURN_IF_ERROR(UpdateFileBase(database, id, DiffFileBase(base, *snapshot.document)));
    RETURN_IF_ERROR(ForgetFileIntent(database, id));
    return WriteFileState(
        database, id,
        {intent->revision, snapshot.version, snapshot.content_sha256, snapshot.source_bytes});
  }
  absl::Time as_of = context.time();
  // An editor may have held a displaced file open for hours: it is judged as it was then.
  if (import.displaced_at.has_value()) {
    ASSIGN_OR_RETURN(as_of, TimeOfRevision(database, *import.displaced_at, as_of));
  }
  const RecentCommits recent(database, id, as_of - import.recent, import.displaced_at);
  ASSIGN_OR_RETURN(FileEdit edit,
                   MergeThreeWays(*state->document, base, *snapshot.document, snapshot.problems,
                                  [&](const std::string& name, const RecordValue& value) {
                                    return recent.Replaced(name, value);
                                  }));
  if (snapshot.is_table) KeepFields(*state->document, &edit);
  Object(*state, snapshot, base, edit.changes, import.held_removals, outcome);
  outcome->edit.document = id;
  if (outcome->objection != FreshnessCause::kNone) return absl::OkStatus();
  outcome->overruled = edit.overruled;
  if (import.is_in_place) {
    RETURN_IF_ERROR(UpdateFileBase(database, id, edit.base));
    // From here on somebody else may have written what we were about to write.
    RETURN_IF_ERROR(ForgetFileIntent(database, id));
    RETURN_IF_ERROR(WriteFileState(database, id,
                                   {ShownRevision(context, *state, edit), snapshot.version,
                                    snapshot.content_sha256, snapshot.source_bytes}));
  }
  return context.Edit(EditOf(*state, snapshot, std::move(edit)));
}

}  // namespace modelref
