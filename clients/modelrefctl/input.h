#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/modelrefctl/host.h"

namespace modelref::ctl {

// What -f names: a file, or stdin for "-". Single-threaded.
class Input {
 public:
  // `host` must outlive this. NOT_FOUND, PERMISSION_DENIED and so on for the file.
  static absl::StatusOr<Input> Open(const std::string& path, Host& host);
  ~Input();
  Input(Input&& other) noexcept;
  Input& operator=(Input&&) = delete;

  // Up to `size` bytes; 0 at the end. InterruptedError() when the user does not want to wait.
  absl::StatusOr<size_t> Read(char* buffer, size_t size);
  // Everything. INVALID_ARGUMENT (INPUT_TOO_LARGE) beyond `limit` bytes.
  absl::StatusOr<std::string> ReadAll(size_t limit);
  // Begins again. FAILED_PRECONDITION for a pipe or a terminal.
  absl::Status Rewind();

  // For messages: the path, or "stdin".
  const std::string& name() const { return name_; }
  // 0 when it is not known.
  uint64_t size() const { return size_; }

 private:
  Input(std::string name, int fd, bool is_ours, Host& host);

  std::string name_;
  int fd_;
  bool is_ours_;
  Host* host_;
  uint64_t size_ = 0;
};

}  // namespace modelref::ctl
