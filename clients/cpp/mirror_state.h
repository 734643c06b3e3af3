#pragma once

// Which documents a mirror shows, which it waits for and what it fetches next. Internal to
// clients/cpp.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/cpp/mirror_copy.h"
#include "clients/cpp/watch_cut.h"

namespace modelref {

// One document to be fetched.
struct MirrorFetch {
  DocumentKey key;
  // A delta may start from this copy. Null: the whole document.
  MirrorCopyPtr base;
  // The state that is asked for, at least; an empty epoch: any.
  std::string min_epoch;
  uint64_t min_revision = 0;
};

// Told what the watch says and what fetches bring, it decides what is shown: only whole documents
// that have the etag the watch names, or that are newer than all the watch has told. Time is passed
// in. Single-threaded.
class MirrorState {
 public:
  // `random` returns numbers from [0, 1). Without `formats` the watch is of one format that the
  // server chooses.
  MirrorState(bool has_formats, std::function<double()> random)
      : has_formats_(has_formats), random_(std::move(random)) {}

  // What is shown at the start, older than it may be. Before the first cut.
  void Load(MirrorCopyPtr copy);
  // A document whose copy on disk cannot be used: when the server has none, it is removed.
  void LoadDamaged(const DocumentKey& key) { slots_[key]; }

  // A step of the watch. Returns the documents that are shown otherwise from now on.
  std::vector<DocumentKey> TakeCut(const WatchCut& cut, const WatchedDocuments& documents,
                                   absl::Time now);

  // The fetch that is due, if any; at most one at a time for each document.
  std::optional<MirrorFetch> NextFetch(absl::Time now);
  // When the next one is due; InfiniteFuture: none is.
  absl::Time NextDue() const;
  // What a fetch brought. True when it is shown from now on. A document that is older than what the
  // watch has told since is not shown, but the next fetch starts from it.
  bool TakeFetched(const MirrorFetch& fetch, MirrorCopyPtr copy, absl::Time now);
  void TakeFailure(const MirrorFetch& fetch, const absl::Status& failure, absl::Time now);

  // What is shown; null: no such document.
  MirrorCopyPtr Shown(const DocumentKey& key) const;
  // All that is shown.
  std::vector<MirrorCopyPtr> AllShown() const;
  // True when the document is what the watch last named.
  bool IsCurrent(const DocumentKey& key) const;
  // True when the watch has named a state and every document is of it.
  bool AllCurrent() const { return has_state_ && pending() == 0; }
  size_t pending() const;
  // The documents whose last fetch failed, and why.
  std::map<DocumentKey, absl::Status> Failures() const;
  // How many fetches of these did not bring what was wanted, in a row.
  std::map<DocumentKey, int> FailedFetches() const;
  // The documents that the server has no more; each once.
  std::set<DocumentKey> TakeRemoved() { return std::exchange(removed_, {}); }

  // The state that the watch last named.
  const std::string& epoch() const { return epoch_; }
  uint64_t revision() const { return revision_; }
  uint64_t dropped() const { return dropped_; }
  uint64_t mismatches() const { return mismatches_; }

 private:
  struct Wanted {
    std::string etag;  // Empty: no such document.
    std::optional<uint64_t> mod_revision;
    std::string epoch;
    uint64_t revision = 0;
  };
  struct Slot {
    MirrorCopyPtr shown;
    MirrorCopyPtr base;  // Verified, never shown, newer than `shown`.
    std::optional<Wanted> wanted;
    absl::Time due = absl::InfiniteFuture();
    bool fetching = false;
    bool whole = false;  // The next fetch must not be a delta.
    int failures = 0;
    absl::Status failure;
  };

  // Those that answer tell whether something else is shown.
  bool TakeEvent(const DocumentKey& key, const v1::WatchEvent& event, Slot* slot, absl::Time now);
  bool Want(const DocumentKey& key, Wanted wanted, absl::Duration jitter, Slot* slot,
            absl::Time now);
  bool WantNone(Slot* slot);
  bool ApplyDelta(const v1::WatchEvent& event, const Wanted& wanted, Slot* slot);
  std::vector<DocumentKey> TakeChanges(const WatchCut& cut, absl::Time now);
  std::vector<DocumentKey> TakeWhole(const WatchedDocuments& documents, absl::Time now);
  void MovePositions();
  void Show(MirrorCopyPtr copy, Slot* slot);
  static bool Matches(const Slot& slot);
  // True when what is shown is newer than the state the watch is at.
  bool IsAhead(const Slot& slot) const;
  absl::Duration Backoff(const Slot& slot, const absl::Status& failure);

  const bool has_formats_;
  const std::function<double()> random_;
  std::map<DocumentKey, Slot> slots_;
  std::set<DocumentKey> removed_;
  bool has_state_ = false;
  std::string epoch_;
  uint64_t revision_ = 0;
  uint64_t dropped_ = 0;
  uint64_t mismatches_ = 0;
};

}  // namespace modelref
