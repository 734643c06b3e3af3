#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "backends/backend_statistics.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "service/store/database.h"
#include "service/store/files_in_place.h"
#include "service/store/log_space.h"
#include "service/store/prepared_transaction.h"
#include "service/store/store_reader.h"
#include "service/store/transaction_rows.h"

namespace modelref {

class Store;

// The one thread of a process that writes to the store's database. It takes all waiting
// transactions into one transaction of the database, a savepoint each, and publishes what they led
// to. It also follows what other processes commit.
class Committer {
 public:
  // `database` has been prepared; `state` is what was loaded from it. Starts the thread.
  Committer(Store& store, Clock& clock, std::unique_ptr<Database> database, LoadedState state);
  // Finishes what waits.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  void Commit(TransactionRequest request, CommitCallback done);
  // Runs a query on the committer's thread and connection, and waits.
  absl::Status Query(const std::function<absl::Status(Database&)>& query);
  // Looks for commits of other processes soon.
  void Nudge();
  absl::Status fenced() const;
  // Of transactions that changed something: from the request until they were durable.
  BackendStatistics latency() const { return latency_.Read(); }

 private:
  struct Waiting {
    TransactionRequest request;
    CommitCallback done;
    std::chrono::steady_clock::time_point since;
  };
  using Job = std::function<void(Database&)>;
  using Task = std::variant<Waiting, Job>;
  // A transaction of the present group, and what became of it so far.
  struct Member {
    Waiting waiting;
    absl::Status status;
    bool changed = false;
    RootPtr root;
  };

  // What the members of a group led to so far.
  struct Group {
    const bool savepoints;
    std::vector<CommittedTransactionPtr> done;
    NewestRows newest;
  };

  void NoteLatency(const std::vector<Member>& members);
  // False when the committer stops.
  bool Enqueue(Task task);
  void Run();
  // A statement without values; compiled once.
  absl::Status Run(absl::string_view sql);
  void CommitGroup(std::vector<Waiting> group);
  // All of the group inside one transaction of the database; an error undoes them all. ABORTED: it
  // needs savepoints.
  absl::Status TryGroup(std::vector<Member>* members, bool savepoints);
  // UNAVAILABLE (STORE_FENCED) when the outcome is not known.
  absl::Status CommitDatabase(WriteTransaction* transaction);
  // One member, maybe inside of a savepoint. An error undoes the whole group; the member's own is
  // in it.
  absl::Status RunMember(Member* member, Group* group);
  absl::Status EndMember(const Group& group);
  absl::Status RunBody(Member* member, PreparedTransaction* prepared, TransactionOrigin* origin,
                       NewestRows* newest);
  // UNAVAILABLE (STORE_FENCED) when the files of the database were removed or replaced.
  absl::Status CheckFiles() const;
  void Follow();
  void NoteFollowing(const absl::Status& status);
  // Reads what others committed, inside a transaction, and publishes it. UNAVAILABLE (STORE_FENCED)
  // when one of them has changed the tables for a newer version.
  absl::Status TakeNews();
  void Fence(const absl::Status& status);

  Store& store_;
  Clock& clock_;
  const std::unique_ptr<Database> database_;
  const FilesInPlace files_;  // Of the database.
  StatisticsCounter latency_{"store"};
  LoadedState state_;  // What the database held at the end of the last transaction.
  LogSpace log_space_;
  std::string follow_error_;  // Of the last look; empty when it went well.
  int64_t seen_version_ = 0;  // Of the database, when `state_` was read.

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool nudged_ ABSL_GUARDED_BY(mutex_) = false;
  bool at_work_ ABSL_GUARDED_BY(mutex_) = false;  // The thread does not wait.
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status fenced_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // Last.
};

}  // namespace modelref
