#include "tests/service/watch/validators.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/service/watch/validator_steps.h"

namespace modelref::testing {
namespace {

DocumentKey KeyOf(const v1::Freshness& freshness) {
  return {freshness.category(), static_cast<Format>(freshness.format())};
}

Violations Prefixed(absl::string_view prefix, Violations violations) {
  for (std::string& violation : violations) violation = absl::StrCat(prefix, violation);
  return violations;
}

}  // namespace

Violations CheckFilter(const WatchTrace& trace) {
  Violations found;
  ForEachStep(trace, [&](const Step& step) {
    std::vector<DocumentKey> mentioned;
    for (const v1::WatchEvent& event : step.message.events().events()) {
      mentioned.push_back(KeyOf(event));
    }
    if (step.message.has_freshness()) mentioned.push_back(KeyOf(step.message.freshness()));
    for (const DocumentKey& key : mentioned) {
      if (trace.watched.count(key) > 0) continue;
      found.push_back(absl::StrCat(step.at, key.ToString(), " is not watched"));
    }
  });
  return found;
}

Violations CheckOrdered(const WatchTrace& trace) {
  Violations found;
  uint64_t last = 0;
  std::string epoch;
  std::map<DocumentKey, uint64_t> mod_revisions;
  ForEachStep(trace, [&](const Step& step) {
    if (step.message.header().epoch() != epoch) {
      epoch = step.message.header().epoch();
      last = 0;
      mod_revisions.clear();
    }
    const uint64_t revision = step.message.header().revision();
    if (revision < last) found.push_back(absl::StrCat(step.at, "the revision went back"));
    const bool completes = step.message.has_events() && !step.in_snapshot && !step.is_part;
    if (completes && revision == last) {
      found.push_back(absl::StrCat(step.at, "a cut without progress"));
    }
    if (step.is_part && revision != last) {
      found.push_back(absl::StrCat(step.at, "a part is ahead of the cut before"));
    }
    last = std::max(last, revision);
    for (const v1::WatchEvent& event : step.message.events().events()) {
      uint64_t& before = mod_revisions[KeyOf(event)];
      if (event.mod_revision() < before || (!step.in_snapshot && event.mod_revision() == before)) {
        found.push_back(absl::StrCat(step.at, KeyOf(event).ToString(), " did not move on"));
      }
      before = event.mod_revision();
    }
  });
  return found;
}

Violations CheckUnique(const WatchTrace& trace) {
  Violations found;
  std::set<std::pair<DocumentKey, uint64_t>> told;
  ForEachStep(trace, [&](const Step& step) {
    if (step.message.has_snapshot_begin()) told.clear();
    if (step.in_snapshot) return;
    for (const v1::WatchEvent& event : step.message.events().events()) {
      if (told.emplace(KeyOf(event), event.mod_revision()).second) continue;
      found.push_back(absl::StrCat(step.at, KeyOf(event).ToString(), " is told again"));
    }
  });
  return found;
}

Violations CheckBookmarks(const WatchTrace& trace, const CommitLog& log) {
  Violations found;
  uint64_t newest = 0;
  ForEachStep(trace, [&](const Step& step) {
    if (step.message.has_snapshot_begin()) newest = 0;
    for (const v1::WatchEvent& event : step.message.events().events()) {
      if (!step.in_snapshot && event.mod_revision() <= newest) {
        found.push_back(absl::StrCat(step.at, KeyOf(event).ToString(), " is before a bookmark"));
      }
    }
    if (!step.message.has_bookmark()) return;
    const uint64_t revision = step.message.header().revision();
    if (revision < newest) found.push_back(absl::StrCat(step.at, "a bookmark went back"));
    newest = revision;
    const LoggedState* state = log.At(revision);
    if (state == nullptr || step.message.bookmark().digest() != DigestAt(*state, trace.watched)) {
      found.push_back(absl::StrCat(step.at, "the digest is not that of the revision"));
    }
  });
  return found;
}

Violations CheckChain(const WatchTrace& trace, const CommitLog& log) {
  Violations found;
  if (trace.messages.empty()) return found;
  // A stream without a snapshot starts from the state at Created, and so do unchanged documents.
  std::map<DocumentKey, uint64_t> held;
  const LoggedState* start = log.At(trace.messages.front().header().revision());
  if (start == nullptr) return {"the stream starts inside a transaction"};
  for (const DocumentKey& key : trace.watched) held[key] = start->at(key)->mod_revision;
  ForEachStep(trace, [&](const Step& step) {
    for (const v1::WatchEvent& event : step.message.events().events()) {
      uint64_t& before = held[KeyOf(event)];
      if (!step.in_snapshot && event.has_prev_mod_revision() &&
          event.prev_mod_revision() != before) {
        found.push_back(absl::StrCat(step.at, KeyOf(event).ToString(), " follows ",
                                     event.prev_mod_revision(), ", the client holds ", before));
      }
      before = event.mod_revision();
    }
  });
  return found;
}

Violations CheckEpochs(const WatchTrace& trace) {
  Violations found;
  std::string epoch;
  ForEachStep(trace, [&](const Step& step) {
    const std::string& now = step.message.header().epoch();
    const bool may_change = step.message.has_created() || step.message.has_snapshot_begin();
    if (now != epoch && !may_change) found.push_back(absl::StrCat(step.at, "the epoch changed"));
    epoch = now;
  });
  return found;
}

Violations CheckAll(const WatchTrace& trace, const CommitLog& log) {
  Violations all;
  const auto add = [&](absl::string_view number, Violations found) {
    for (std::string& one : Prefixed(number, std::move(found))) all.push_back(std::move(one));
  };
  add("V1 ", CheckFilter(trace));
  add("V2 ", CheckOrdered(trace));
  add("V3 ", CheckUnique(trace));
  add("V4 ", CheckCuts(trace, log));
  add("V5 ", CheckBookmarks(trace, log));
  add("V7 ", CheckChain(trace, log));
  add("V8 ", CheckSnapshot(trace, log));
  add("V9 ", CheckContent({&trace}, log));
  add("V10 ", CheckEpochs(trace));
  add("V11 ", CheckFuture(trace));
  return all;
}

}  // namespace modelref::testing
