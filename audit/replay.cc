#include "audit/replay.h"

#include <utility>

#include "backends/base/status_macros.h"

namespace modelref {

void DocumentReplay::Put(const std::string& name, std::string json) {
  const auto [place, is_new] = places_.emplace(name, next_place_);
  if (is_new) ++next_place_;
  records_[place->second] = {name, std::move(json)};
}

void DocumentReplay::Update(const AuditEvent& event) {
  const auto place = places_.find(event.model_name);
  if (place == places_.end() && !event.after.has_value()) {
    ++result_.missing_snapshots;
    return;
  }
  const std::string before = place == places_.end() ? "{}" : records_[place->second].json;
  absl::StatusOr<std::string> after = ApplyUpdate(before, event);
  if (after.ok()) {
    Put(event.model_name, *std::move(after));
  } else {
    ++result_.missing_snapshots;
  }
}

void DocumentReplay::Apply(const AuditEvent& event) {
  ++result_.applied_events;
  result_.last_event_id = event.event_id;
  switch (event.operation) {
    case AuditOperation::kCreate:
      Put(event.model_name, event.after.value_or(event.before.value_or("{}")));
      return;
    case AuditOperation::kUpdate:
      Update(event);
      return;
    case AuditOperation::kDelete:
      if (const auto place = places_.find(event.model_name); place != places_.end()) {
        records_.erase(place->second);
        places_.erase(place);
      }
      return;
  }
}

ReplayedDocument DocumentReplay::Finish() && {
  for (auto& [place, record] : records_) result_.records.push_back(std::move(record));
  return std::move(result_);
}

absl::StatusOr<AuditReplay> ReplayAudit(const std::string& root, const AuditFilter& filter) {
  AuditReplay replay;
  std::map<DocumentKey, DocumentReplay> documents;
  ASSIGN_OR_RETURN(replay.stats, ReadAudit(root, filter, [&](const AuditEvent& event) {
                     documents[event.key()].Apply(event);
                     return true;
                   }));
  for (auto& [key, document] : documents) replay.documents[key] = std::move(document).Finish();
  return replay;
}

}  // namespace modelref
