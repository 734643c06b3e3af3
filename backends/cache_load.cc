#include "backends/cache_load.h"

#include <utility>

namespace modelref {

CacheLoad::Result CacheLoad::Wait() {
  MutexLock lock(&mutex_);
  while (!is_finished_) finished_.Wait(&mutex_);
  return result_;
}

void CacheLoad::OnFinish(Callback callback) {
  Result result;
  {
    MutexLock lock(&mutex_);
    if (!is_finished_) {
      callbacks_.push_back(std::move(callback));
      return;
    }
    result = result_;
  }
  callback(result);
}

std::vector<CacheLoad::Callback> CacheLoad::Finish(const Result& result) {
  MutexLock lock(&mutex_);
  result_ = result;
  is_finished_ = true;
  finished_.SignalAll();
  return std::exchange(callbacks_, {});
}

}  // namespace modelref
