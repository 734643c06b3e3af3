#include "service/store/held_decision.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr char kFileCaller[] = "external:file";
constexpr char kDiscardCaller[] = "system:held";

absl::Status Changed(absl::string_view id, absl::string_view why) {
  return Error(absl::StatusCode::kAborted, "HELD_EDIT_CHANGED",
               absl::StrCat("the held edit ", id, " ", why));
}

absl::Status NotApplicable(absl::string_view id, absl::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, "HELD_EDIT_NOT_APPLICABLE",
               absl::StrCat("the held edit ", id, " can only be discarded: ", why));
}

struct Waiting {
  HeldEdit edit;
  std::vector<HeldChange> changes;
};

absl::StatusOr<Waiting> Read(Store& store, const std::string& id) {
  Waiting waiting;
  RETURN_IF_ERROR(store.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(std::optional<HeldEdit> edit, ReadHeldEdit(database, id));
    if (!edit.has_value()) {
      return Error(absl::StatusCode::kNotFound, "HELD_EDIT_NOT_FOUND",
                   absl::StrCat("no held edit ", id));
    }
    waiting.edit = *std::move(edit);
    ASSIGN_OR_RETURN(waiting.changes, ReadHeldChanges(database, id));
    return absl::OkStatus();
  }));
  return waiting;
}

absl::StatusOr<DecidedEdit> AnswerAgain(Store& store, HeldEdit edit) {
  DecidedEdit decided;
  decided.root = store.root();
  decided.revision = edit.revision;
  decided.etag = edit.etag;
  if (edit.revision > 0) {
    ASSIGN_OR_RETURN(decided.chain, store.ChainAt(edit.revision));
  }
  decided.edit = std::move(edit);
  return decided;
}

absl::StatusOr<SnapshotPtr> ReadBytes(const std::string& path, const FormOf& form_of,
                                      const HeldEdit& edit) {
  if (!edit.acceptable) return NotApplicable(edit.id, edit.detail);
  const absl::StatusOr<SnapshotPtr> snapshot = ReadDocumentFile(path, form_of(edit.key));
  if (!snapshot.ok()) return NotApplicable(edit.id, snapshot.status().message());
  if ((*snapshot)->content_sha256 != edit.sha256) {
    return Changed(edit.id, "no longer has the bytes that were noticed");
  }
  return *snapshot;
}

// What the edit does to the document now, without what was committed since.
std::vector<RecordChange> ChangesNow(const Document& now, const Waiting& waiting,
                                     const Document& file, std::vector<std::string>* overruled) {
  std::vector<RecordChange> changes;
  for (const HeldChange& change : waiting.changes) {
    const Entry* present = now.Find(change.name);
    const Entry* wanted = file.Find(change.name);
    const RecordValue present_value =
        present == nullptr ? RecordValue() : RecordValue(present->record->etag);
    const RecordValue wanted_value =
        wanted == nullptr ? RecordValue() : RecordValue(wanted->record->etag);
    if (present_value == wanted_value) continue;
    if (present_value == change.committed) {
      changes.push_back({change.name, wanted == nullptr ? nullptr : wanted->record});
    } else {
      overruled->push_back(change.name);
    }
  }
  return changes;
}

absl::Status Accept(TransactionContext& context, const Waiting& waiting, const Snapshot& snapshot,
                    DecidedEdit* decided, std::vector<std::string>* overruled) {
  overruled->clear();
  const Document& now = *context.base().Find(waiting.edit.key)->document;
  DocumentEdit edit;
  edit.key = waiting.edit.key;
  edit.changes = ChangesNow(now, waiting, *snapshot.document, overruled);
  HeldEdit after = waiting.edit;
  after.state = HeldState::kAccepted;
  after.revision = edit.changes.empty() ? 0 : context.base().revision + edit.changes.size();
  after.etag = now.Apply(edit.changes, after.revision)->etag();
  decided->revision = after.revision;
  decided->etag = after.etag;
  RETURN_IF_ERROR(DecideHeldEdit(context.database(), after));
  return context.Edit(std::move(edit));
}

