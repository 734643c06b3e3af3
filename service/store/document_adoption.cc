#include "service/store/document_adoption.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "backends/base/status_macros.h"
#include "service/store/adopted_rows.h"
#include "service/store/file_base.h"
#include "service/store/prepared_transaction.h"
#include "service/store/three_way.h"

namespace modelref {
namespace {

// The records that the trail explains, in the order of the file, then those that the file lost.
DocumentPtr ExplainedIn(const Document& file, const AdoptedHistory& history) {
  std::vector<RecordPtr> records;
  file.ForEach([&](const Entry& entry) {
    const Entry* explained = history.document->Find(entry.record->name);
    if (explained != nullptr) records.push_back(explained->record);
  });
  history.document->ForEach([&](const Entry& entry) {
    if (file.Find(entry.record->name) == nullptr) records.push_back(entry.record);
  });
  return Document::FromRecords(std::move(records), history.last_event_id);
}

// The steps from what is explained to what the file holds.
absl::StatusOr<DocumentEdit> EditTo(const DocumentKey& key, const Document& explained,
                                    const Snapshot& snapshot) {
  DocumentEdit edit;
  edit.key = key;
  edit.from_source = true;
  edit.source_text = snapshot.source_text;
  edit.problems = snapshot.problems;
  if (explained.record_count() == 0) {
    edit.replacement = snapshot.document;
    return edit;
  }
  RecordEtags base;
  explained.ForEach([&](const Entry& entry) { base[entry.record->name] = entry.record->etag; });
  const auto never = [](const std::string&, const RecordValue&) -> absl::StatusOr<bool> {
    return false;
  };
  // A record that cannot be represented counts as gone unless the trail has a good value of it.
  ASSIGN_OR_RETURN(FileEdit merged,
                   MergeThreeWays(explained, base, *snapshot.document, snapshot.problems, never));
  edit.changes = std::move(merged.changes);
  return edit;
}

}  // namespace

absl::Status DocumentAdoption::Take(const DocumentKey& key, const AdoptedContent& content,
                                    uint64_t* events) {
  const int64_t id = state_.ids.Find(key);
  auto explained = std::make_shared<DocumentState>(*state_.root->Find(key));
  explained->document = ExplainedIn(*content.snapshot->document, content.history);
  explained->mod_revision = content.history.last_event_id;
  explained->commit_time = content.history.time;
  RETURN_IF_ERROR(WriteAdoptedContent(database_, id, *explained));
  auto base = std::make_shared<Root>(*state_.root);
  const DocumentPtr before = explained->document;
  base->documents.Set(std::move(explained));
  ASSIGN_OR_RETURN(DocumentEdit edit, EditTo(key, *before, *content.snapshot));
  const TransactionOrigin origin{
      caller_, "", absl::FromUnixMicros(absl::ToUnixMicros(std::max(now_, base->time)))};
  std::vector<DocumentEdit> edits;
  edits.push_back(std::move(edit));
  ASSIGN_OR_RETURN(const PreparedTransaction prepared,
                   PrepareTransaction(base, std::move(edits), origin));
  RETURN_IF_ERROR(WriteTransactionRows(database_, state_.ids, *base, prepared, origin));
  *events += prepared.events.size();
  state_.root = prepared.root;
  if (content.file == nullptr) return absl::OkStatus();
  return NoteFile(id, content, *prepared.root->Find(key));
}

absl::Status DocumentAdoption::NoteFile(int64_t id, const AdoptedContent& content,
                                        const DocumentState& state) {
  const Snapshot& file = *content.file;
  // A legacy file that was taken as it is keeps its bytes, whatever of it cannot be represented.
  const bool is_taken = state.key.format == Format::kLegacy && content.file == content.snapshot;
  const bool shows_it = is_taken || file.document->etag() == state.document->etag();
  RETURN_IF_ERROR(SetFileBase(database_, id, {}, *file.document));
  return WriteFileState(
      database_, id,
      {shows_it ? state.mod_revision : 0, file.version, file.content_sha256, file.source_bytes});
}

}  // namespace modelref
