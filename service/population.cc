#include "service/population.h"

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "backends/convert/record_metadata.h"

namespace modelref {
namespace {

// A record and what becomes of it; null when nothing is missing.
struct FilledRecord {
  Etag before{};
  RecordPtr after;
};
using FilledRecords = std::unordered_map<std::string, FilledRecord>;

RecordPtr Fill(const Record& record, absl::Time time) {
  absl::StatusOr<Json> json = ParseJson(record.json);
  JsonObject* object = json.ok() ? json->AsObject() : nullptr;
  if (object == nullptr || !FillMissingTimes(object, absl::ToUnixSeconds(time))) return nullptr;
  return MakeRecord(record.name, CanonicalJson(*json));
}

FilledRecords FillAll(const DocumentState& state, absl::Time time) {
  FilledRecords filled;
  if (state.key.format == Format::kLegacy) return filled;
  state.document->ForEach([&](const Entry& entry) {
    filled[entry.record->name] = {entry.record->etag, Fill(*entry.record, time)};
  });
  return filled;
}

// Of the state inside the transaction: `ahead` was found before it and helps where it still holds.
std::vector<RecordChange> ChangesOf(const DocumentState& state, absl::Time time,
                                    const FilledRecords& ahead) {
  std::vector<RecordChange> changes;
  if (state.key.format == Format::kLegacy) return changes;
  // Times are no reason to write over what somebody broke in the file.
  std::unordered_set<std::string> broken;
  for (const RecordProblem& problem : state.problems) broken.insert(problem.name);
  state.document->ForEach([&](const Entry& entry) {
    if (broken.count(entry.record->name) > 0) return;
    const auto found = ahead.find(entry.record->name);
    const bool holds = found != ahead.end() && found->second.before == entry.record->etag;
    RecordPtr after = holds ? found->second.after : Fill(*entry.record, time);
    if (after != nullptr) changes.push_back({entry.record->name, std::move(after)});
  });
  return changes;
}

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

}  // namespace

absl::StatusOr<PopulatedDocument> PopulateDocument(Store& store, const DocumentKey& key,
                                                   absl::Time now, bool only_tell) {
  const RootPtr root = store.root();
  const DocumentState* state = root->Find(key);
  if (state == nullptr) return absl::NotFoundError("no document " + key.ToString());
  RETURN_IF_ERROR(state->damage);
  PopulatedDocument populated;
  populated.began = state->metadata == nullptr;
  populated.time = WholeSeconds(populated.began ? now : state->metadata->initialized);
  if (!state->known) return PopulatedDocument{false, 0, populated.time};
  const auto ahead = std::make_shared<const FilledRecords>(FillAll(*state, populated.time));
  populated.models = ChangesOf(*state, populated.time, *ahead).size();
  if (only_tell || (!populated.began && populated.models == 0)) return populated;
  TransactionRequest request;
  request.caller = kPopulateCaller;
  // Shared: the body may run after this call gave up waiting, and more than once.
  const auto result = std::make_shared<PopulatedDocument>(populated);
  request.body = [key, ahead, result](TransactionContext& context) {
    const DocumentState& present = *context.base().Find(key);
    result->began = present.metadata == nullptr;
    const bool same_time =
        result->began || WholeSeconds(present.metadata->initialized) == result->time;
    if (!same_time) result->time = WholeSeconds(present.metadata->initialized);
    DocumentEdit edit;
    edit.key = key;
    edit.begin_metadata = result->time;
    edit.changes = ChangesOf(present, result->time, same_time ? *ahead : FilledRecords());
    result->models = edit.changes.size();
    return context.Edit(std::move(edit));
  };
  RETURN_IF_ERROR(store.Commit(std::move(request)).status());
  return *result;
}

}  // namespace modelref