absl::Status Discard(TransactionContext& context, const HeldEdit& edit, DecidedEdit* decided) {
  HeldEdit after = edit;
  after.state = HeldState::kDiscarded;
  after.etag = context.base().Find(edit.key)->document->etag();
  decided->etag = after.etag;
  return DecideHeldEdit(context.database(), after);
}

absl::StatusOr<DecidedEdit> Commit(Store& store, const Waiting& waiting,
                                   const SnapshotPtr& snapshot) {
  struct Outcome {
    DecidedEdit decided;
    std::vector<std::string> overruled;
    bool was_decided = false;
  };
  auto outcome = std::make_shared<Outcome>();
  TransactionRequest request;
  request.caller = snapshot == nullptr ? kDiscardCaller : kFileCaller;
  request.request_id = waiting.edit.id;
  request.body = [waiting, snapshot, outcome](TransactionContext& context) -> absl::Status {
    ASSIGN_OR_RETURN(const std::optional<HeldEdit> present,
                     ReadHeldEdit(context.database(), waiting.edit.id));
    *outcome = Outcome();
    outcome->was_decided = !present.has_value() || present->state != HeldState::kWaiting;
    if (outcome->was_decided) return absl::OkStatus();
    return snapshot == nullptr
               ? Discard(context, waiting.edit, &outcome->decided)
               : Accept(context, waiting, *snapshot, &outcome->decided, &outcome->overruled);
  };
  ASSIGN_OR_RETURN(const CommitResult result, store.Commit(std::move(request)));
  if (outcome->was_decided) return Changed(waiting.edit.id, "was decided meanwhile");
  if (!outcome->overruled.empty()) {
    Log(LogLevel::kWarning, "store.edit_overruled",
        {{"document", waiting.edit.key.ToString()},
         {"count", absl::StrCat(outcome->overruled.size())},
         {"effect", "these were committed after the edit was noticed; the commits stay"}});
  }
  outcome->decided.edit = waiting.edit;
  outcome->decided.root = result.root;
  outcome->decided.chain = result.root->chain;
  return std::move(outcome->decided);
}

}  // namespace

absl::StatusOr<DecidedEdit> DecideEdit(Store& store, const std::string& held_folder,
                                       const FormOf& form_of, const HeldDecision& decision) {
  ASSIGN_OR_RETURN(const Waiting waiting, Read(store, decision.id));
  const HeldEdit& edit = waiting.edit;
  if (decision.if_sha256 != Sha256Digest{} && decision.if_sha256 != edit.sha256) {
    return Changed(edit.id, "has other bytes");
  }
  if (edit.state != HeldState::kWaiting) {
    const bool same = (edit.state == HeldState::kAccepted) == decision.accept;
    if (same) return AnswerAgain(store, edit);
    return Changed(edit.id, decision.accept ? "was discarded" : "was accepted");
  }
  SnapshotPtr snapshot;
  if (decision.accept) {
    ASSIGN_OR_RETURN(snapshot, ReadBytes(absl::StrCat(held_folder, "/", edit.id), form_of, edit));
  }
  if (!decision.validate_only) return Commit(store, waiting, snapshot);
  DecidedEdit decided;
  decided.edit = edit;
  decided.root = store.root();
  const Document& now = *decided.root->Find(edit.key)->document;
  std::vector<std::string> overruled;
  decided.etag =
      snapshot == nullptr
          ? now.etag()
          : now.Apply(ChangesNow(now, waiting, *snapshot->document, &overruled), 0)->etag();
  return decided;
}

absl::StatusOr<std::vector<HeldEdit>> ListWaiting(Store& store, int64_t after_noticed_us,
                                                  const std::string& after_id) {
  std::vector<HeldEdit> edits;
  RETURN_IF_ERROR(store.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(edits, ListWaitingEdits(database, after_noticed_us, after_id));
    return absl::OkStatus();
  }));
  return edits;
}

}  // namespace modelref
