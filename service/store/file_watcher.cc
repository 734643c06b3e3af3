#include "service/store/file_watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "backends/base/durable_file.h"
#include "backends/base/log.h"

namespace modelref {
namespace {

// A writer that closed its file, or moved one into place, has said all it wants to say.
constexpr uint32_t kFinishedMask = IN_CLOSE_WRITE | IN_MOVED_TO;

}  // namespace

FileWatcher::FileWatcher(Options options, FilePaths& paths, VersionProbe& versions, Clock& clock,
                         Judge judge)
    : options_(std::move(options)),
      paths_(paths),
      versions_(versions),
      clock_(clock),
      judge_(std::move(judge)) {}

FileWatcher::~FileWatcher() {
  Stop();
  if (inotify_fd_ >= 0) close(inotify_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

void FileWatcher::TakeBaseline() {
  Listen();
  for (const DocumentKey& key : options_.keys) {
    Watched& watched = watched_[key];
    watched.judged_version = watched.seen_version = VersionOf(key);
  }
}

absl::Status FileWatcher::Start() {
  if (wake_fd_ < 0) wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return ErrnoStatus(errno, "eventfd", "file watcher");
  Listen();
  stopping_ = false;
  {
    MutexLock lock(&requests_mutex_);
    closed_ = false;
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void FileWatcher::Listen() {
  if (inotify_fd_ < 0) inotify_fd_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_fd_ < 0) {
    Log(LogLevel::kWarning, "store.inotify_unavailable",
        {{"error", ErrnoStatus(errno, "inotify_init1", "file watcher").ToString()},
         {"effect", "edits are noticed by the poll only"}});
  }
  WatchFolders();
}

void FileWatcher::Stop() {
  if (thread_.joinable()) {
    stopping_ = true;
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
    thread_.join();
  }
  {
    MutexLock lock(&requests_mutex_);
    closed_ = true;
  }
  for (const JudgeRequest& request : TakeRequests()) {
    if (request.done) request.done();
  }
}

void FileWatcher::Request(const DocumentKey& key, std::function<void()> done) {
  bool refused;
  {
    MutexLock lock(&requests_mutex_);
    refused = closed_;
    if (!refused) requests_.push_back({key, std::move(done)});
  }
  if (refused) {
    if (done) done();
    return;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void FileWatcher::WatchFolders() {
  if (inotify_fd_ < 0) return;
  std::set<std::string> wanted;
  for (const DocumentKey& key : options_.keys) {
    const std::string path = paths_.PathOf(key);
    if (!path.empty()) wanted.insert(std::filesystem::path(path).parent_path().string());
  }
  for (const std::string& folder : wanted) {
    // Adding a folder again returns the same watch; a folder made anew gets a new one.
    const int watch = inotify_add_watch(inotify_fd_, folder.c_str(),
                                        kFinishedMask | IN_ONLYDIR | IN_DELETE_SELF | IN_MOVE_SELF);
    if (watch >= 0) folders_[watch] = folder;
  }
  inotify_active_ = !folders_.empty();
}

void FileWatcher::ReadInotify(Due* due) {
  if (inotify_fd_ < 0) return;
  alignas(inotify_event) std::array<char, 16384> buffer;
  std::map<std::string, Cause> finished;
  ssize_t size;
  while ((size = read(inotify_fd_, buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_IGNORED) != 0) folders_.erase(event->wd);
      const auto folder = folders_.find(event->wd);
      if (folder == folders_.end() || (event->mask & kFinishedMask) == 0 || event->len == 0)
        continue;
      Cause& cause = finished[folder->second + "/" + event->name];
      if ((event->mask & IN_CLOSE_WRITE) != 0) cause = Cause::kClosed;
    }
  }
  if (finished.empty()) return;
  for (const auto& [key, watched] : watched_) {
    const auto it = finished.find(paths_.PathOf(key));
    if (it == finished.end()) continue;
    // What was written in place within one tick of the clock may have the version of before.
    if (it->second == Cause::kClosed || VersionOf(key) != watched.judged_version) {
      due->emplace(key, it->second);
    }
  }
}

std::vector<FileWatcher::JudgeRequest> FileWatcher::TakeRequests() {
  uint64_t count;
  [[maybe_unused]] const ssize_t ignored = read(wake_fd_, &count, sizeof(count));
  MutexLock lock(&requests_mutex_);
  return std::exchange(requests_, {});
}

std::string FileWatcher::VersionOf(const DocumentKey& key) {
  const absl::StatusOr<std::string> version = versions_.CurrentVersion(key);
  if (version.ok()) return *version;
  // Distinct from every version: an unreadable file is a state of its own.
  return absl::IsNotFound(version.status()) ? "" : std::string(version.status().message());
}

void FileWatcher::Poll(Due* due) {
  const absl::Time now = clock_.TimeNow();
  for (auto& [key, watched] : watched_) {
    std::string version = VersionOf(key);
    if (version != watched.seen_version) {
      watched.seen_version = std::move(version);
      watched.seen_since = now;
    } else if (watched.seen_version != watched.judged_version &&
               now - watched.seen_since >= options_.settle_time) {
      due->emplace(key, Cause::kVersion);
    }
  }
}

void FileWatcher::JudgeNow(const DocumentKey& key, Cause cause) {
  // Taken before reading: a change in between is seen again.
  std::string version = VersionOf(key);
  judge_(key, cause);
  const auto it = watched_.find(key);
  if (it == watched_.end()) return;
  it->second.judged_version = version;
  it->second.seen_version = std::move(version);
}

void FileWatcher::Run() {
  absl::Time next_poll = clock_.TimeNow() + options_.poll_interval;
  while (!stopping_) {
    std::array<pollfd, 2> fds = {pollfd{wake_fd_, POLLIN, 0}, pollfd{inotify_fd_, POLLIN, 0}};
    const absl::Duration wait =
        std::clamp(next_poll - clock_.TimeNow(), absl::ZeroDuration(), options_.poll_interval);
    poll(fds.data(), inotify_fd_ >= 0 ? 2 : 1,
         static_cast<int>(absl::ToInt64Milliseconds(wait)) + 1);
    if (stopping_) return;
    for (const JudgeRequest& request : TakeRequests()) {
      JudgeNow(request.key, Cause::kRequested);
      if (request.done) request.done();
    }
    Due due;
    ReadInotify(&due);
    if (clock_.TimeNow() >= next_poll) {
      WatchFolders();
      Poll(&due);
      if (options_.on_poll) options_.on_poll();
      next_poll = clock_.TimeNow() + options_.poll_interval;
    }
    for (const auto& [key, cause] : due) {
      if (stopping_) return;
      JudgeNow(key, cause);
    }
  }
}

}  // namespace modelref
