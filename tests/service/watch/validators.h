#pragma once

// The invariants of a Watch stream (streaming.md 4.3), each a function from what a client was told
// to what is wrong with it. Pure.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "modelref/v1/watch.pb.h"
#include "tests/service/watch/commit_log.h"

namespace modelref::testing {

// One stream from its first message, in order.
struct WatchTrace {
  std::set<DocumentKey> watched;
  std::vector<std::pair<DocumentKey, Etag>> known;  // As in the request.
  std::vector<v1::WatchResponse> messages;
};

// What is wrong, a sentence each; empty when nothing is.
using Violations = std::vector<std::string>;

// V1: every document that is mentioned matches the filter.
Violations CheckFilter(const WatchTrace& trace);
// V2: header revisions never decrease and increase with every cut; the parts before the last carry
// the cut before; mod_revisions of a document increase.
Violations CheckOrdered(const WatchTrace& trace);
// V3: no document is told twice with the same mod_revision outside snapshots.
Violations CheckUnique(const WatchTrace& trace);
// V4: between consecutive positions exactly the changed documents are told, each with its state at
// the later one, and positions lie between transactions. Names and counts are true when given.
Violations CheckCuts(const WatchTrace& trace, const CommitLog& log);
// V5: a bookmark has the digest of its revision; later events are newer.
Violations CheckBookmarks(const WatchTrace& trace, const CommitLog& log);
// V7: prev_mod_revision, where set, is what the client was told before, or started from.
Violations CheckChain(const WatchTrace& trace, const CommitLog& log);
// V8: a snapshot is the state at its revision, each document sent or marked unchanged. One that is
// not over yet is judged as far as it goes.
Violations CheckSnapshot(const WatchTrace& trace, const CommitLog& log);

// All of them, each prefixed with its number.
Violations CheckAll(const WatchTrace& trace, const CommitLog& log);

// Also for tests that read single messages.
DocumentKey KeyOf(const v1::WatchEvent& event);
std::string DigestAt(const LoggedState& state, const std::set<DocumentKey>& watched);

}  // namespace modelref::testing
