#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/service/watch/validator_steps.h"

namespace modelref::testing {
namespace {

// The names whose record differs between two states.
std::set<std::string> Different(const LoggedDocument& before, const LoggedDocument& after) {
  const std::map<std::string, std::string> old(before.records.begin(), before.records.end());
  const std::map<std::string, std::string> now(after.records.begin(), after.records.end());
  std::set<std::string> names;
  for (const auto& [name, json] : old) {
    const auto it = now.find(name);
    if (it == now.end() || it->second != json) names.insert(name);
  }
  for (const auto& [name, json] : now) {
    if (old.count(name) == 0) names.insert(name);
  }
  return names;
}

// What is wrong with the event as the step of its document over (from, to].
void CheckStep(const v1::WatchEvent& event, const CommitLog& log, uint64_t from, uint64_t to,
               const std::string& at, Violations* found) {
  const DocumentKey key = KeyOf(event);
  if (event.coalesced() != 0 && event.coalesced() != log.CountChanges(key, from, to)) {
    found->push_back(absl::StrCat(at, key.ToString(), " counts ", event.coalesced(),
                                  " transactions of ", log.CountChanges(key, from, to)));
  }
  const std::set<std::string> names(event.changed_models().begin(), event.changed_models().end());
  const std::set<std::string> touched = log.Touched(key, from, to);
  if (!std::includes(touched.begin(), touched.end(), names.begin(), names.end())) {
    found->push_back(absl::StrCat(at, key.ToString(), " lists a model that did not change"));
  }
  if (event.keys_truncated()) return;
  const std::set<std::string> different = Different(*log.At(from)->at(key), *log.At(to)->at(key));
  if (!std::includes(names.begin(), names.end(), different.begin(), different.end())) {
    found->push_back(absl::StrCat(at, key.ToString(), " leaves out a model that changed"));
  }
}

// Compares what was told about (from, to] with what happened.
void CheckInterval(const WatchTrace& trace, const CommitLog& log, uint64_t from, uint64_t to,
                   const std::vector<v1::WatchEvent>& told, const std::string& at,
                   Violations* found) {
  const LoggedState* state = log.At(to);
  if (state == nullptr || log.At(from) == nullptr) {
    found->push_back(absl::StrCat(at, "the revision is inside a transaction"));
    return;
  }
  std::set<DocumentKey> missing;
  for (const DocumentKey& key : trace.watched) {
    if (state->at(key)->mod_revision > from) missing.insert(key);
  }
  for (const v1::WatchEvent& event : told) {
    const DocumentKey key = KeyOf(event);
    if (missing.erase(key) == 0) {
      found->push_back(absl::StrCat(at, key.ToString(), " did not change, or is told twice"));
      continue;
    }
    CheckState(event, *state->at(key), at, found);
    CheckStep(event, log, from, to, at, found);
  }
  for (const DocumentKey& key : missing) {
    found->push_back(absl::StrCat(at, key.ToString(), " changed and is not told"));
  }
}

}  // namespace

Violations CheckCuts(const WatchTrace& trace, const CommitLog& log) {
  Violations found;
  if (trace.messages.empty()) return found;
  uint64_t position = trace.messages.front().header().revision();
  std::vector<v1::WatchEvent> told;
  ForEachStep(trace, [&](const Step& step) {
    if (step.in_snapshot) return;
    const uint64_t revision = step.message.header().revision();
    if (step.message.has_snapshot_begin()) {
      // What the client had is forgotten.
      position = revision;
      told.clear();
    }
    for (const v1::WatchEvent& event : step.message.events().events()) told.push_back(event);
    if (step.is_part) return;
    CheckInterval(trace, log, position, revision, told, step.at, &found);
    position = revision;
    told.clear();
  });
  return found;
}

Violations CheckOneCutPerTransaction(const WatchTrace& trace, const CommitLog& log) {
  Violations found;
  ForEachStep(trace, [&](const Step& step) {
    if (step.in_snapshot) return;
    for (const v1::WatchEvent& event : step.message.events().events()) {
      const uint64_t revision = step.message.header().revision();
      if (!step.is_part && event.mod_revision() != revision) {
        found.push_back(absl::StrCat(step.at, KeyOf(event).ToString(), " is of another cut"));
      }
      if (event.coalesced() != 1) {
        found.push_back(absl::StrCat(step.at, KeyOf(event).ToString(), " is folded"));
      }
      if (log.Version(KeyOf(event), event.mod_revision()) == nullptr) {
        found.push_back(absl::StrCat(step.at, KeyOf(event).ToString(), " did not change then"));
      }
    }
  });
  return found;
}

}  // namespace modelref::testing
