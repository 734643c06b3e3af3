#pragma once

// The WatchStream over a real or fake call. Internal to clients/cpp.

#include <memory>
#include <optional>
#include <thread>

#include "backends/base/mutex.h"
#include "clients/cpp/message_source.h"
#include "clients/cpp/watch_stream.h"

namespace modelref {

class WatchReader final : public WatchStream {
 public:
  explicit WatchReader(std::unique_ptr<MessageSource<v1::WatchResponse>> call);
  ~WatchReader() override;

  absl::StatusOr<std::optional<v1::WatchResponse>> Next(absl::Duration timeout) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Cancel() override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void ReadAll() ABSL_LOCKS_EXCLUDED(mutex_);
  // False when the stream was cancelled meanwhile.
  bool HandOver(v1::WatchResponse message) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::unique_ptr<MessageSource<v1::WatchResponse>> call_;
  Mutex mutex_;
  CondVar changed_;
  std::optional<v1::WatchResponse> message_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace modelref
