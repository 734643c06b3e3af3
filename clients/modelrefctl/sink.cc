#include "clients/modelrefctl/sink.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref::ctl {
namespace {

absl::Status WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EPIPE) {
      return Error(absl::StatusCode::kCancelled, kClosedPipe, "nobody reads the output");
    }
    return Error(absl::StatusCode::kInternal, "OUTPUT_FAILED",
                 absl::StrCat("cannot write the output: ", strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FdSink::Write(absl::string_view text) {
  if (buffer_.size() + text.size() < buffer_bytes_) {
    buffer_.append(text.data(), text.size());
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Flush());
  return WriteAll(fd_, text);
}

absl::Status FdSink::Flush() {
  const absl::Status status = WriteAll(fd_, buffer_);
  buffer_.clear();
  return status;
}

}  // namespace modelref::ctl
