#include "clients/modelrefctl/watch_backoff.h"

#include <algorithm>

#include "backends/base/error.h"

namespace modelref::ctl {
namespace {

constexpr absl::Duration kFirstDelay = absl::Seconds(1);
constexpr absl::Duration kMaxDelay = absl::Seconds(30);
constexpr absl::Duration kHealthy = absl::Seconds(60);

}  // namespace

bool MayReconnect(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:  // By the server: it gave up on a slow reader.
    case absl::StatusCode::kInternal:   // A connection that broke inside a frame.
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kAborted:
      return true;
    case absl::StatusCode::kResourceExhausted:
      return ExtrasOf(status).retry_after.has_value();
    default:
      return false;
  }
}

absl::Duration WatchBackoff::NextDelay(const StreamEnd& end) {
  if (end.healthy_for >= kHealthy) attempts_ = 0;
  ++attempts_;
  absl::Duration ceiling = kFirstDelay;
  for (uint32_t i = 1; i < attempts_ && ceiling < kMaxDelay; ++i) ceiling *= 2;
  const absl::Duration jitter = uniform_() * std::min(ceiling, kMaxDelay);
  if (end.reconnect_max.has_value()) {
    const absl::Duration least = end.reconnect_min.value_or(absl::ZeroDuration());
    const absl::Duration window = std::max(absl::ZeroDuration(), *end.reconnect_max - least);
    const absl::Duration chosen = least + uniform_() * window;
    // Drained again and again: the window alone would not slow the client down.
    return attempts_ == 1 ? chosen : std::max(chosen, jitter);
  }
  return ExtrasOf(end.status).retry_after.value_or(absl::ZeroDuration()) + jitter;
}

}  // namespace modelref::ctl
