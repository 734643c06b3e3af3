#include "service/store/import.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/log.h"

namespace modelref {
namespace {

// The first content of a small document is committed model by model, so that watchers learn the
// names.
constexpr size_t kListedCreates = 1024;

// The most records that one line of the log names.
constexpr size_t kLoggedProblems = 10;

size_t CountDeletes(const std::vector<RecordChange>& changes) {
  size_t count = 0;
  for (const RecordChange& change : changes) count += change.after == nullptr ? 1 : 0;
  return count;
}

// True when the steps only remove, and exactly the last models of the document: how a table that
// was cut short looks.
bool LosesOnlyTheTail(const Document& document, const std::vector<RecordChange>& changes) {
  const size_t deletes = CountDeletes(changes);
  if (deletes == 0 || deletes != changes.size()) return false;
  std::set<std::string> removed;
  for (const RecordChange& change : changes) removed.insert(change.name);
  size_t position = 0;
  bool only_tail = true;
  document.ForEach([&](const Entry& entry) {
    const bool in_tail = position++ >= document.record_count() - deletes;
    if (in_tail != (removed.count(entry.record->name) > 0)) only_tail = false;
  });
  return only_tail;
}

struct Objection {
  FreshnessCause cause = FreshnessCause::kNone;
  std::string detail;
};

// Why an edit is not taken at once.
Objection Object(const Document& before, const std::vector<RecordChange>& changes, bool is_table) {
  const size_t deletes = CountDeletes(changes);
  if (is_table && LosesOnlyTheTail(before, changes)) {
    return {FreshnessCause::kRefreshFailed,
            absl::StrCat("the last ", deletes,
                         " entries are gone and nothing else changed, as in "
                         "a file that was cut short")};
  }
  if (before.record_count() >= SourceImporter::kHalfRemovalMinimum &&
      deletes * 2 > before.record_count()) {
    return {FreshnessCause::kEditHeld,
            absl::StrCat("the edit removes ", deletes, " of ", before.record_count(),
                         " models; restore the file, or restart the server to take it")};
  }
  return {};
}

bool SameSource(const DocumentState& state, const Snapshot& snapshot) {
  const bool same_text = state.source_text == snapshot.source_text ||
                         (state.source_text != nullptr && snapshot.source_text != nullptr &&
                          *state.source_text == *snapshot.source_text);
  return same_text && state.problems == snapshot.problems;
}

}  // namespace

std::vector<RecordChange> DiffDocuments(const Document& before, const Document& after,
                                        const std::vector<RecordProblem>& unreadable) {
  std::vector<RecordChange> changes;
  after.ForEach([&](const Entry& entry) {
    const Entry* old = before.Find(entry.record->name);
    if (old == nullptr || old->record->etag != entry.record->etag) {
      changes.push_back({entry.record->name, entry.record});
    }
  });
  std::set<std::string> kept;
  for (const RecordProblem& problem : unreadable) kept.insert(problem.name);
  before.ForEach([&](const Entry& entry) {
    const std::string& name = entry.record->name;
    if (after.Find(name) == nullptr && kept.count(name) == 0) changes.push_back({name, nullptr});
  });
  return changes;
}

void SourceImporter::Offer(const DocumentKey& key, const absl::StatusOr<SnapshotPtr>& fetched,
                           const std::string& caller) {
  const RootPtr root = store_.root();
  const DocumentState* state = root->Find(key);
  if (state == nullptr) return;
  if (fetched.ok()) {
    OfferContent(*state, **fetched, caller);
  } else {
    OfferError(*state, fetched.status());
  }
}

void SourceImporter::OfferContent(const DocumentState& state, const Snapshot& snapshot,
                                  const std::string& caller) {
  const Document& before = *state.document;
  const bool first = state.mod_revision == 0;
  if (!first && !snapshot.suspicion.empty()) {
    Hold(state, FreshnessCause::kRefreshFailed, snapshot.suspicion);
    return;
  }
  DocumentEdit edit{state.key, {}, nullptr, snapshot.source_text, snapshot.problems};
  if (first && snapshot.document->record_count() > kListedCreates) {
    edit.replacement = snapshot.document;
  } else {
    edit.changes = DiffDocuments(before, *snapshot.document, snapshot.problems);
    if (const Objection objection = Object(before, edit.changes, snapshot.is_table);
        objection.cause != FreshnessCause::kNone) {
      Hold(state, objection.cause, objection.detail);
      return;
    }
  }
  ReportProblems(state, snapshot);
  const uint64_t before_revision = state.mod_revision;
  std::vector<DocumentEdit> edits;
  edits.push_back(std::move(edit));
  store_.Commit(caller, std::move(edits));
  const RootPtr after = store_.root();
  Accept(*after->Find(state.key), snapshot);
  if (!first && after->Find(state.key)->mod_revision != before_revision) {
    Log(LogLevel::kInfo, "store.edit_imported",
        {{"document", state.key.ToString()},
         {"revision", absl::StrCat(after->Find(state.key)->mod_revision)}});
  }
}

void SourceImporter::ReportProblems(const DocumentState& before, const Snapshot& snapshot) {
  if (snapshot.problems.empty() || before.problems == snapshot.problems) return;
  std::string records;
  for (size_t i = 0; i < snapshot.problems.size() && i < kLoggedProblems; ++i) {
    const RecordProblem& problem = snapshot.problems[i];
    absl::StrAppend(&records, i == 0 ? "" : "; ", "\"", problem.name, "\" in line ", problem.line,
                    ": ", problem.reason);
  }
  Log(LogLevel::kWarning, "store.records_unrepresentable",
      {{"document", before.key.ToString()},
       {"count", absl::StrCat(snapshot.problems.size())},
       {"records", records}});
}

void SourceImporter::Accept(const DocumentState& state, const Snapshot& snapshot) {
  // Another layout of the same records makes no event, but it is what the source text is now.
  if (!SameSource(state, snapshot)) {
    store_.SetSource(state.key, snapshot.source_text, snapshot.problems);
  }
  if (!state.damage.ok()) store_.SetDamage(state.key, absl::OkStatus());
  if (!state.freshness.stale()) return;
  if (state.freshness.cause != FreshnessCause::kMarked &&
      state.freshness.cause != FreshnessCause::kTtl) {
    Log(LogLevel::kInfo, "store.document_healed", {{"document", state.key.ToString()}});
  }
  store_.SetFreshness(state.key, FreshnessCause::kNone, "");
}

void SourceImporter::OfferError(const DocumentState& state, const absl::Status& error) {
  const bool has_content = state.mod_revision != 0;
  if (absl::IsNotFound(error) && !has_content) {
    // Missing is empty (DESIGN 6). What was damaged and then removed is empty too.
    if (!state.damage.ok()) store_.SetDamage(state.key, absl::OkStatus());
    if (state.freshness.stale()) store_.SetFreshness(state.key, FreshnessCause::kNone, "");
    return;
  }
  if (!has_content) store_.SetDamage(state.key, error);
  Hold(state, FreshnessCause::kRefreshFailed, std::string(error.message()));
}

void SourceImporter::Hold(const DocumentState& state, FreshnessCause cause,
                          const std::string& detail) {
  if (state.freshness.cause == cause && state.freshness.detail == detail) return;
  Log(LogLevel::kWarning,
      cause == FreshnessCause::kEditHeld ? "store.edit_held" : "store.document_damaged",
      {{"document", state.key.ToString()},
       {"serving", state.mod_revision == 0 ? "nothing" : "the last good content"},
       {"detail", detail}});
  store_.SetFreshness(state.key, cause, detail);
}

}  // namespace modelref
