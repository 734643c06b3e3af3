#include "service/watch/cut.h"

#include <algorithm>
#include <map>
#include <utility>

#include "service/watch/wire.h"

namespace modelref {
namespace {

// The most that the tag and the length of an embedded message take.
constexpr size_t kFieldBytes = 6;

// What happened to one model over several transactions.
struct FoldedChange {
  bool existed_before = false;
  bool was_deleted = false;  // At some point, also when it exists again.
};

// What happened to one document over several transactions.
struct FoldedDocument {
  uint64_t prev_mod_revision = 0;
  Etag prev_etag{};
  uint32_t transactions = 0;
  bool wholesale = false;
  std::map<std::string, FoldedChange> changes;
};

void FoldDelta(const DocumentDelta& delta, FoldedDocument* folded) {
  if (folded->transactions++ == 0) {
    folded->prev_mod_revision = delta.prev_mod_revision;
    folded->prev_etag = delta.prev_etag;
  }
  folded->wholesale = folded->wholesale || delta.wholesale;
  for (const CommittedChange& change : delta.changes) {
    const auto [it, is_new] = folded->changes.try_emplace(change.name);
    if (is_new) it->second.existed_before = change.existed;
    if (change.after == nullptr) it->second.was_deleted = true;
  }
}

void FillState(const DocumentState& state, v1::WatchEvent* event) {
  event->set_category(state.key.category);
  event->set_format(ToProto(state.key.format));
  event->set_mod_revision(state.mod_revision);
  event->set_etag(state.document->etag().data(), state.document->etag().size());
  event->set_size_bytes(state.document->size_bytes());
  event->set_model_count(state.document->record_count());
  if (state.mod_revision != 0) *event->mutable_commit_time() = ToProto(state.commit_time);
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
  event->set_prev_etag(folded.prev_etag.data(), folded.prev_etag.size());
  v1::Delta* delta = event->mutable_delta();
  for (const std::string* name : deletes) delta->add_deletes(*name);
  for (const Entry* entry : upserts) {
    v1::DeltaRecord* record = delta->add_upserts();
    record->set_name(entry->record->name);
    record->set_json(entry->record->json);
    record->set_etag(entry->record->etag.data(), entry->record->etag.size());
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
  event.set_prev_mod_revision(folded->prev_mod_revision);
  event.set_coalesced(folded->transactions);
  event.set_keys_truncated(folded->wholesale || folded->changes.size() > kMaxChangedModels);
  for (const auto& [name, change] : folded->changes) {
    if (static_cast<size_t>(event.changed_models_size()) == kMaxChangedModels) break;
    event.add_changed_models(name);
  }
  if (options.inline_delta && !folded->wholesale) {
    FillDelta(state, *folded, options.max_inline_bytes, &event);
  }
  return event;
}

// Drops deltas, largest first, until the message fits or none is left.
void DropDeltas(std::vector<v1::WatchEvent>* events) {
  const auto total = [&] {
    size_t bytes = 0;
    for (const v1::WatchEvent& event : *events) bytes += event.ByteSizeLong();
    return bytes;
  };
  while (events->size() > 1 && total() > kMaxMessageBytes) {
    const auto largest = std::max_element(
        events->begin(), events->end(), [](const v1::WatchEvent& a, const v1::WatchEvent& b) {
          return a.delta().ByteSizeLong() < b.delta().ByteSizeLong();
        });
    if (!largest->has_delta()) return;
    largest->clear_delta();
    largest->clear_prev_etag();
    largest->set_type(v1::EVENT_TYPE_INVALIDATED);
  }
}

EncodedMessage Encode(const v1::WatchResponse& response) {
  return std::make_shared<const std::string>(response.SerializeAsString());
}

}  // namespace

std::vector<v1::WatchEvent> MakeEvents(
    const Root& root, const WatchedSet& watched, uint64_t after,
    const std::optional<std::vector<CommittedTransactionPtr>>& history, const CutOptions& options) {
  std::map<DocumentKey, FoldedDocument> folded;
  if (history.has_value()) {
    for (const CommittedTransactionPtr& transaction : *history) {
      for (const DocumentDelta& delta : transaction->deltas) {
        if (watched.keys.count(delta.key) > 0) FoldDelta(delta, &folded[delta.key]);
      }
    }
  }
  std::vector<v1::WatchEvent> events;
  for (const DocumentKey& key : watched.keys) {
    const DocumentState* state = root.Find(key);
    if (state == nullptr || state->mod_revision <= after) continue;
    const auto it = folded.find(key);
    events.push_back(MakeEvent(*state, it == folded.end() ? nullptr : &it->second, options));
  }
  std::sort(events.begin(), events.end(), [](const v1::WatchEvent& a, const v1::WatchEvent& b) {
    return a.mod_revision() < b.mod_revision();
  });
  DropDeltas(&events);
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
                                         const v1::ResponseHeader& part_header,
                                         const v1::ResponseHeader& cut_header, bool all_parts) {
  std::vector<EncodedMessage> messages;
  v1::WatchResponse response;
  const size_t empty =
      std::max(part_header.ByteSizeLong(), cut_header.ByteSizeLong()) + 3 * kFieldBytes;
  size_t bytes = empty;
  for (v1::WatchEvent& event : events) {
    const size_t size = event.ByteSizeLong() + kFieldBytes;
    if (bytes > empty && bytes + size > kMaxMessageBytes) {
      *response.mutable_header() = part_header;
      response.mutable_events()->set_more(true);
      messages.push_back(Encode(response));
      response.Clear();
      bytes = empty;
    }
    *response.mutable_events()->add_events() = std::move(event);
    bytes += size;
  }
  if (response.events().events_size() > 0) {
    *response.mutable_header() = all_parts ? part_header : cut_header;
    response.mutable_events()->set_more(all_parts);
    messages.push_back(Encode(response));
  }
  return messages;
}

}  // namespace modelref
