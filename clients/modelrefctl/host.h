#pragma once

// What a run of the program takes from its process, so that tests run commands in theirs.

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "clients/modelrefctl/sink.h"

namespace modelref::ctl {

// Ctrl-C and SIGTERM. Thread-safe.
class Interrupts {
 public:
  // True when somebody listens and was told; otherwise nobody can end the run in order.
  bool Trigger() ABSL_LOCKS_EXCLUDED(mutex_);
  bool triggered() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for `duration` or until triggered; true in the latter case.
  bool WaitFor(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ctrl-C is meant for a program that has the terminal, such as an editor.
  void set_elsewhere(bool elsewhere) ABSL_LOCKS_EXCLUDED(mutex_);
  bool elsewhere() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class InterruptListener;

  mutable Mutex mutex_;
  CondVar changed_;
  bool triggered_ ABSL_GUARDED_BY(mutex_) = false;
  bool elsewhere_ ABSL_GUARDED_BY(mutex_) = false;
  int next_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int, std::function<void()>> listeners_ ABSL_GUARDED_BY(mutex_);
};

// Calls `on_interrupt` from the signal's thread while it lives: at once when it comes late. The
// function must not wait and must not touch listeners.
class InterruptListener {
 public:
  InterruptListener(Interrupts& interrupts, std::function<void()> on_interrupt);
  ~InterruptListener();
  InterruptListener(const InterruptListener&) = delete;
  InterruptListener& operator=(const InterruptListener&) = delete;

 private:
  Interrupts& interrupts_;
  int id_ = 0;
};

struct Terminal {
  bool out = false;  // stdout is a terminal.
  bool err = false;  // stderr is a terminal.
  size_t width = 80;
  bool in = false;  // stdin is a terminal.
};

struct Host {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  Sink* out = nullptr;
  Sink* err = nullptr;
  int in = -1;  // The descriptor of stdin; negative: there is none.
  Terminal terminal;
  Interrupts* interrupts = nullptr;
  Clock* clock = nullptr;
};

}  // namespace modelref::ctl
