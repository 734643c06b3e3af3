#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "service/store/commit_callbacks.h"
#include "service/store/file_lock.h"
#include "service/store/transaction.h"
#include "service/store/transaction_ring.h"

namespace modelref {

class CommitWatch;
struct BackendStatistics;
class Committer;
class Database;

// Under the store's directory.
inline constexpr char kDatabaseFile[] = "/store.db";

// The one write path and the state it leads to (DESIGN 6). The truth is a database that several
// processes may have open; this object follows it and answers from memory. Thread-safe.
//
// A transaction takes one event id per changed record; its revision is the last of them. Readers
// load the root once and answer from it; it is swapped whole after the commit is durable.
class Store {
 public:
  struct Options {
    // The folder of the database, made when missing: `<data_dir>/.modelref`. Empty: in memory,
    // gone with the object.
    std::string directory;
    // How many of the newest transactions, and how many of their steps in all, are kept in memory
    // for watchers.
    size_t history_transactions = 65536;
    size_t history_changes = 1 << 20;
    absl::Duration busy_timeout = absl::Seconds(5);
    // How soon commits of other processes are seen at the latest.
    absl::Duration follow_interval = absl::Milliseconds(20);
    // SQLite's locks do not hold on many network file systems.
    bool allow_network_file_system = false;
    // The name of a registered file layer of the engine; empty: its own.
    std::string file_layer;
  };

  // Opens the store with the documents of `keys`, and those it has besides. `clock` must outlive
  // it. What was committed by whomever is served; a copied or restored directory begins a new
  // epoch.
  //   FAILED_PRECONDITION  made by a newer version, or on a network file system.
  //   DATA_LOSS            the database is damaged: `modelrefctl store repair`.
  //   UNAVAILABLE          (STORE_BUSY) it is being repaired.
  //   otherwise as Database.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::vector<DocumentKey>& keys,
                                                     Clock& clock, const Options& options);
  // In memory. `options.directory` must be empty.
  Store(const std::vector<DocumentKey>& keys, Clock& clock, const Options& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  RootPtr root() const;

  // Commits the transaction, with others that wait in one group. `done` runs on the committer's
  // thread once the transaction is durable and in root(), or failed; it must not block.
  //   the error of the body; UNAVAILABLE (STORE_BUSY, STORE_FENCED), RESOURCE_EXHAUSTED
  //   (DISK_FULL).
  void CommitAsync(TransactionRequest request, CommitCallback done);
  // The same, waiting. Not from the committer's thread or an RPC thread.
  absl::StatusOr<CommitResult> Commit(TransactionRequest request);
  // Applies the edits, whatever the present state is. Edits that change nothing are dropped.
  absl::StatusOr<CommitResult> Commit(const std::string& caller, std::vector<DocumentEdit> edits);

  // Replaces what is known about a document beside its content. No revision is taken; listeners run
  // on a change. In memory only.
  void SetFreshness(const DocumentKey& key, FreshnessCause cause, const std::string& detail);
  void SetDamage(const DocumentKey& key, const absl::Status& damage);
  // The transactions in (after, up_to], or none when some of them are no longer in memory.
  std::optional<std::vector<CommittedTransactionPtr>> History(uint64_t after, uint64_t up_to) const;
  // The oldest revision that History can continue from.
  uint64_t history_floor() const;

  // The chain at a revision: that of the newest transaction not after it. Nullopt when that
  // transaction is no longer in memory: ask ChainAt.
  std::optional<Sha256Digest> RecentChainAt(uint64_t revision) const;
  // The same from the database. Blocks: not for an RPC thread. OUT_OF_RANGE before the history that
  // is kept, otherwise errors as Database.
  absl::StatusOr<Sha256Digest> ChainAt(uint64_t revision);
  // The names of the models of a document that transactions in (after, up_to] deleted; some may
  // exist again. Blocks. Errors as ChainAt.
  absl::StatusOr<std::vector<std::string>> DeletedModels(const DocumentKey& key, uint64_t after,
                                                         uint64_t up_to);
  // Runs a query against committed state and waits for it. Blocks. For a long reader open a
  // connection of your own.
  absl::Status Query(const std::function<absl::Status(Database&)>& query);

  // `listener` runs after each change of the root, without any lock, on the thread that made it. It
  // must not block: of the writes only CommitAsync is allowed.
  void AddListener(std::function<void()> listener);

  // `callback` hears of every commit, of any process, once and in order, on a thread of its own; it
  // may block and may write. It must not outlive what it uses: it runs until the store is gone.
  void AddCommitCallback(CommitCallbacks::Callback callback) {
    callbacks_.Add(std::move(callback));
  }

  // Not OK, and only reads work, once an I/O error made the outcome of a commit unknown, the files
  // of the database were removed or replaced, or a newer program changed its tables.
  absl::Status fenced() const;
  // How long this process's transactions took that changed something, from the request until they
  // were durable: of the statistics only the latency is filled.
  BackendStatistics commit_latency() const;
  const Options& options() const { return options_; }

 private:
  friend class Committer;

  Store(Clock& clock, const Options& options);
  // Prepares the database, loads it and starts the threads.
  absl::Status Start(const std::vector<DocumentKey>& keys);
  absl::Status Load(std::unique_ptr<Database> database);
  // What a group of transactions led to. Publishes the root `content` says, with the freshness and
  // damage that are known now, then notifies.
  void Publish(const RootPtr& content, std::vector<CommittedTransactionPtr> transactions);
  // The same after everything was read anew.
  void Replace(const RootPtr& content, TransactionRing history);
  // Copies the state of `key`, lets `change` alter it, and publishes when it says that something
  // changed.
  void UpdateState(const DocumentKey& key,
                   const std::function<bool(DocumentState*, Root*)>& change);
  void NotifyListeners();

  Clock& clock_;
  const Options options_;
  std::optional<FileLock> lock_;  // Keeps repairs away.

  mutable Mutex root_mutex_;
  RootPtr root_ ABSL_GUARDED_BY(root_mutex_);
  TransactionRing history_ ABSL_GUARDED_BY(root_mutex_);

  mutable Mutex listeners_mutex_;
  std::vector<std::function<void()>> listeners_ ABSL_GUARDED_BY(listeners_mutex_);

  // Before the committer, whose thread tells it; after all that its callbacks may use.
  CommitCallbacks callbacks_;

  Mutex reader_mutex_;
  std::unique_ptr<Database> reader_ ABSL_GUARDED_BY(reader_mutex_);  // Null in memory.
  std::unique_ptr<Committer> committer_;  // Its thread uses everything above.
  std::unique_ptr<CommitWatch> watch_;    // Last: it uses the committer.
};

}  // namespace modelref
