#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/backend.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "service/store/held_files.h"
#include "service/store/import_transaction.h"
#include "service/store/store.h"

namespace modelref {

// Decides what the newest state of a source means for the store (DESIGN 6): a hand edit becomes a
// transaction of the models it changed; damage is never a delete; an edit that removes more than
// half of a document waits for an operator. Thread-safe; blocks.
class SourceImporter {
 public:
  struct Options {
    // Where bytes that are not taken are kept; empty: nowhere, they only make the document stale.
    std::string held_folder;
    // The file of a document; empty where there is none.
    std::function<std::string(const DocumentKey&)> path_of;
    // Has the file of a document written as the store has it; empty: nobody can.
    std::function<void(const DocumentKey&)> restore;
    // How long damage may last before its bytes are put aside and the file is restored.
    absl::Duration damage_grace = absl::Seconds(10);
    // FileImport::recent.
    absl::Duration recent = absl::Minutes(15);
    HeldRemovals held_removals;
  };

  // Both must outlive the importer.
  SourceImporter(Store& store, Clock& clock, Options options);

  // Takes the outcome of a fetch of `key`:
  //   content          what was edited is committed as `caller`, and the document is fresh; content
  //                    that is held back or taken for damage leaves what was committed, stale.
  //   NOT_FOUND        damage when the document had content, otherwise nothing.
  //   any other error  what was committed stays, stale; with nothing, reads answer the error.
  // Every change of this state is logged once. False: another file stands there by now; nothing was
  // done, and it is to be read again.
  bool Offer(const DocumentKey& key, const absl::StatusOr<SnapshotPtr>& fetched,
             const std::string& caller);
  // Commits content as Offer does, and tells and keeps nothing besides: for a process that does not
  // follow the files. What is held back or taken for damage is left to the process that does.
  //   ABORTED  another file stands there by now: to be read again; otherwise as Store::Commit.
  absl::Status Take(const DocumentKey& key, const SnapshotPtr& snapshot, const std::string& caller);
  // As Offer, for the content of a file that a rewrite displaced, which is at `path` now, best
  // still under the name that the exchange gave it: that tells which edits are newer. OK also when
  // it waits for an operator; otherwise an error of the store.
  absl::Status OfferDisplaced(const DocumentKey& key, const absl::StatusOr<SnapshotPtr>& content,
                              const std::string& path, const std::string& caller);
  // The file of `key` is what the store last wrote or imported there.
  void OfferUnchanged(const DocumentKey& key);

  // Documents whose damage has lasted, to be fetched and offered again.
  std::vector<DocumentKey> LastingDamage() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Marks the documents stale for which edits wait, and those fresh for which none does any more,
  // whoever decided.
  void UpdateHeld();

 private:
  struct Damage {
    std::string state;  // Of the file: another one is another damage.
    absl::Time since;
    bool is_put_aside = false;
  };

  absl::StatusOr<ImportOutcome> Commit(const FileImport& import, const std::string& caller);
  FileImport InPlace(const DocumentKey& key, const SnapshotPtr& snapshot) const;
  bool OfferContent(const DocumentState& state, const SnapshotPtr& snapshot,
                    const std::string& caller);
  void OfferError(const DocumentState& state, const absl::Status& error);
  // Tells that the document is stale for that reason.
  void Tell(const DocumentKey& key, FreshnessCause cause, const std::string& detail);
  void HoldEdit(const DocumentKey& key, ImportOutcome outcome);
  // Puts the bytes aside and restores the file when that damage has lasted.
  void NoteDamage(const DocumentKey& key, HeldEdit edit, std::vector<HeldChange> changes);
  bool HasLasted(const DocumentKey& key) ABSL_LOCKS_EXCLUDED(mutex_);
  void Accept(const DocumentKey& key);
  std::string StateOfFile(const DocumentKey& key) const;

  Store& store_;
  Clock& clock_;
  const Options options_;
  HeldFiles held_;
  mutable Mutex mutex_;
  std::map<DocumentKey, Damage> damaged_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref
