#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modelref {

// A regular file that only grows, open. Thread-compatible. Errors of every method as StatFile;
// RESOURCE_EXHAUSTED when the disk is full.
class LogFile {
 public:
  enum class Mode {
    kRead,
    kAppend,
    kCreate,  // To append to; mode 0644. ALREADY_EXISTS when it is there.
  };

  static absl::StatusOr<LogFile> Open(const std::string& path, Mode mode);
  LogFile(LogFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  LogFile& operator=(LogFile&&) = delete;
  ~LogFile();

  absl::StatusOr<uint64_t> Size() const;
  // Reads at most `size` bytes at `offset`; 0 at the end of the file.
  absl::StatusOr<size_t> Read(uint64_t offset, char* buffer, size_t size) const;
  // After an error some of the bytes may be in the file.
  absl::Status Append(absl::string_view bytes);
  absl::Status Truncate(uint64_t size);
  // The content and the size are on disk afterwards.
  absl::Status Sync();

 private:
  LogFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
};

}  // namespace modelref
