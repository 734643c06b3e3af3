#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "service/store/root.h"

namespace modelref {

// What a transaction does to one document.
struct DocumentEdit {
  DocumentKey key;
  // The steps in order. Ignored when `replacement` is set.
  std::vector<RecordChange> changes;
  // The whole content of a document that was empty so far: cheaper than one step per record.
  DocumentPtr replacement;
  std::shared_ptr<const std::string> source_text;
  std::vector<RecordProblem> problems;
};

// One step of a committed transaction.
struct CommittedChange {
  std::string name;
  RecordPtr after;       // Null: deleted.
  bool existed = false;  // Before this step.
};

// What a committed transaction did to one document.
struct DocumentDelta {
  DocumentKey key;
  uint64_t prev_mod_revision = 0;
  Etag prev_etag{};
  // The steps in order; empty when `wholesale`.
  std::vector<CommittedChange> changes;
  bool wholesale = false;  // The whole content came at once and is not listed.
};

struct CommittedTransaction {
  uint64_t revision = 0;
  absl::Time time;
  std::string caller;  // "external:file", …
  std::vector<DocumentDelta> deltas;
};
using CommittedTransactionPtr = std::shared_ptr<const CommittedTransaction>;

// The one write path and the state it leads to. In memory: every start is a new epoch, and the
// files it was loaded from are the durable form. Thread-safe.
//
// A transaction takes one event id per changed record; its revision is the last of them. Readers
// load the root once and answer from it; it is swapped whole, then the listeners run, in the order
// of commits.
class Store {
 public:
  struct Options {
    // How many of the newest transactions, and how many of their steps in all, are kept for
    // watchers.
    size_t history_transactions = 65536;
    size_t history_changes = 1 << 20;
  };

  // Starts with every document of `keys` empty and fresh.
  Store(const std::vector<DocumentKey>& keys, Clock& clock, const Options& options);

  RootPtr root() const;

  // Applies the edits as one transaction and returns its revision. Edits that change nothing are
  // dropped; with none left nothing is committed and the current revision is returned. Every key
  // must be known.
  uint64_t Commit(const std::string& caller, std::vector<DocumentEdit> edits);

  // Replaces what is known about a document beside its content. No revision is taken; listeners run
  // on a change.
  void SetFreshness(const DocumentKey& key, FreshnessCause cause, const std::string& detail);
  void SetDamage(const DocumentKey& key, const absl::Status& damage);
  void SetSource(const DocumentKey& key, std::shared_ptr<const std::string> source_text,
                 std::vector<RecordProblem> problems);

  // The transactions in (after, up_to], or none when some of them are no longer kept.
  std::optional<std::vector<CommittedTransactionPtr>> History(uint64_t after, uint64_t up_to) const;
  // The oldest revision that History can continue from.
  uint64_t history_floor() const;

  // `listener` runs after each change of the root, without any lock, on the thread that made it.
  void AddListener(std::function<void()> listener);

 private:
  struct Applied {
    std::shared_ptr<DocumentState> state;
    DocumentDelta delta;
    uint64_t events = 0;
  };

  static std::optional<Applied> Apply(const Root& root, DocumentEdit edit);
  void Remember(CommittedTransactionPtr transaction) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  void Publish(std::shared_ptr<Root> root) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  // Copies the state of `key`, lets `change` alter it, and publishes when it says that something
  // changed.
  void UpdateState(const DocumentKey& key,
                   const std::function<bool(DocumentState*, Root*)>& change);
  void NotifyListeners();

  Clock& clock_;
  const Options options_;

  // Serialises writers; taken before root_mutex_.
  Mutex commit_mutex_;
  mutable Mutex root_mutex_;
  RootPtr root_ ABSL_GUARDED_BY(root_mutex_);
  std::deque<CommittedTransactionPtr> history_ ABSL_GUARDED_BY(root_mutex_);
  size_t history_changes_ ABSL_GUARDED_BY(root_mutex_) = 0;
  uint64_t history_floor_ ABSL_GUARDED_BY(root_mutex_) = 0;

  mutable Mutex listeners_mutex_;
  std::vector<std::function<void()>> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
};

}  // namespace modelref
