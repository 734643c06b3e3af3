#include "service/watch/cut.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "service/watch/wire.h"

namespace modelref {
namespace {

// The most that the tag and the length of an embedded message take.
constexpr size_t kFieldBytes = 6;
// More changed records than this are not told one by one, not even in a delta.
constexpr size_t kMaxDeltaRecords = 8192;

// What happened to one model over several transactions.
struct FoldedChange {
  bool existed_before = false;
  bool was_deleted = false;  // At some point, also when it exists again.
};

// What happened to one document over several transactions, and the state it led to.
struct FoldedDocument {
  uint64_t prev_mod_revision = 0;
  Etag prev_etag{};
  uint32_t transactions = 0;
  bool complete = true;  // `changes` has every change.
  std::map<std::string, FoldedChange> changes;
  // Of the newest transaction of the range.
  uint64_t mod_revision = 0;
  absl::Time commit_time;
  // Of the state at the end of the range, when the document changes after it.
  std::optional<Etag> etag;
};
using FoldedDocuments = std::map<DocumentKey, FoldedDocument>;

void FoldDelta(const CommittedTransaction& transaction, const DocumentDelta& delta,
               size_t max_changes, FoldedDocument* folded) {
  if (folded->transactions++ == 0) {
    folded->prev_mod_revision = delta.prev_mod_revision;
    folded->prev_etag = delta.prev_etag;
  }
  folded->mod_revision = transaction.revision;
  folded->commit_time = transaction.time;
  if (delta.wholesale) folded->complete = false;
  for (const CommittedChange& change : delta.changes) {
    if (folded->changes.size() > max_changes) {
      folded->complete = false;
      return;
    }
    const auto [it, is_new] = folded->changes.try_emplace(change.name);
    if (is_new) it->second.existed_before = change.existed;
    if (!change.exists) it->second.was_deleted = true;
  }
}

FoldedDocuments Fold(const WatchedSet& watched, const CutRange& range, size_t max_changes) {
  FoldedDocuments folded;
  for (size_t i = 0; i < range.length; ++i) {
    const CommittedTransaction& transaction = *(*range.due)[i];
    for (const DocumentDelta& delta : transaction.deltas) {
      if (watched.keys.count(delta.key) == 0) continue;
      FoldDelta(transaction, delta, max_changes, &folded[delta.key]);
    }
  }
  for (size_t i = range.length; i < range.due->size(); ++i) {
    for (const DocumentDelta& delta : (*range.due)[i]->deltas) {
      const auto it = folded.find(delta.key);
      if (it != folded.end() && !it->second.etag.has_value()) it->second.etag = delta.prev_etag;
    }
  }
  return folded;
}

void SetBytes(const Etag& etag, std::string* field) { field->assign(etag.begin(), etag.end()); }

void FillState(const DocumentState& state, v1::WatchEvent* event) {
  event->set_category(state.key.category);
  event->set_format(ToProto(state.key.format));
  event->set_mod_revision(state.mod_revision);
  SetBytes(state.document->etag(), event->mutable_etag());
  event->set_size_bytes(state.document->size_bytes());
  event->set_model_count(state.document->record_count());
  if (state.mod_revision != 0) *event->mutable_commit_time() = ToProto(state.commit_time);
}

// Replaces what FillState said by the older state at the end of the range.
void FillOlderState(const FoldedDocument& folded, v1::WatchEvent* event) {
  event->set_mod_revision(folded.mod_revision);
  SetBytes(*folded.etag, event->mutable_etag());
  event->clear_size_bytes();
  event->clear_model_count();
  *event->mutable_commit_time() = ToProto(folded.commit_time);
}

// Adds the records that lead to `state`, or nothing when they do not fit.
void FillDelta(const DocumentState& state, const FoldedDocument& folded, size_t max_bytes,
               v1::WatchEvent* event) {
  std::vector<const Entry*> upserts;
  std::vector<const std::string*> deletes;
  size_t bytes = 0;
  for (const auto& [name, change] : folded.changes) {
    const Entry* entry = state.document->Find(name);
    if (entry != nullptr) {
      upserts.push_back(entry);
      bytes += name.size() + entry->record->json.size();
    }
    if (change.existed_before && (entry == nullptr || change.was_deleted)) {
      deletes.push_back(&name);
      bytes += name.size();
    }
    if (bytes > max_bytes) return;
  }
  // New records are appended by the client in this order.
  std::sort(upserts.begin(), upserts.end(),
            [](const Entry* a, const Entry* b) { return a->order < b->order; });
  event->set_type(v1::EVENT_TYPE_UPSERT);
  SetBytes(folded.prev_etag, event->mutable_prev_etag());
  v1::Delta* delta = event->mutable_delta();
  for (const std::string* name : deletes) delta->add_deletes(*name);
  for (const Entry* entry : upserts) {
    v1::DeltaRecord* record = delta->add_upserts();
    record->set_name(entry->record->name);
    record->set_json(entry->record->json);
    SetBytes(entry->record->etag, record->mutable_etag());
  }
}

v1::WatchEvent MakeEvent(const DocumentState& state, const FoldedDocument* folded,
                         const CutOptions& options) {
  v1::WatchEvent event;
  event.set_type(v1::EVENT_TYPE_INVALIDATED);
  FillState(state, &event);
  if (folded == nullptr) {
    event.set_keys_truncated(true);
    return event;
  }
  if (folded->etag.has_value()) FillOlderState(*folded, &event);
  event.set_prev_mod_revision(folded->prev_mod_revision);
  event.set_coalesced(folded->transactions);
  event.set_keys_truncated(!folded->complete || folded->changes.size() > kMaxChangedModels);
  for (const auto& [name, change] : folded->changes) {
    if (static_cast<size_t>(event.changed_models_size()) == kMaxChangedModels) break;
    event.add_changed_models(name);
  }
  if (options.inline_delta && folded->complete) {
    FillDelta(state, *folded, options.max_inline_bytes, &event);
  }
  return event;
}

// Calls drop(event) on the events whose part(event) is largest, until no more than `max_bytes` are
// left of `total`.
template <typename Part, typename Drop>
void DropLargest(std::vector<v1::WatchEvent>* events, size_t total, size_t max_bytes, Part part,
                 Drop drop) {
  std::vector<std::pair<size_t, v1::WatchEvent*>> parts;
  for (v1::WatchEvent& event : *events) parts.emplace_back(part(event), &event);
  std::sort(parts.begin(), parts.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [bytes, event] : parts) {
    if (total <= max_bytes || bytes == 0) return;
    drop(event);
    total -= bytes;
  }
}

size_t NameBytes(const v1::WatchEvent& event) {
  size_t bytes = 0;
  for (const std::string& name : event.changed_models()) bytes += name.size() + kFieldBytes;
  return bytes;
}

void DropDelta(v1::WatchEvent* event) {
  event->clear_delta();
  event->clear_prev_etag();
  event->set_type(v1::EVENT_TYPE_INVALIDATED);
}

void DropNames(v1::WatchEvent* event) {
  event->clear_changed_models();
  event->set_keys_truncated(true);
}

// What matters least goes first, so that a message, and what a slow reader holds, stays small.
void DropWhatIsTooMuch(std::vector<v1::WatchEvent>* events) {
  if (events->size() <= 1) return;
  size_t total = 0;
  size_t names = 0;
  for (const v1::WatchEvent& event : *events) {
    total += event.ByteSizeLong();
    names += NameBytes(event);
  }
  DropLargest(
      events, total, kMaxMessageBytes,
      [](const v1::WatchEvent& event) {
        return event.has_delta() ? event.delta().ByteSizeLong() : size_t{0};
      },
      DropDelta);
  DropLargest(events, names, kMaxNameBytes, NameBytes, DropNames);
}

// Every reader fetches what no event told, and all at once.
void SpreadFetches(const Root& root, const CutOptions& options,
                   std::vector<v1::WatchEvent>* events) {
  double bytes = 0;
  const auto is_fetched = [](const v1::WatchEvent& event) { return !event.has_delta(); };
  for (const v1::WatchEvent& event : *events) {
    const auto* state = root.Find({event.category(), static_cast<Format>(event.format())});
    if (state == nullptr || !is_fetched(event)) continue;
    bytes += static_cast<double>(state->document->size_bytes());
  }
  const absl::Duration total = absl::Seconds(bytes * options.seconds_per_fetched_byte);
  if (total < kLeastFetchJitter) return;
  const google::protobuf::Duration jitter = ToProto(std::min(total, kMostFetchJitter));
  for (v1::WatchEvent& event : *events) {
    if (is_fetched(event)) *event.mutable_fetch_jitter() = jitter;
  }
}

EncodedMessage Encode(const v1::WatchResponse& response) {
  return std::make_shared<const std::string>(response.SerializeAsString());
}

}  // namespace

std::vector<v1::WatchEvent> MakeEvents(const Root& root, const WatchedSet& watched,
                                       const CutRange& range, const CutOptions& options) {
  FoldedDocuments folded;
  uint64_t end = root.revision;
  if (range.due.has_value()) {
    folded = Fold(watched, range, options.inline_delta ? kMaxDeltaRecords : kMaxChangedModels);
    if (range.length < range.due->size()) end = (*range.due)[range.length - 1]->revision;
  }
  std::vector<v1::WatchEvent> events;
  for (const DocumentKey& key : watched.keys) {
    const DocumentState* state = root.Find(key);
    if (state == nullptr || state->mod_revision <= range.after) continue;
    const auto it = folded.find(key);
    // Later transactions of the range do not belong to the cut.
    if (it == folded.end() && end < state->mod_revision) continue;
    events.push_back(MakeEvent(*state, it == folded.end() ? nullptr : &it->second, options));
  }
  std::sort(events.begin(), events.end(), [](const v1::WatchEvent& a, const v1::WatchEvent& b) {
    return a.mod_revision() < b.mod_revision();
  });
  DropWhatIsTooMuch(&events);
  SpreadFetches(root, options, &events);
  return events;
}

v1::WatchEvent SnapshotEntry(const DocumentState& state) {
  v1::WatchEvent event;
  event.set_type(v1::EVENT_TYPE_INVALIDATED);
  FillState(state, &event);
  event.set_keys_truncated(true);
  return event;
}

std::string WatchedDigest(const Root& root, const WatchedSet& watched) {
  DocumentSetDigest digest;
  for (const DocumentKey& key : watched.keys) {
    if (const DocumentState* state = root.Find(key); state != nullptr) {
      digest.Add(key, state->document->etag());
    }
  }
  const auto bytes = digest.bytes();
  return std::string(bytes.begin(), bytes.end());
}

std::vector<EncodedMessage> EncodeEvents(std::vector<v1::WatchEvent> events,
                                         const EventFrame& frame) {
  std::vector<EncodedMessage> messages;
  v1::WatchResponse response;
  const size_t empty = std::max(frame.part_header.ByteSizeLong(),
                                frame.cut_header.ByteSizeLong() + frame.resume_token.size()) +
                       4 * kFieldBytes;
  size_t bytes = empty;
  for (v1::WatchEvent& event : events) {
    const size_t size = event.ByteSizeLong() + kFieldBytes;
    if (bytes > empty && bytes + size > kMaxMessageBytes) {
      *response.mutable_header() = frame.part_header;
      response.mutable_events()->set_more(true);
      messages.push_back(Encode(response));
      response.Clear();
      bytes = empty;
    }
    *response.mutable_events()->add_events() = std::move(event);
    bytes += size;
  }
  if (response.events().events_size() > 0) {
    *response.mutable_header() = frame.all_parts ? frame.part_header : frame.cut_header;
    if (!frame.all_parts) response.set_resume_token(frame.resume_token);
    response.mutable_events()->set_more(frame.all_parts);
    messages.push_back(Encode(response));
  }
  return messages;
}

}  // namespace modelref
