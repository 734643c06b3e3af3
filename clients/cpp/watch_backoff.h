#pragma once

// When a watch that ended is begun again.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace modelref {

// How a Watch stream ended.
struct WatchEnd {
  absl::Status status;  // OK only when the server ended it, which it should do after a Drain.
  // The window that the server asked for, when it drained the stream.
  std::optional<absl::Duration> reconnect_min;
  std::optional<absl::Duration> reconnect_max;
  absl::Duration healthy_for;  // From Created to the end; zero when it was never open.
  // The stream could not be right, or its start was refused: the next one asks for the whole state.
  bool starts_over = false;
};

// When to connect again: at random within the window of a Drain, else within a second, then with
// full jitter up to 1 s, doubled each time, at most 30 s; a RetryInfo of the server is the least. A
// stream that ends at once is treated like one that failed; one that was healthy for a minute
// starts over. Whatever the delays are, at most three streams are opened in any second.
// Single-threaded.
class WatchBackoff {
 public:
  // `uniform` returns numbers from [0, 1).
  explicit WatchBackoff(std::function<double()> uniform) : uniform_(std::move(uniform)) {}

  // A stream is opened now.
  void RecordOpen(absl::Time now);
  absl::Duration NextDelay(const WatchEnd& end, absl::Time now);
  // Connects since the last stream that was healthy for a minute.
  uint32_t attempts() const { return attempts_; }

 private:
  absl::Duration PickDelay(const WatchEnd& end);

  const std::function<double()> uniform_;
  uint32_t attempts_ = 0;
  std::deque<absl::Time> opened_;  // The last three.
};

}  // namespace modelref
