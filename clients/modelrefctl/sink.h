#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref::ctl {

// Where output goes. Thread-safe only where a subclass says so.
class Sink {
 public:
  virtual ~Sink() = default;
  // Writes everything or fails: the disk is full, or nobody reads any more (kClosedPipe).
  virtual absl::Status Write(absl::string_view text) = 0;
  // Hands on what a sink may hold back.
  virtual absl::Status Flush() { return absl::OkStatus(); }
};

// The reason of the error when the reader of a pipe is gone.
inline constexpr char kClosedPipe[] = "CLOSED_PIPE";

// A file descriptor, with a buffer. SIGPIPE must be ignored.
class FdSink final : public Sink {
 public:
  // A buffer of 0 bytes writes at once. The descriptor stays the caller's.
  FdSink(int fd, size_t buffer_bytes) : fd_(fd), buffer_bytes_(buffer_bytes) {}

  absl::Status Write(absl::string_view text) override;
  absl::Status Flush() override;

 private:
  const int fd_;
  const size_t buffer_bytes_;
  std::string buffer_;
};

// Collects the output, for tests.
class StringSink final : public Sink {
 public:
  absl::Status Write(absl::string_view text) override {
    text_.append(text.data(), text.size());
    return absl::OkStatus();
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace modelref::ctl
