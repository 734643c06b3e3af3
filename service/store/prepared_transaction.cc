#include "service/store/prepared_transaction.h"

#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"
#include "service/store/record_problems.h"

namespace modelref {
namespace {

struct EditedDocument {
  uint64_t failed_changes = 0;
  std::optional<absl::Time> begin_metadata;
  std::optional<CategoryMetadata> beginning;  // Of metadata that no event began.
  std::shared_ptr<DocumentState> state;       // Its content is set last.
  std::vector<Event> events;
  std::vector<RecordChange> steps;  // Those that change something.
  DocumentPtr replacement;
};

absl::Status EditWhole(const DocumentState& before, const DocumentEdit& edit,
                       EditedDocument* edited) {
  if (edit.replacement->etag() == before.document->etag()) return absl::OkStatus();
  if (before.document->record_count() != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(edit.key.ToString(), ": only an empty document can be replaced whole"));
  }
  edited->replacement = edit.replacement;
  edited->events.reserve(edit.replacement->record_count());
  edit.replacement->ForEach([&](const Entry& entry) {
    edited->events.push_back(
        {edit.key, entry.record->name, Operation::kCreate, nullptr, entry.record});
  });
  return absl::OkStatus();
}

// Steps that leave everything as it is make no event.
void EditStepwise(const DocumentState& before, DocumentEdit edit, EditedDocument* edited) {
  std::unordered_map<std::string, RecordPtr> touched;
  for (RecordChange& change : edit.changes) {
    const auto earlier = touched.find(change.name);
    RecordPtr old;
    if (earlier != touched.end()) {
      old = earlier->second;
    } else if (const Entry* entry = before.document->Find(change.name); entry != nullptr) {
      old = entry->record;
    }
    const bool same = old == nullptr ? change.after == nullptr
                                     : change.after != nullptr && change.after->etag == old->etag;
    if (same) continue;
    touched[change.name] = change.after;
    const Operation operation = old == nullptr            ? Operation::kCreate
                                : change.after == nullptr ? Operation::kDelete
                                                          : Operation::kUpdate;
    edited->events.push_back({edit.key, change.name, operation, old, change.after});
    edited->steps.push_back(std::move(change));
  }
}

DocumentDelta MakeDelta(const DocumentState& before, const EditedDocument& edited) {
  DocumentDelta delta;
  delta.key = before.key;
  delta.prev_mod_revision = before.mod_revision;
  delta.prev_etag = before.document->etag();
  delta.wholesale = edited.events.size() > kListedChanges;
  if (delta.wholesale) return delta;
  delta.changes.reserve(edited.events.size());
  for (const Event& event : edited.events) {
    delta.changes.push_back({event.name, event.after != nullptr, event.before != nullptr});
  }
  return delta;
}

absl::StatusOr<EditedDocument> EditDocument(const DocumentState& before, DocumentEdit edit) {
  EditedDocument edited;
  edited.state = std::make_shared<DocumentState>(before);
  edited.failed_changes = edit.failed_changes;
  edited.begin_metadata = edit.begin_metadata;
  const bool tells_content =
      edit.from_source || edit.replacement != nullptr || !edit.changes.empty();
  if (tells_content || (!edit.begin_metadata.has_value() && edit.failed_changes == 0)) {
    edited.state->damage = absl::OkStatus();
    edited.state->known = true;
  }
  std::shared_ptr<const std::string> source_text = std::move(edit.source_text);
  if (edit.from_source) edited.state->problems = std::move(edit.problems);
  const bool from_source = edit.from_source;
  if (edit.replacement != nullptr) {
    RETURN_IF_ERROR(EditWhole(before, edit, &edited));
  } else {
    EditStepwise(before, std::move(edit), &edited);
  }
  if (!from_source && !before.problems.empty()) {
    std::set<std::string> written;
    for (const Event& event : edited.events) written.insert(event.name);
    ForgetWritten(before.key, written, &edited.state->problems);
  }
  if (from_source || !edited.events.empty()) {
    edited.state->source_etag = source_text == nullptr ? Etag{} : Sha256(*source_text);
    edited.state->source_text = std::move(source_text);
  }
  return edited;
}

// Gives the document its content after the edit; the revision is known only when all edits are.
void SetContent(const DocumentState& before, const EditedDocument& edited, uint64_t revision,
                absl::Time time) {
  edited.state->document = edited.replacement != nullptr
                               ? edited.replacement->WithRevision(revision)
                               : before.document->Apply(edited.steps, revision);
  edited.state->mod_revision = revision;
  edited.state->commit_time = time;
}

// Counts what the edit did, and failed to do.
void SetMetadata(const OperationRule& rule, absl::Time time, EditedDocument* edited) {
  std::optional<CategoryMetadata> metadata;
  if (edited->state->metadata != nullptr) metadata = *edited->state->metadata;
  const bool has_remark = edited->begin_metadata.has_value() || edited->failed_changes > 0;
  if (has_remark && !metadata.has_value()) {
    const absl::Time begin = edited->begin_metadata.value_or(time);
    edited->beginning = metadata = InWholeSeconds(BeginMetadata(begin));
  }
  bool differs = edited->beginning.has_value() || edited->failed_changes > 0;
  if (metadata.has_value()) CountFailures(edited->failed_changes, time, &*metadata);
  for (const Event& event : edited->events) {
    if (!rule.Counts(event.key, event.name)) continue;
    if (!metadata.has_value()) metadata = BeginMetadata(time);
    CountOperation(event.operation, event.name, time, &*metadata);
    differs = true;
  }
  if (!differs) return;
  edited->state->metadata = std::make_shared<const CategoryMetadata>(*std::move(metadata));
}

OperationRule RuleOf(const std::vector<EditedDocument>& edited, absl::string_view caller) {
  std::set<std::string> legacy;
  for (const EditedDocument& one : edited) {
    const DocumentKey& key = one.state->key;
    if (key.format == Format::kLegacy && !one.events.empty()) legacy.insert(key.category);
  }
  return OperationRule(caller, std::move(legacy));
}

bool Describes(const DocumentState& before, const DocumentState& after) {
  return before.known != after.known || before.problems != after.problems ||
         (before.source_text == nullptr) != (after.source_text == nullptr) ||
         before.source_etag != after.source_etag;
}

Sha256Digest ChainAfter(const Root& base, const PreparedTransaction& prepared, uint64_t revision,
                        const TransactionOrigin& origin) {
  ChainHasher hasher(base.chain, revision, origin, prepared.events.size());
  uint64_t id = prepared.first_event;
  for (const Event& event : prepared.events) {
    hasher.Add(id++, event.key, event.name, event.operation,
               event.before == nullptr ? Etag{} : event.before->etag,
               event.after == nullptr ? Etag{} : event.after->etag);
  }
  return hasher.Finish();
}

}  // namespace

