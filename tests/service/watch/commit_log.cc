#include "tests/service/watch/commit_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backends/base/etag.h"
#include "backends/base/status_macros.h"
#include "service/store/database.h"

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
  const LoggedState& state = states_.rbegin()->second;
  Documents changed;
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
  if (!changed.empty()) Add(revision, std::move(changed), std::move(names));
  return revision;
}

void CommitLog::Replay(uint64_t revision,
                       const std::map<DocumentKey, std::vector<RecordChange>>& steps) {
  const LoggedState& state = states_.rbegin()->second;
  Documents changed;
  std::map<DocumentKey, std::set<std::string>> names;
  for (const auto& [key, changes] : steps) {
    auto document = std::make_shared<LoggedDocument>(*state.at(key));
    for (const RecordChange& change : changes) {
      ApplyStep(change, &document->records);
      names[key].insert(change.name);
    }
    changed[key] = std::move(document);
  }
  Add(revision, std::move(changed), std::move(names));
}

void CommitLog::Add(uint64_t revision, Documents changed,
                    std::map<DocumentKey, std::set<std::string>> names) {
  LoggedState state = states_.rbegin()->second;
  for (auto& [key, document] : changed) {
    document->mod_revision = revision;
    document->etag = EtagOf(document->records);
    document->size_bytes = SizeOf(document->records);
    touched_[key][revision] = std::move(names[key]);
    state[key] = std::move(document);
  }
  states_.emplace(revision, std::move(state));
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

const LoggedDocument* CommitLog::Version(const DocumentKey& key, uint64_t mod_revision) const {
  const LoggedState* state = At(mod_revision);
  if (state == nullptr || state->count(key) == 0) return nullptr;
  const LoggedDocument* document = state->at(key).get();
  return document->mod_revision == mod_revision ? document : nullptr;
}

std::optional<uint64_t> CommitLog::Next(uint64_t revision) const {
  const auto it = states_.upper_bound(revision);
  return it == states_.end() ? std::nullopt : std::optional<uint64_t>(it->first);
}

absl::StatusOr<CommitLog> ReadCommitLog(Store& store) {
  std::vector<DocumentKey> keys;
  const RootPtr root = store.root();
  for (const auto& [key, state] : root->documents) keys.push_back(key);
  CommitLog log(keys);
  RETURN_IF_ERROR(store.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(Statement query,
                     database.Prepare("SELECT e.revision, d.category, d.format, e.name, e.after "
                                      "FROM events e JOIN documents d ON d.id = e.document "
                                      "ORDER BY e.id"));
    std::map<DocumentKey, std::vector<RecordChange>> steps;
    uint64_t revision = 0;
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!steps.empty() && (!row || query.Unsigned(0) != revision)) {
        log.Replay(revision, std::exchange(steps, {}));
      }
      if (!row) return absl::OkStatus();
      revision = query.Unsigned(0);
      const DocumentKey key{std::string(query.Bytes(1)), static_cast<Format>(query.Int(2))};
      const std::string name(query.Bytes(3));
      RecordPtr after;
      if (!query.IsNull(4)) after = MakeRecord(name, std::string(query.Bytes(4)));
      steps[key].push_back({name, std::move(after)});
    }
  }));
  return log;
}

std::vector<std::string> CompareLogs(const CommitLog& one, const CommitLog& other) {
  std::vector<std::string> differences;
  uint64_t revision = 0;
  while (true) {
    const LoggedState* mine = one.At(revision);
    const LoggedState* theirs = other.At(revision);
    if (mine == nullptr || theirs == nullptr) {
      differences.push_back(absl::StrCat("only one log has a transaction at ", revision));
      return differences;
    }
    for (const auto& [key, document] : *mine) {
      const auto it = theirs->find(key);
      if (it != theirs->end() && it->second->records == document->records &&
          it->second->mod_revision == document->mod_revision) {
        continue;
      }
      differences.push_back(absl::StrCat(key.ToString(), " differs at ", revision));
    }
    const std::optional<uint64_t> next = one.Next(revision);
    if (next != other.Next(revision)) {
      differences.push_back(absl::StrCat("the transactions after ", revision, " differ"));
      return differences;
    }
    if (!next.has_value()) return differences;
    revision = *next;
  }
}

}  // namespace modelref::testing
