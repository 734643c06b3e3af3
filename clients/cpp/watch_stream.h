#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "modelref/v1/watch.pb.h"

namespace modelref {

// One Watch stream as it comes: no reconnect, no state. A thread of its own reads at most one
// message ahead, so a slow user holds the server back as gRPC's flow control has it.
//
// One thread calls Next(); Cancel() may come from any. The destructor cancels and waits.
class WatchStream {
 public:
  virtual ~WatchStream() = default;

  // Waits for the next message. Nothing when the server ended the stream as planned, after a Drain.
  //   DEADLINE_EXCEEDED (`NO_MESSAGE`)  none came within `timeout`; the stream is as good as
  //   before. CANCELLED                         by Cancel(). otherwise                         how
  //   the stream ended; the same comes back from then on.
  virtual absl::StatusOr<std::optional<v1::WatchResponse>> Next(
      absl::Duration timeout = absl::InfiniteDuration()) = 0;

  // Ends the stream and wakes Next(). Idempotent.
  virtual void Cancel() = 0;
};

}  // namespace modelref
