#include "clients/modelrefctl/input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/exit_codes.h"

namespace modelref::ctl {
namespace {

// How often a wait for input looks whether the user gave up.
constexpr int kLookMilliseconds = 100;

}  // namespace

absl::StatusOr<Input> Input::Open(const std::string& path, Host& host) {
  if (path == "-") {
    if (host.in < 0) return UsageError("-f -: there is no stdin");
    return Input("stdin", host.in, false, host);
  }
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  return Input(path, fd, true, host);
}

Input::Input(std::string name, int fd, bool is_ours, Host& host)
    : name_(std::move(name)), fd_(fd), is_ours_(is_ours), host_(&host) {
  struct stat info {};
  if (fstat(fd_, &info) == 0 && S_ISREG(info.st_mode)) size_ = static_cast<uint64_t>(info.st_size);
}

Input::Input(Input&& other) noexcept
    : name_(std::move(other.name_)),
      fd_(std::exchange(other.fd_, -1)),
      is_ours_(other.is_ours_),
      host_(other.host_),
      size_(other.size_) {}

Input::~Input() {
  if (is_ours_ && fd_ >= 0) close(fd_);
}

absl::StatusOr<size_t> Input::Read(char* buffer, size_t size) {
  for (;;) {
    pollfd readable = {fd_, POLLIN, 0};
    const int ready = poll(&readable, 1, kLookMilliseconds);
    if (host_->interrupts->triggered()) return InterruptedError();
    if (ready == 0) continue;
    const ssize_t count = read(fd_, buffer, size);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR && errno != EAGAIN) return ErrnoStatus(errno, "read", name_);
  }
}

absl::StatusOr<std::string> Input::ReadAll(size_t limit) {
  std::string text;
  std::array<char, 64 << 10> buffer;
  for (;;) {
    ASSIGN_OR_RETURN(const size_t count, Read(buffer.data(), buffer.size()));
    if (count == 0) return text;
    text.append(buffer.data(), count);
    if (text.size() <= limit) continue;
    return Error(absl::StatusCode::kInvalidArgument, "INPUT_TOO_LARGE",
                 absl::StrCat(name_, " has more than ", limit, " bytes"));
  }
}

absl::Status Input::Rewind() {
  if (lseek(fd_, 0, SEEK_SET) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(name_, " can be read once only"));
}

}  // namespace modelref::ctl
