#pragma once

#include <memory>
#include <random>
#include <vector>

#include "backends/base/mutex.h"
#include "clients/cpp/client.h"

namespace modelref::testing {

// The servers that somebody may write to; each may be dead already. Thread-safe.
class ServerList {
 public:
  void Add(std::shared_ptr<Client> client) {
    MutexLock lock(&mutex_);
    clients_.push_back(std::move(client));
  }
  void Clear() {
    MutexLock lock(&mutex_);
    clients_.clear();
  }
  // Null when there is none.
  std::shared_ptr<Client> Any(std::mt19937_64& random) const {
    MutexLock lock(&mutex_);
    return clients_.empty() ? nullptr : clients_[random() % clients_.size()];
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::shared_ptr<Client>> clients_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref::testing
