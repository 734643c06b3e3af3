#include "backends/document_changes.h"

namespace modelref {

std::vector<RecordChange> ChangesBetween(const Document& before, const Document& after) {
  std::vector<RecordChange> changes;
  after.ForEach([&](const Entry& entry) {
    const Entry* old = before.Find(entry.record->name);
    if (old == nullptr || old->record->etag != entry.record->etag) {
      changes.push_back({entry.record->name, entry.record});
    }
  });
  before.ForEach([&](const Entry& entry) {
    if (after.Find(entry.record->name) == nullptr) changes.push_back({entry.record->name, nullptr});
  });
  return changes;
}

}  // namespace modelref
