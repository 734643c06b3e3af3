#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "backends/base/mutex.h"
#include "service/store/store.h"

namespace modelref {

// Waits until the files of documents show a state, whichever process writes them. Thread-safe; one
// thread, which looks while somebody waits.
class FileWaiter {
 public:
  struct Target {
    DocumentKey key;
    uint64_t mod_revision = 0;  // The file must show this state or a later one.
  };
  // OK, UNAVAILABLE (SHUTTING_DOWN), or an error of the database. Runs on the waiter's thread.
  using Done = std::function<void(absl::Status)>;
  // True when nobody waits for the answer any more.
  using IsGone = std::function<bool()>;

  // `store` must outlive the waiter.
  explicit FileWaiter(Store& store) : store_(store) {}
  // Stops.
  ~FileWaiter();
  FileWaiter(const FileWaiter&) = delete;
  FileWaiter& operator=(const FileWaiter&) = delete;

  void Await(std::vector<Target> targets, IsGone is_gone, Done done);
  // Answers everybody who waits, now and from now on. Idempotent.
  void Stop();

 private:
  struct Waiting {
    std::vector<Target> targets;
    IsGone is_gone;
    Done done;
  };

  void Run();
  // Answers whom it can of `waiting`, and leaves the others in it.
  void AnswerReady(std::vector<Waiting>* waiting);
  absl::StatusOr<bool> Shows(const Target& target);

  Store& store_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Waiting> arrived_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref
