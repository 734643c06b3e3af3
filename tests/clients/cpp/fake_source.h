#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "clients/cpp/message_source.h"

namespace modelref::testing {

// A stream that was recorded before: some messages and how it ends.
template <typename Message>
class FakeSource final : public MessageSource<Message> {
 public:
  FakeSource(std::vector<Message> messages, absl::Status end)
      : messages_(messages.begin(), messages.end()), end_(std::move(end)) {}

  bool Read(Message* message) override {
    if (cancelled_ || messages_.empty()) return false;
    *message = std::move(messages_.front());
    messages_.pop_front();
    return true;
  }
  absl::Status Finish() override { return cancelled_ ? absl::CancelledError("") : end_; }
  void Cancel() override { cancelled_ = true; }

 private:
  std::deque<Message> messages_;
  const absl::Status end_;
  bool cancelled_ = false;
};

}  // namespace modelref::testing
