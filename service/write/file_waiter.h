#pragma once

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
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
  // OK, UNAVAILABLE (FILE_NOT_WRITTEN, SHUTTING_DOWN), or an error of the database. Runs on the
  // waiter's thread.
  using Done = std::function<void(absl::Status)>;
  // True when nobody waits for the answer any more.
  using IsGone = std::function<bool()>;

  // Why the file of a document cannot be written now, as far as this process knows; OK otherwise.
  using Failure = std::function<absl::Status(const DocumentKey&)>;
  // For a file that nobody writes, or only much later.
  static constexpr absl::Duration kPatience = absl::Seconds(30);

  // `store` must outlive the waiter. `failure` may be empty.
  explicit FileWaiter(Store& store, Failure failure = nullptr, absl::Duration patience = kPatience)
      : store_(store), failure_(std::move(failure)), patience_(patience) {}
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
    absl::Time until;  // Of the monotonic clock.
  };

  void Run();
  // Answers whom it can of `waiting`, and leaves the others in it.
  void AnswerReady(std::vector<Waiting>* waiting);
  // OK while a file that does not show the target yet may be waited for.
  absl::Status MayStillCome(const Target& target, absl::Time until) const;
  absl::StatusOr<bool> Shows(const Target& target);

  Store& store_;
  const Failure failure_;
  const absl::Duration patience_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Waiting> arrived_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref
