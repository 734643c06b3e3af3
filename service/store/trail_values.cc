#include "service/store/trail_values.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "audit/reader.h"
#include "service/store/adopted_history.h"

namespace modelref {
namespace {

class DocumentValues {
 public:
  void Apply(const AuditEvent& event) {
    if (event.foreign() && has_ours_) return;
    has_ours_ = has_ours_ || !event.foreign();
    result_.last_event_id = std::max(result_.last_event_id, event.event_id);
    const auto [present, is_new] = present_.try_emplace(event.model_name);
    std::optional<std::string> after = After(event, present->second.json);
    if (!present->second.json.has_value() && after.has_value()) present->second.place = next_++;
    present->second.json = std::move(after);
    Note(event, present->second.json);
  }

  TrailDocument Finish() {
    std::map<uint64_t, std::string> by_place;
    for (const auto& [name, present] : present_) {
      if (present.json.has_value()) by_place[present.place] = name;
    }
    for (const auto& [place, name] : by_place) {
      for (const std::string& entry : entries_[name]) result_.created.push_back(entry);
    }
    return std::move(result_);
  }

 private:
  struct Present {
    std::optional<std::string> json;
    uint64_t place = 0;
  };

  static std::optional<std::string> After(const AuditEvent& event,
                                          const std::optional<std::string>& before) {
    if (event.operation == AuditOperation::kDelete) return std::nullopt;
    if (event.operation == AuditOperation::kCreate) return event.after;
    absl::StatusOr<std::string> after = ApplyUpdate(before.value_or("{}"), event);
    return after.ok() ? std::optional<std::string>(*std::move(after)) : std::nullopt;
  }

  void Note(const AuditEvent& event, const std::optional<std::string>& json) {
    const uint64_t revision = event.txn.value_or(event.event_id);
    std::vector<std::string>& names = entries_[event.model_name];
    for (const std::string& name : names) {
      result_.records[name].newest = nullptr;
      result_.records[name].revision = revision;
    }
    const RecordPtr record = json.has_value() ? RecordOfReplay({event.model_name, *json}) : nullptr;
    if (record == nullptr) {
      result_.records[event.model_name].revision = revision;
      return;
    }
    names.clear();
    for (const RecordPtr& entry : EntriesOf(event.key(), record)) {
      names.push_back(entry->name);
      TrailValue& value = result_.records[entry->name];
      value.newest = entry;
      value.revision = revision;
      value.seen.insert(entry->etag);
    }
  }

  std::unordered_map<std::string, Present> present_;
  std::unordered_map<std::string, std::vector<std::string>> entries_;  // By the base record's name.
  uint64_t next_ = 0;
  bool has_ours_ = false;
  TrailDocument result_;
};

}  // namespace

absl::StatusOr<std::map<DocumentKey, TrailDocument>> ReadTrailValues(const std::string& root) {
  std::map<DocumentKey, DocumentValues> values;
  const absl::StatusOr<AuditReadStats> read = ReadAudit(root, {}, [&](const AuditEvent& event) {
    values[event.key()].Apply(event);
    return true;
  });
  if (!read.ok()) return read.status();
  std::map<DocumentKey, TrailDocument> documents;
  for (auto& [key, document] : values) documents[key] = document.Finish();
  return documents;
}

}  // namespace modelref
