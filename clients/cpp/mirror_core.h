#pragma once

// The threads of a Mirror and what they share. Internal to clients/cpp.

#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "backends/base/mutex.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/client.h"
#include "clients/cpp/mirror.h"
#include "clients/cpp/mirror_state.h"
#include "clients/cpp/watcher.h"

namespace modelref {

class Mirror::Core {
 public:
  Core(Client* client, MirrorOptions options);
  ~Core();

  // Reads the directory. Once, before Start().
  absl::Status Load();
  void Start();

  std::shared_ptr<const MirrorView> view() const ABSL_LOCKS_EXCLUDED(view_mutex_);
  MirrorStatus status() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool WaitUntilSynced(absl::Duration timeout) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Flush();

 private:
  // On the watch's thread.
  void TakeCut(const WatchCut& cut, const WatchedDocuments& documents) ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeStatus(const WatchStatus& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeFreshness(const v1::Freshness& freshness) ABSL_LOCKS_EXCLUDED(mutex_);

  void FetchAll() ABSL_LOCKS_EXCLUDED(mutex_);
  void NotifyAll() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<MirrorFetch> WaitForFetch() ABSL_LOCKS_EXCLUDED(mutex_);

  void StartSaver(const MirrorContent& content, std::unique_ptr<MirrorDirectory> directory);
  MirrorSaver::State SaverState() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Problem(const absl::Status& problem) const;

  void ShowLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) ABSL_LOCKS_EXCLUDED(view_mutex_);
  // What is shown changed.
  void PublishLocked(const std::vector<DocumentKey>& changed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_)
      ABSL_LOCKS_EXCLUDED(view_mutex_);
  void ConfirmLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SyncState StateLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Client& client_;
  const MirrorOptions options_;
  Cancellation cancellation_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  MirrorState state_ ABSL_GUARDED_BY(mutex_);
  WatchStatus watch_ ABSL_GUARDED_BY(mutex_);
  // When everything shown was last known to be the newest, by MonotonicClock().
  absl::Time confirmed_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::set<DocumentKey> stale_ ABSL_GUARDED_BY(mutex_);
  std::set<DocumentKey> untold_ ABSL_GUARDED_BY(mutex_);  // For on_change.
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  mutable Mutex view_mutex_;  // After mutex_.
  std::shared_ptr<const MirrorView> view_ ABSL_GUARDED_BY(view_mutex_);

  // In the order in which they are made; they end in the opposite one.
  std::unique_ptr<MirrorSaver> saver_;
  std::thread notifier_;
  std::vector<std::thread> fetchers_;
  std::unique_ptr<Watcher> watcher_;
};

}  // namespace modelref
