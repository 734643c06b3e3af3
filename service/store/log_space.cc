#include "service/store/log_space.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

// Of the engine's format: a header, then pages with a head each.
constexpr off_t kLogHead = 32;
constexpr off_t kFrame = 24 + 4096;

// Groups of writes that take more than this make the file longer themselves.
constexpr off_t kAhead = 16 * kFrame;
constexpr off_t kLeastStep = 2 * kAhead;
constexpr off_t kMostStep = 128 * kFrame;
constexpr off_t kMost = kLogHead + (kLogPages + 128) * kFrame;

// Whether the page that is `kAhead` before the end has been written.
bool IsNearlyFull(int fd, off_t size) {
  if (size < kLogHead + kAhead) return true;
  const off_t frame = (size - kLogHead - kAhead) / kFrame;
  std::array<unsigned char, 24> head{};
  const ssize_t n = pread(fd, head.data(), head.size(), kLogHead + frame * kFrame);
  if (n != static_cast<ssize_t>(head.size())) return false;
  return std::any_of(head.begin(), head.end(), [](unsigned char byte) { return byte != 0; });
}

bool AppendZeros(int fd, off_t from, off_t to) {
  const std::vector<char> zeros(static_cast<size_t>(to - from));
  return pwrite(fd, zeros.data(), zeros.size(), from) == static_cast<ssize_t>(zeros.size());
}

}  // namespace

LogSpace::~LogSpace() {
  if (fd_ >= 0) close(fd_);
}

bool LogSpace::Open() {
  if (fd_ < 0 && !path_.empty()) fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  return fd_ >= 0;
}

void LogSpace::Extend() {
  struct stat file;
  if (!Open() || fstat(fd_, &file) != 0) return;
  if (file.st_size >= kMost || !IsNearlyFull(fd_, file.st_size)) return;
  const off_t step = std::clamp(file.st_size, kLeastStep, kMostStep);
  if (AppendZeros(fd_, file.st_size, file.st_size + step)) return;
  // A full disk: the room is for those who need it.
  [[maybe_unused]] const int given_back = ftruncate(fd_, file.st_size);
  close(std::exchange(fd_, -1));
  path_.clear();
}

std::string LogPathOf(const Store::Options& options) {
  const bool is_plain = !options.directory.empty() && options.file_layer.empty();
  return is_plain ? absl::StrCat(options.directory, kDatabaseFile, "-wal") : "";
}

}  // namespace modelref
