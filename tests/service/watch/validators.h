#pragma once

// The invariants of a Watch stream (streaming.md 4.3), each a function from what a client was told
// to what is wrong with it. Pure.

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "modelref/v1/watch.pb.h"
#include "service/watch/position.h"
#include "tests/service/watch/commit_log.h"

namespace modelref::testing {

// One stream from its first message, in order.
struct WatchTrace {
  std::set<DocumentKey> watched;
  std::vector<std::pair<DocumentKey, Etag>> known;  // As in the request.
  std::optional<Position> asked;                    // To continue from.
  std::vector<v1::WatchResponse> messages;
  std::vector<absl::Time> times;  // When each message came.
  std::vector<size_t> sizes;      // Of each message, in bytes.
  absl::Duration interval = absl::Seconds(20);
  absl::Time opened_at;
  absl::Time watched_until;         // Somebody was ready to read from opened_at until then.
  std::optional<absl::Status> end;  // How it ended.
};

// What is wrong, a sentence each; empty when nothing is.
using Violations = std::vector<std::string>;

// V1: every document that is mentioned matches the filter.
Violations CheckFilter(const WatchTrace& trace);
// V2: header revisions never decrease within an epoch and increase with every cut; the parts before
// the last carry the cut before; mod_revisions of a document increase.
Violations CheckOrdered(const WatchTrace& trace);
// V3: no document is told twice with the same mod_revision outside snapshots.
Violations CheckUnique(const WatchTrace& trace);
// V4: between consecutive positions exactly the changed documents are told, each with its state at
// the later one, and positions lie between transactions. Names and counts are true when given.
Violations CheckCuts(const WatchTrace& trace, const CommitLog& log);
// V4 for a reader that keeps up: every transaction that touches the filter is a cut of its own.
Violations CheckOneCutPerTransaction(const WatchTrace& trace, const CommitLog& log);
// V5: a bookmark has the digest of its revision; later events are newer.
Violations CheckBookmarks(const WatchTrace& trace, const CommitLog& log);
// V6: `after` continues `before` behind its message `at`: the first message tells truly how, and
// both together are one stream. `kind` is how it had to be continued.
Violations CheckResume(const WatchTrace& before, size_t at, const WatchTrace& after,
                       v1::ResumeKind kind, const CommitLog& log);
// V7: prev_mod_revision, where set, is what the client was told before, or started from.
Violations CheckChain(const WatchTrace& trace, const CommitLog& log);
// V8: a snapshot is the state at its revision, each document sent or marked unchanged. One that is
// not over yet is judged as far as it goes.
Violations CheckSnapshot(const WatchTrace& trace, const CommitLog& log);
// V9 over many clients: what a document is at a mod_revision is the same for all, and true.
Violations CheckContent(const std::vector<const WatchTrace*>& traces, const CommitLog& log);
// V10: the epoch changes only with a snapshot.
Violations CheckEpochs(const WatchTrace& trace);
// V11: a stream that asked for a revision after the head is not kept waiting for more than 3 s, and
// is told no event up to that revision but in a snapshot.
Violations CheckFuture(const WatchTrace& trace);

// V13: what a read after an event returned, by mod_revision of the document.
struct ReadAfterEvent {
  DocumentKey key;
  uint64_t told = 0;
  uint64_t read = 0;
};
// V13: a read on the node that told an event is not older than the event.
Violations CheckAppliedBeforeNotify(const std::vector<ReadAfterEvent>& reads);
// V14: everything a client was told before a crash is in the log that is read after it.
Violations CheckDurableBeforeVisible(const std::vector<const WatchTrace*>& traces,
                                     const CommitLog& log_after_crash);

// V15: where a client was when everything had settled.
struct SettledClient {
  uint64_t revision = 0;
  std::string digest;
  absl::Duration took;
};
// V15: all clients reach the head with one digest within `limit`.
Violations CheckConverged(const std::vector<SettledClient>& clients, uint64_t head,
                          const std::string& digest, absl::Duration limit);
// V16: no gap between messages is longer than 1.1 intervals on a stream that is read, until its
// end.
Violations CheckAlive(const WatchTrace& trace);
// V17: no message is larger than `limit`.
Violations CheckMessageSizes(const WatchTrace& trace, size_t limit);
// V17: memory that is measured again and again while readers stand still does not grow by more than
// `allowance` beyond the first measurement.
Violations CheckBounded(const std::vector<size_t>& bytes, size_t allowance);
// V18: the 99th percentile of latencies is at most `factor` times that without disturbance, or
// below `noise`.
Violations CheckUndisturbed(std::vector<absl::Duration> alone,
                            std::vector<absl::Duration> disturbed, double factor,
                            absl::Duration noise);
// V21 over the streams of one client, in order: each OK end follows a Drain, each error has a
// reason, and the client does not open more than three streams in a second.
Violations CheckEnds(const std::vector<const WatchTrace*>& streams);
// V22: every gauge is what it was before the clients came.
Violations CheckLeftNothing(const std::map<std::string, int64_t>& before,
                            const std::map<std::string, int64_t>& after);

// Those that judge a stream by itself and by the log, each prefixed with its number.
Violations CheckAll(const WatchTrace& trace, const CommitLog& log);

// Also for tests that read single messages.
DocumentKey KeyOf(const v1::WatchEvent& event);
std::string DigestAt(const LoggedState& state, const std::set<DocumentKey>& watched);

}  // namespace modelref::testing
