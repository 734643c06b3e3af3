#include "service/write/text_entries.h"

#include <algorithm>
#include <utility>

#include "backends/base/status_macros.h"
#include "backends/convert/text_names.h"
#include "backends/convert/text_record.h"
#include "service/write/record_change.h"

namespace modelref {
namespace {

// The record, null for none, as the entry shows it.
absl::Status AddEntry(const std::string& entry, const RecordPtr& record, const WriteLimits& limits,
                      std::vector<RecordChange>* changes) {
  if (record == nullptr) {
    changes->push_back({entry, nullptr});
    return absl::OkStatus();
  }
  JsonObject shown = ObjectOf(*record);
  shown.Set("name", entry);
  ASSIGN_OR_RETURN(RecordPtr after, MakeLimited(entry, Json(std::move(shown)), limits));
  changes->push_back({entry, std::move(after)});
  return absl::OkStatus();
}

}  // namespace

TextEntries::Claimants& TextEntries::ClaimantsOf(const std::string& name) {
  const std::string model(TextModelName(name));
  const auto [found, is_new] = claimants_.try_emplace(model);
  if (!is_new) return found->second;
  for (const std::string& claimant : rivals_.Claimants(model)) {
    const Entry* entry = document_.Find(claimant);
    if (entry != nullptr) found->second.push_back({claimant, entry->order, entry->record});
  }
  std::sort(found->second.begin(), found->second.end(),
            [](const Claimant& a, const Claimant& b) { return a.order < b.order; });
  return found->second;
}

absl::Status TextEntries::Add(const std::string& name, const RecordPtr& after,
                              const WriteLimits& limits, std::vector<RecordChange>* changes) {
  Claimants& claimants = ClaimantsOf(name);
  const auto own = std::find_if(claimants.begin(), claimants.end(),
                                [&](const Claimant& claimant) { return claimant.name == name; });
  if (after == nullptr) {
    if (own != claimants.end()) claimants.erase(own);
  } else if (own != claimants.end()) {
    own->record = after;
  } else {
    claimants.push_back({name, next_order_++, after});
  }
  const TextEntryNames entries = TextEntryNamesOf(name);
  RETURN_IF_ERROR(AddEntry(entries.own, after, limits, changes));
  const RecordPtr shown = claimants.empty() ? nullptr : claimants.back().record;
  return AddEntry(entries.shared, shown, limits, changes);
}

}  // namespace modelref
