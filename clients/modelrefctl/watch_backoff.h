#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace modelref::ctl {

// How a Watch stream ended.
struct StreamEnd {
  absl::Status status;  // OK only after a Drain.
  // The window that the server asked for, when it drained the stream.
  std::optional<absl::Duration> reconnect_min;
  std::optional<absl::Duration> reconnect_max;
  absl::Duration healthy_for;  // From Created to the end; zero when it was never open.
};

// True when another stream may succeed where this one ended.
bool MayReconnect(const absl::Status& status);

// When to connect again (streaming.md 3.8): at random within the window of a Drain, else within a
// second, then with full jitter up to 30 s; a RetryInfo of the server is the least. A stream that
// ends at once is treated like one that failed. Single-threaded.
class WatchBackoff {
 public:
  // `uniform` returns numbers from [0, 1).
  explicit WatchBackoff(std::function<double()> uniform) : uniform_(std::move(uniform)) {}

  absl::Duration NextDelay(const StreamEnd& end);
  // Connects since the last stream that was healthy for a minute.
  uint32_t attempts() const { return attempts_; }

 private:
  const std::function<double()> uniform_;
  uint32_t attempts_ = 0;
};

}  // namespace modelref::ctl
