#include "clients/cpp/watch_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/etag.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr size_t kEtagBytes = std::tuple_size<Etag>::value;

absl::Status BrokenSequence(absl::string_view message) {
  return BrokenWatch(kBrokenSequence, message);
}

WatchedDocument DocumentOf(const v1::WatchEvent& event) {
  return {event.etag(), event.mod_revision(), event.size_bytes(), event.model_count()};
}

absl::Status CheckDigest(absl::string_view expected, const WatchedDocuments& documents) {
  const std::string actual = DigestOf(documents);
  if (actual == expected) return absl::OkStatus();
  return BrokenWatch(kDigestMismatch, absl::StrCat("the documents have the digest ", ToHex(actual),
                                                   ", not ", ToHex(expected)));
}

v1::WatchEvent EventOf(const DocumentKey& key, v1::EventType type) {
  v1::WatchEvent event;
  event.set_type(type);
  event.set_category(key.category);
  event.set_format(static_cast<v1::Format>(key.format));
  event.set_keys_truncated(true);
  return event;
}

v1::WatchEvent EventOf(const NamedDocument& named) {
  v1::WatchEvent event = EventOf(named.key, v1::EVENT_TYPE_INVALIDATED);
  event.set_etag(named.etag);
  return event;
}

}  // namespace

absl::Status BrokenWatch(absl::string_view reason, absl::string_view message) {
  return Error(absl::StatusCode::kDataLoss, reason, message);
}

void WatchTable::Remember(const DocumentKey& key, const std::string& etag) {
  WatchedDocument document;
  document.etag = etag;
  documents_.insert_or_assign(key, std::move(document));
}

bool WatchTable::Holds(const DocumentKey& key, absl::string_view etag) const {
  const auto held = documents_.find(key);
  return held != documents_.end() && held->second.etag == etag;
}

WatchedDocument WatchTable::Unchanged(const NamedDocument& named) const {
  WatchedDocument document;
  if (Holds(named.key, named.etag)) document = documents_.at(named.key);
  document.etag = named.etag;
  // The same content may have come back at a later revision.
  document.mod_revision.reset();
  return document;
}

absl::StatusOr<DocumentKey> WatchTable::CheckEvent(const v1::WatchEvent& event) const {
  std::optional<DocumentKey> key = KeyOf(event.category(), event.format());
  if (!key.has_value()) {
    return BrokenSequence(absl::StrCat("category ", event.category(), " comes without a format"));
  }
  if (!MatchesFilter(filter_, *key)) {
    return BrokenSequence(absl::StrCat(key->ToString(), " was not asked for"));
  }
  if (event.type() != v1::EVENT_TYPE_DELETE && event.etag().size() != kEtagBytes) {
    return BrokenSequence(absl::StrCat(key->ToString(), " comes without an etag"));
  }
  return *std::move(key);
}

absl::Status WatchTable::CheckHeader(const v1::ResponseHeader& header) const {
  // A table that never saw a state takes the first one.
  if (epoch_.empty() && revision_ == 0) return absl::OkStatus();
  if (header.epoch() != epoch_) return BrokenSequence("the epoch changed without a snapshot");
  if (header.revision() >= revision_) return absl::OkStatus();
  return BrokenSequence(absl::StrCat("revision ", header.revision(), " follows ", revision_));
}

absl::Status WatchTable::CheckStep(const DocumentKey& key, const v1::WatchEvent& event,
                                   uint64_t revision) const {
  if (event.mod_revision() > revision) {
    return BrokenSequence(absl::StrCat(key.ToString(), " changed at ", event.mod_revision(),
                                       ", after the cut at ", revision));
  }
  std::optional<uint64_t> held;
  if (const auto found = documents_.find(key); found != documents_.end()) {
    held = found->second.mod_revision;
    if (!held.has_value()) return absl::OkStatus();
  } else if (const auto deleted = deleted_.find(key); deleted != deleted_.end()) {
    held = deleted->second;
  } else if (!complete_) {
    return absl::OkStatus();
  }
  if (held.has_value() && event.mod_revision() <= *held) {
    return BrokenSequence(absl::StrCat(key.ToString(), " changed at ", event.mod_revision(),
                                       ", which is not after ", *held));
  }
  // A document that was deleted before the first state may have had any revision.
  if (!event.has_prev_mod_revision() || !held.has_value()) return absl::OkStatus();
  if (event.prev_mod_revision() == *held) return absl::OkStatus();
  return BrokenWatch(kBrokenChain,
                     absl::StrCat(key.ToString(), " changed after ", event.prev_mod_revision(),
                                  ", but ", *held, " is the last change that was told"));
}

absl::Status WatchTable::ApplyChanges(const v1::ResponseHeader& header,
                                      const std::vector<v1::WatchEvent>& events) {
  RETURN_IF_ERROR(CheckHeader(header));
  if (header.revision() == revision_ && !epoch_.empty()) {
    return BrokenSequence(absl::StrCat("two cuts at revision ", revision_));
  }
  std::vector<DocumentKey> keys;
  std::set<DocumentKey> seen;
  for (const v1::WatchEvent& event : events) {
    ASSIGN_OR_RETURN(DocumentKey key, CheckEvent(event));
    if (!seen.insert(key).second) {
      return BrokenSequence(absl::StrCat(key.ToString(), " comes twice in one cut"));
    }
    RETURN_IF_ERROR(CheckStep(key, event, header.revision()));
    keys.push_back(std::move(key));
  }
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].type() == v1::EVENT_TYPE_DELETE) {
      documents_.erase(keys[i]);
      deleted_.insert_or_assign(keys[i], events[i].mod_revision());
    } else {
      documents_.insert_or_assign(keys[i], DocumentOf(events[i]));
      deleted_.erase(keys[i]);
    }
  }
  epoch_ = header.epoch();
  revision_ = header.revision();
  return absl::OkStatus();
}

absl::Status WatchTable::ApplyBookmark(const v1::ResponseHeader& header, absl::string_view digest) {
  RETURN_IF_ERROR(CheckHeader(header));
  if (complete_) RETURN_IF_ERROR(CheckDigest(digest, documents_));
  epoch_ = header.epoch();
  revision_ = header.revision();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::WatchEvent>> WatchTable::ApplySnapshot(
    const v1::ResponseHeader& header, const std::vector<v1::WatchEvent>& entries,
    const std::vector<NamedDocument>& unchanged, absl::string_view digest) {
  WatchedDocuments next;
  std::vector<v1::WatchEvent> differences;
  for (const NamedDocument& named : unchanged) {
    next.emplace(named.key, Unchanged(named));
    if (!Holds(named.key, named.etag)) differences.push_back(EventOf(named));
  }
  for (const v1::WatchEvent& entry : entries) {
    ASSIGN_OR_RETURN(const DocumentKey key, CheckEvent(entry));
    if (entry.type() == v1::EVENT_TYPE_DELETE) continue;
    if (!next.emplace(key, DocumentOf(entry)).second) {
      return BrokenSequence(absl::StrCat(key.ToString(), " comes twice in one snapshot"));
    }
    if (!Holds(key, entry.etag())) differences.push_back(entry);
  }
  if (!digest.empty()) RETURN_IF_ERROR(CheckDigest(digest, next));
  for (const auto& [key, document] : documents_) {
    if (next.count(key) == 0) differences.push_back(EventOf(key, v1::EVENT_TYPE_DELETE));
  }
  documents_ = std::move(next);
  deleted_.clear();
  complete_ = true;
  epoch_ = header.epoch();
  revision_ = header.revision();
  return differences;
}

}  // namespace modelref
