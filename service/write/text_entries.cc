#include "service/write/text_entries.h"

#include <utility>

#include "backends/base/status_macros.h"
#include "backends/convert/text_names.h"
#include "backends/convert/text_record.h"
#include "service/write/record_change.h"

namespace modelref {
namespace {

// The last other model that claims an entry that `name` claims, too; null when there is none.
const Entry* LastRival(const Document& document, const std::string& name) {
  const Entry* last = nullptr;
  document.ForEach([&](const Entry& entry) {
    const std::string& other = entry.record->name;
    if (other == name || HasTextBackendPrefix(other) || !SharesTextEntry(other, name)) return;
    last = &entry;
  });
  return last;
}

absl::Status AddEntries(const Record& record, const std::vector<std::string>& wanted,
                        const WriteLimits& limits, std::vector<RecordChange>* changes) {
  for (const auto& [name, json] : TextLegacyEntries(record.name, ObjectOf(record))) {
    bool is_wanted = false;
    for (const std::string& one : wanted) is_wanted = is_wanted || one == name;
    if (!is_wanted) continue;
    ASSIGN_OR_RETURN(RecordPtr entry, MakeLimited(name, json, limits));
    changes->push_back({name, std::move(entry)});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddTextEntries(const Document& document, const std::string& name,
                            const RecordPtr& after, const WriteLimits& limits,
                            std::vector<RecordChange>* changes) {
  const Entry* present = document.Find(name);
  const Entry* rival = LastRival(document, name);
  const std::vector<std::string> rival_names =
      rival == nullptr ? std::vector<std::string>() : TextLegacyEntryNames(rival->record->name);
  std::vector<std::string> own;
  std::vector<std::string> returned;
  for (const std::string& entry : TextLegacyEntryNames(name)) {
    if (entry == name) continue;
    bool is_claimed = false;
    for (const std::string& one : rival_names) is_claimed = is_claimed || one == entry;
    // A new model comes last.
    const bool is_rivals =
        is_claimed && present != nullptr && (after == nullptr || rival->order > present->order);
    (is_rivals ? returned : own).push_back(entry);
  }
  if (!returned.empty()) {
    RETURN_IF_ERROR(AddEntries(*rival->record, returned, limits, changes));
  }
  if (after != nullptr) return AddEntries(*after, own, limits, changes);
  for (std::string& entry : own) {
    if (document.Find(entry) != nullptr) changes->push_back({std::move(entry), nullptr});
  }
  return absl::OkStatus();
}

}  // namespace modelref
