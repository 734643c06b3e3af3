#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "service/store/store.h"
#include "service/watch/cut.h"
#include "service/watch/watch_request.h"

namespace modelref {

// Where sessions learn about changes and share what they send: a cut is encoded once per class of
// filter, however many streams send it. Thread-safe. Must outlive its sessions.
class WatchHub {
 public:
  struct Statistics {
    uint64_t sessions = 0;  // Open now.
    uint64_t sessions_total = 0;
    uint64_t messages = 0;  // Handed out.
    uint64_t cuts_encoded = 0;
    uint64_t cuts_shared = 0;  // Found encoded.
  };

  // `store` must outlive the hub.
  WatchHub(Store& store, std::string node_id);

  // Calls `wake` after each change of the store until the subscription is destroyed; not after
  // that.
  class Subscription {
   public:
    Subscription(WatchHub& hub, std::function<void()> wake);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    WatchHub& hub_;
    uint64_t id_;
  };

  RootPtr root() const { return store_.root(); }
  const std::string& node_id() const { return node_id_; }

  // The messages of the cut (after, root.revision]; empty when nothing watched changed.
  std::vector<EncodedMessage> Cut(const Root& root, const WatchPlan& plan, uint64_t after);
  // A bookmark at the root's revision.
  EncodedMessage BookmarkMessage(const Root& root, const WatchedSet& watched);

  void CountMessage() { messages_.fetch_add(1, std::memory_order_relaxed); }
  Statistics statistics() const;

 private:
  using Messages = std::shared_ptr<const std::vector<EncodedMessage>>;

  void WakeAll();
  // The messages under `key`, made by `encode` when they are not kept. Two callers may encode the
  // same at once.
  Messages Shared(const std::string& key,
                  const std::function<std::vector<EncodedMessage>()>& encode);

  Store& store_;
  const std::string node_id_;

  mutable Mutex mutex_;
  std::map<uint64_t, std::function<void()>> subscribers_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;

  mutable Mutex cache_mutex_;
  std::list<std::pair<std::string, Messages>> recent_
      ABSL_GUARDED_BY(cache_mutex_);  // Newest first.
  std::unordered_map<std::string, std::list<std::pair<std::string, Messages>>::iterator> by_key_
      ABSL_GUARDED_BY(cache_mutex_);

  std::atomic<uint64_t> messages_{0};
  std::atomic<uint64_t> encoded_{0};
  std::atomic<uint64_t> shared_{0};
};

}  // namespace modelref