ChainHasher::ChainHasher(const Sha256Digest& previous, uint64_t revision,
                         const TransactionOrigin& origin, size_t event_count) {
  hasher_.Update(AsBytes(previous));
  hasher_.UpdateU64BigEndian(revision);
  hasher_.UpdateU64BigEndian(static_cast<uint64_t>(absl::ToUnixMicros(origin.time)));
  AddString(origin.caller);
  AddString(origin.request_id);
  hasher_.UpdateU32BigEndian(static_cast<uint32_t>(event_count));
}

void ChainHasher::AddString(absl::string_view text) {
  hasher_.UpdateU32BigEndian(static_cast<uint32_t>(text.size()));
  hasher_.Update(text);
}

void ChainHasher::Add(uint64_t id, const DocumentKey& key, absl::string_view name,
                      Operation operation, const Etag& before, const Etag& after) {
  hasher_.UpdateU64BigEndian(id);
  AddString(key.category);
  hasher_.UpdateU32BigEndian(static_cast<uint32_t>(key.format));
  AddString(name);
  hasher_.UpdateU32BigEndian(static_cast<uint32_t>(operation));
  hasher_.Update(AsBytes(before));
  hasher_.Update(AsBytes(after));
}

absl::StatusOr<PreparedTransaction> PrepareTransaction(const RootPtr& base,
                                                       std::vector<DocumentEdit> edits,
                                                       const TransactionOrigin& origin) {
  std::vector<EditedDocument> edited;
  size_t event_count = 0;
  for (DocumentEdit& edit : edits) {
    const DocumentState& before = *base->Find(edit.key);
    ASSIGN_OR_RETURN(EditedDocument one, EditDocument(before, std::move(edit)));
    event_count += one.events.size();
    edited.push_back(std::move(one));
  }
  PreparedTransaction prepared;
  prepared.first_event = base->revision + 1;
  const OperationRule rule = RuleOf(edited, origin.caller);
  auto root = std::make_shared<Root>(*base);
  auto transaction = std::make_shared<CommittedTransaction>();
  root->revision = base->revision + event_count;
  for (EditedDocument& one : edited) {
    const DocumentState& before = *base->Find(one.state->key);
    if (Describes(before, *one.state)) prepared.described.push_back(before.key);
    SetMetadata(rule, origin.time, &one);
    if (one.state->metadata != before.metadata) prepared.counted.push_back(before.key);
    if (one.beginning.has_value()) prepared.beginnings.emplace(before.key, *one.beginning);
    if (!one.events.empty()) {
      transaction->deltas.push_back(MakeDelta(before, one));
      SetContent(before, one, root->revision, origin.time);
      prepared.changed.push_back(before.key);
      std::move(one.events.begin(), one.events.end(), std::back_inserter(prepared.events));
    }
    root->documents.Set(std::move(one.state));
  }
  if (event_count > 0) {
    root->time = transaction->time = origin.time;
    root->chain = transaction->chain = ChainAfter(*base, prepared, root->revision, origin);
    transaction->revision = root->revision;
    transaction->caller = origin.caller;
    prepared.transaction = std::move(transaction);
  }
  prepared.root = std::move(root);
  return prepared;
}

}  // namespace modelref
