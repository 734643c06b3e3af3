#include "clients/cpp/watch_reader.h"

#include <utility>

#include "backends/base/error.h"

namespace modelref {

WatchReader::WatchReader(std::unique_ptr<MessageSource<v1::WatchResponse>> call)
    : call_(std::move(call)), thread_([this] { ReadAll(); }) {}

WatchReader::~WatchReader() {
  Cancel();
  thread_.join();
}

void WatchReader::ReadAll() {
  v1::WatchResponse message;
  bool wanted = true;
  // After a cancellation gRPC still wants the stream read to its end.
  while (call_->Read(&message)) {
    if (wanted) wanted = HandOver(std::move(message));
    message.Clear();
  }
  absl::Status status = call_->Finish();
  MutexLock lock(&mutex_);
  if (cancelled_) status = absl::CancelledError("cancelled by the caller");
  end_ = std::move(status);
  changed_.SignalAll();
}

bool WatchReader::HandOver(v1::WatchResponse message) {
  MutexLock lock(&mutex_);
  while (message_.has_value() && !cancelled_) changed_.Wait(&mutex_);
  if (cancelled_) return false;
  message_ = std::move(message);
  changed_.SignalAll();
  return true;
}

absl::StatusOr<std::optional<v1::WatchResponse>> WatchReader::Next(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  bool in_time = true;
  while (!message_.has_value() && !end_.has_value() && !cancelled_) {
    if (!in_time) {
      return Error(absl::StatusCode::kDeadlineExceeded, "NO_MESSAGE",
                   "no message of the watch stream arrived in time");
    }
    if (timeout == absl::InfiniteDuration()) {
      changed_.Wait(&mutex_);
    } else {
      in_time = changed_.WaitFor(&mutex_, timeout);
    }
  }
  if (cancelled_) return absl::CancelledError("cancelled by the caller");
  if (message_.has_value()) {
    std::optional<v1::WatchResponse> message = std::exchange(message_, std::nullopt);
    changed_.SignalAll();
    return message;
  }
  if (end_->ok()) return std::optional<v1::WatchResponse>();
  return *end_;
}

void WatchReader::Cancel() {
  MutexLock lock(&mutex_);
  if (cancelled_) return;
  cancelled_ = true;
  call_->Cancel();
  changed_.SignalAll();
}

}  // namespace modelref
