#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "service/store/store.h"

namespace modelref {

// Tells subscribers that a store changed, for as long as they want to know. Thread-safe. The store
// may change while and after the signal is destroyed; subscriptions must be gone before.
class ChangeSignal {
 public:
  explicit ChangeSignal(Store& store);

  // A neighbourhood and a number.
  using Place = std::pair<uint64_t, uint64_t>;

  // Calls `wake` after each change of the store until it is destroyed; not after that. `wake` must
  // be quick and must not come back to the signal.
  class Subscription {
   public:
    // Those of one `neighbourhood` are told one after the other.
    Subscription(ChangeSignal& signal, std::function<void()> wake, uint64_t neighbourhood = 0);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    ChangeSignal& signal_;
    Place place_;
  };

  size_t subscribers() const;

 private:
  // Shared with the store, whose listeners cannot leave.
  struct State {
    Mutex mutex;
    std::map<Place, std::function<void()>> wakes ABSL_GUARDED_BY(mutex);
    uint64_t next_id ABSL_GUARDED_BY(mutex) = 1;
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace modelref
