#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "service/store/store.h"

namespace modelref {

// Tells subscribers that a store changed, for as long as they want to know. Thread-safe. The store
// may change while and after the signal is destroyed; subscriptions must be gone before.
class ChangeSignal {
 public:
  explicit ChangeSignal(Store& store);

  // Calls `wake` after each change of the store until it is destroyed; not after that. `wake` must
  // be quick and must not come back to the signal.
  class Subscription {
   public:
    Subscription(ChangeSignal& signal, std::function<void()> wake);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    ChangeSignal& signal_;
    uint64_t id_;
  };

  size_t subscribers() const;

 private:
  // Shared with the store, whose listeners cannot leave.
  struct State {
    Mutex mutex;
    std::map<uint64_t, std::function<void()>> wakes ABSL_GUARDED_BY(mutex);
    uint64_t next_id ABSL_GUARDED_BY(mutex) = 1;
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace modelref
