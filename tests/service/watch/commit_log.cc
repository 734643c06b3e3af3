#include "tests/service/watch/commit_log.h"

#include <algorithm>

#include "backends/base/etag.h"

namespace modelref::testing {
namespace {

using Records = std::vector<std::pair<std::string, std::string>>;

// Returns whether the step changes anything.
bool ApplyStep(const RecordChange& change, Records* records) {
  const auto at = std::find_if(records->begin(), records->end(),
                               [&](const auto& record) { return record.first == change.name; });
  if (change.after == nullptr) {
    if (at == records->end()) return false;
    records->erase(at);
    return true;
  }
  if (at == records->end()) {
    records->emplace_back(change.name, change.after->json);
    return true;
  }
  if (at->second == change.after->json) return false;
  at->second = change.after->json;
  return true;
}

// Of names that need no escapes.
uint64_t SizeOf(const Records& records) {
  uint64_t size = 2 + (records.empty() ? 0 : records.size() - 1);
  for (const auto& [name, json] : records) size += name.size() + 3 + json.size();
  return size;
}

}  // namespace

Etag EtagOf(const Records& records) {
  DocumentEtagBuilder builder;
  for (const auto& [name, json] : records) builder.Add(name, RecordEtag(json));
  return builder.Finish();
}

CommitLog::CommitLog(const std::vector<DocumentKey>& keys) {
  for (const DocumentKey& key : keys) states_[0][key] = std::make_shared<const LoggedDocument>();
}

uint64_t CommitLog::Append(const std::vector<DocumentEdit>& edits) {
  uint64_t revision = head();
  LoggedState state = states_.rbegin()->second;
  std::map<DocumentKey, std::shared_ptr<LoggedDocument>> changed;
  std::map<DocumentKey, std::set<std::string>> names;
  for (const DocumentEdit& edit : edits) {
    auto document = std::make_shared<LoggedDocument>(*state.at(edit.key));
    for (const RecordChange& change : edit.changes) {
      if (!ApplyStep(change, &document->records)) continue;
      ++revision;
      names[edit.key].insert(change.name);
    }
    if (names.count(edit.key) > 0) changed[edit.key] = std::move(document);
  }
  if (changed.empty()) return revision;
  for (auto& [key, document] : changed) {
    document->mod_revision = revision;
    document->etag = EtagOf(document->records);
    document->size_bytes = SizeOf(document->records);
    touched_[key][revision] = std::move(names[key]);
    state[key] = std::move(document);
  }
  states_.emplace(revision, std::move(state));
  return revision;
}

const LoggedState* CommitLog::At(uint64_t revision) const {
  const auto it = states_.find(revision);
  return it == states_.end() ? nullptr : &it->second;
}

uint32_t CommitLog::CountChanges(const DocumentKey& key, uint64_t after, uint64_t up_to) const {
  const auto it = touched_.find(key);
  if (it == touched_.end()) return 0;
  return static_cast<uint32_t>(
      std::distance(it->second.upper_bound(after), it->second.upper_bound(up_to)));
}

std::set<std::string> CommitLog::Touched(const DocumentKey& key, uint64_t after,
                                         uint64_t up_to) const {
  std::set<std::string> names;
  const auto it = touched_.find(key);
  if (it == touched_.end()) return names;
  const auto end = it->second.upper_bound(up_to);
  for (auto at = it->second.upper_bound(after); at != end; ++at) {
    names.insert(at->second.begin(), at->second.end());
  }
  return names;
}

}  // namespace modelref::testing
