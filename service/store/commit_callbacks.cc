#include "service/store/commit_callbacks.h"

#include <utility>

namespace modelref {

CommitCallbacks::~CommitCallbacks() { Stop(); }

void CommitCallbacks::Stop() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    std::swap(thread, thread_);
  }
  changed_.SignalAll();
  if (thread.joinable()) thread.join();
}

void CommitCallbacks::Add(Callback callback) {
  MutexLock lock(&mutex_);
  callbacks_.push_back(std::make_shared<const Callback>(std::move(callback)));
  if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { Run(); });
}

void CommitCallbacks::Tell(const std::vector<CommittedTransactionPtr>& transactions) {
  {
    MutexLock lock(&mutex_);
    if (callbacks_.empty() || transactions.empty()) return;
    for (const CommittedTransactionPtr& transaction : transactions) {
      waiting_.push_back({{transaction, transaction->revision}, callbacks_.size()});
    }
    if (waiting_.size() > max_waiting_) {
      waiting_.clear();
      waiting_.push_back({{nullptr, transactions.back()->revision}, callbacks_.size()});
    }
  }
  changed_.Signal();
}

void CommitCallbacks::TellGap(uint64_t revision) {
  {
    MutexLock lock(&mutex_);
    if (callbacks_.empty()) return;
    waiting_.clear();
    waiting_.push_back({{nullptr, revision}, callbacks_.size()});
  }
  changed_.Signal();
}

void CommitCallbacks::Run() {
  while (true) {
    Told told;
    std::vector<std::shared_ptr<const Callback>> callbacks;
    {
      MutexLock lock(&mutex_);
      while (waiting_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (stopping_) return;
      told = std::move(waiting_.front());
      waiting_.pop_front();
      callbacks.assign(callbacks_.begin(),
                       callbacks_.begin() + static_cast<std::ptrdiff_t>(told.callbacks));
    }
    for (const auto& callback : callbacks) (*callback)(told.notice);
  }
}

}  // namespace modelref
