// The validators that look at several streams, or at what clients did with them.

#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "tests/service/watch/validator_steps.h"
#include "tests/service/watch/validators.h"

namespace modelref::testing {
namespace {

constexpr absl::Duration kLongestSilence = absl::Seconds(3);

// One stream as a client sees it that went on with another one behind the message `at`.
WatchTrace Splice(const WatchTrace& before, size_t at, const WatchTrace& after) {
  WatchTrace spliced = before;
  spliced.messages.resize(at + 1);
  // Created only says where the client stands already.
  spliced.messages.insert(spliced.messages.end(), after.messages.begin() + 1, after.messages.end());
  return spliced;
}

void CheckExactEvents(const WatchTrace& after, Violations* found) {
  ForEachStep(after, [&](const Step& step) {
    if (step.in_snapshot) return;
    for (const v1::WatchEvent& event : step.message.events().events()) {
      if (event.has_prev_mod_revision() && event.coalesced() > 0) continue;
      found->push_back(absl::StrCat(step.at, KeyOf(event).ToString(), " is not told exactly"));
    }
  });
}

}  // namespace

Violations CheckResume(const WatchTrace& before, size_t at, const WatchTrace& after,
                       v1::ResumeKind kind, const CommitLog& log) {
  if (after.messages.empty() || !after.messages.front().has_created()) {
    return {"the stream does not begin with Created"};
  }
  Violations found;
  const v1::WatchResponse& first = after.messages.front();
  const v1::WatchResponse& last = before.messages[at];
  if (first.created().resume() != kind) {
    found.push_back(absl::StrCat("continued as ", v1::ResumeKind_Name(first.created().resume()),
                                 " instead of ", v1::ResumeKind_Name(kind)));
  }
  if (first.created().resume() == v1::RESUME_KIND_RESYNC) return found;
  if (first.header().revision() != last.header().revision() ||
      first.created().position().revision() != last.header().revision()) {
    found.push_back("continued from another revision");
  }
  if (kind == v1::RESUME_KIND_EXACT) CheckExactEvents(after, &found);
  const WatchTrace whole = Splice(before, at, after);
  for (const Violations& some :
       {CheckOrdered(whole), CheckUnique(whole), CheckCuts(whole, log), CheckBookmarks(whole, log),
        CheckChain(whole, log), CheckSnapshot(whole, log)}) {
    found.insert(found.end(), some.begin(), some.end());
  }
  return found;
}

Violations CheckContent(const std::vector<const WatchTrace*>& traces, const CommitLog& log) {
  Violations found;
  std::map<std::tuple<std::string, DocumentKey, uint64_t>, std::string> etags;
  for (const WatchTrace* trace : traces) {
    ForEachStep(*trace, [&](const Step& step) {
      for (const v1::WatchEvent& event : step.message.events().events()) {
        const DocumentKey key = KeyOf(event);
        const auto [it, is_new] = etags.try_emplace(
            {step.message.header().epoch(), key, event.mod_revision()}, event.etag());
        if (!is_new && it->second != event.etag()) {
          found.push_back(absl::StrCat(step.at, key.ToString(), " was something else before"));
        }
        const LoggedDocument* truth = log.Version(key, event.mod_revision());
        if (event.mod_revision() != 0 &&
            (truth == nullptr || event.etag() != AsBytes(truth->etag))) {
          found.push_back(absl::StrCat(step.at, key.ToString(), " never was that"));
        }
      }
    });
  }
  return found;
}

Violations CheckFuture(const WatchTrace& trace) {
  if (!trace.asked.has_value()) return {};
  Violations found;
  const bool silent = trace.messages.empty() && !trace.end.has_value();
  const absl::Time heard = trace.times.empty() ? trace.watched_until : trace.times.front();
  if ((silent || !trace.times.empty()) && heard - trace.opened_at > kLongestSilence) {
    found.push_back("the client waits in silence");
  }
  if (trace.messages.empty()) return found;
  const v1::WatchCreated& created = trace.messages.front().created();
  if (created.resume() == v1::RESUME_KIND_RESYNC) return found;
  ForEachStep(trace, [&](const Step& step) {
    if (step.in_snapshot) return;
    for (const v1::WatchEvent& event : step.message.events().events()) {
      if (event.mod_revision() > trace.asked->revision) continue;
      found.push_back(absl::StrCat(step.at, KeyOf(event).ToString(), " is not after ",
                                   trace.asked->revision, ", where the client stands"));
    }
  });
  return found;
}

Violations CheckAppliedBeforeNotify(const std::vector<ReadAfterEvent>& reads) {
  Violations found;
  for (const ReadAfterEvent& read : reads) {
    if (read.read >= read.told) continue;
    found.push_back(
        absl::StrCat(read.key.ToString(), " was told at ", read.told, " and read at ", read.read));
  }
  return found;
}

Violations CheckDurableBeforeVisible(const std::vector<const WatchTrace*>& traces,
                                     const CommitLog& log_after_crash) {
  return CheckContent(traces, log_after_crash);
}

Violations CheckConverged(const std::vector<SettledClient>& clients, uint64_t head,
                          const std::string& digest, absl::Duration limit) {
  Violations found;
  for (size_t i = 0; i < clients.size(); ++i) {
    const SettledClient& client = clients[i];
    const std::string who = absl::StrCat("client ", i, " ");
    if (client.revision < head) found.push_back(absl::StrCat(who, "is at ", client.revision));
    if (client.digest != digest) found.push_back(absl::StrCat(who, "holds something else"));
    if (client.took > limit) {
      found.push_back(absl::StrCat(who, "took ", absl::FormatDuration(client.took)));
    }
  }
  return found;
}

}  // namespace modelref::testing
