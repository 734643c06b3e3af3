#include "service/store/commit_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace modelref {
namespace {

// A commit shows only when its log is synced, some time after the write that raised the event: look
// often at first.
constexpr int kEagerMilliseconds = 2;
constexpr int kEagerLooks = 25;
// Then as often as was asked, this many times.
constexpr int kPatientLooks = 100;
// Without any event; the clock only guards against events that were lost.
constexpr int kIdleMilliseconds = 1000;

}  // namespace

CommitWatch::CommitWatch(std::string directory, absl::Duration interval, std::function<void()> look)
    : directory_(std::move(directory)), interval_(interval), look_(std::move(look)) {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  inotify_fd_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_fd_ >= 0 &&
      inotify_add_watch(inotify_fd_, directory_.c_str(), IN_MODIFY | IN_ONLYDIR) < 0) {
    close(std::exchange(inotify_fd_, -1));
  }
  thread_ = std::thread([this] { Run(); });
}

CommitWatch::~CommitWatch() {
  stopping_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
  thread_.join();
  if (inotify_fd_ >= 0) close(inotify_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

bool CommitWatch::ReadEvents() {
  if (inotify_fd_ < 0) return false;
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool log_written = false;
  ssize_t size;
  while ((size = read(inotify_fd_, buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const bool overflow = (event->mask & IN_Q_OVERFLOW) != 0;
      log_written = log_written || overflow ||
                    (event->len > 0 && absl::EndsWith(absl::string_view(event->name), "-wal"));
    }
  }
  return log_written;
}

void CommitWatch::Run() {
  const int interval = std::max(1, static_cast<int>(absl::ToInt64Milliseconds(interval_)));
  int looks = kEagerLooks + kPatientLooks;  // Since the last event.
  while (!stopping_) {
    const bool eager = looks < kEagerLooks;
    const bool patient = looks < kEagerLooks + kPatientLooks || inotify_fd_ < 0;
    std::array<pollfd, 2> fds = {pollfd{wake_fd_, POLLIN, 0}, pollfd{inotify_fd_, POLLIN, 0}};
    // While looking eagerly every write would wake: the next look comes soon anyway.
    const nfds_t count = inotify_fd_ >= 0 && !eager ? 2 : 1;
    poll(fds.data(), count, eager ? kEagerMilliseconds : patient ? interval : kIdleMilliseconds);
    if (stopping_) return;
    if (looks < kEagerLooks + kPatientLooks) ++looks;
    if (ReadEvents()) looks = 0;
    look_();
  }
}

}  // namespace modelref
