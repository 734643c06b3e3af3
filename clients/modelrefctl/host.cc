#include "clients/modelrefctl/host.h"

#include <utility>

namespace modelref::ctl {

bool Interrupts::Trigger() {
  MutexLock lock(&mutex_);
  triggered_ = true;
  changed_.SignalAll();
  for (const auto& [id, listener] : listeners_) listener();
  return !listeners_.empty();
}

bool Interrupts::triggered() const {
  MutexLock lock(&mutex_);
  return triggered_;
}

bool Interrupts::WaitFor(absl::Duration duration) {
  MutexLock lock(&mutex_);
  bool in_time = true;
  while (!triggered_ && in_time) in_time = changed_.WaitFor(&mutex_, duration);
  return triggered_;
}

void Interrupts::set_elsewhere(bool elsewhere) {
  MutexLock lock(&mutex_);
  elsewhere_ = elsewhere;
}

bool Interrupts::elsewhere() const {
  MutexLock lock(&mutex_);
  return elsewhere_;
}

InterruptListener::InterruptListener(Interrupts& interrupts, std::function<void()> on_interrupt)
    : interrupts_(interrupts) {
  MutexLock lock(&interrupts_.mutex_);
  if (interrupts_.triggered_) on_interrupt();
  id_ = interrupts_.next_id_++;
  interrupts_.listeners_.emplace(id_, std::move(on_interrupt));
}

InterruptListener::~InterruptListener() {
  MutexLock lock(&interrupts_.mutex_);
  interrupts_.listeners_.erase(id_);
}

}  // namespace modelref::ctl
