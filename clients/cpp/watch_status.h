#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modelref {

// How well a watch is informed.
enum class SyncState {
  // Nothing is heard from the server: no stream yet, the last one ended, or it is silent for three
  // progress intervals. What is held was right at its revision.
  kStale,
  // A stream is open, has told what happened before it began, and everything it told is held.
  kSynced,
  // Stale for long: the server is asked every 30 to 60 s, while streams are tried all the same.
  kDegraded,
};
// "STALE", "SYNCED" or "DEGRADED".
absl::string_view SyncStateName(SyncState state);

// When a watch does what. The defaults are those of the contract; others are for tests.
struct WatchTiming {
  absl::Duration interval = absl::Seconds(20);       // Until the server grants another one.
  int silent_intervals = 3;                          // A stream that is silent for so many is dead.
  absl::Duration degrade_after = absl::Seconds(60);  // How long stale before degraded.
  absl::Duration poll_min = absl::Seconds(30);
  absl::Duration poll_max = absl::Seconds(60);
  // How often the digest is compared with GetHead although a stream is open, within 10 %.
  absl::Duration revalidate_every = absl::Minutes(10);
  absl::Duration recheck_after = absl::Seconds(5);  // When the stream was behind GetHead.
};

struct WatchStatus {
  SyncState state = SyncState::kStale;
  // The state that is held; empty and 0 before the first one.
  std::string epoch;
  uint64_t revision = 0;
  std::string node_id;  // Who sent it.
  // When the state was last known to be the newest, by the clock of the watch; never:
  // InfinitePast().
  absl::Time confirmed = absl::InfinitePast();
  // Why the last stream ended or was given up, or a poll failed; OK once a stream is synced.
  absl::Status last_error;
  uint64_t streams = 0;    // Opened so far.
  uint64_t resyncs = 0;    // Streams that were given up because they could not be right.
  uint64_t snapshots = 0;  // Whole states that were sent.
  uint64_t polls = 0;      // GetHead while degraded.
  uint32_t attempt = 0;    // Connects since the last stream that was healthy for a minute.
};

}  // namespace modelref
