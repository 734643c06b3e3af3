#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "backends/backend.h"
#include "service/store/store.h"

namespace modelref {

// Decides what the newest state of a source means for the store (DESIGN 6): a hand edit becomes a
// transaction of the models that differ; damage is never a delete; an edit that removes more than
// half of a document waits. Thread-safe.
class SourceImporter {
 public:
  // A document with fewer models may be emptied by hand.
  static constexpr size_t kHalfRemovalMinimum = 10;

  explicit SourceImporter(Store& store) : store_(store) {}

  // Takes the outcome of a fetch of `key`:
  //   content          what differs is committed as `caller`, and the document is fresh; content
  //   that is held back or
  //                    taken for damage leaves the last good one, marked stale.
  //   NOT_FOUND        damage when the document had content, otherwise nothing.
  //   any other error  the last good content stays, marked stale; with none, reads answer the
  //   error.
  // Every change of this state is logged once.
  void Offer(const DocumentKey& key, const absl::StatusOr<SnapshotPtr>& fetched,
             const std::string& caller);

 private:
  void OfferContent(const DocumentState& state, const Snapshot& snapshot,
                    const std::string& caller);
  void OfferError(const DocumentState& state, const absl::Status& error);
  void Hold(const DocumentState& state, FreshnessCause cause, const std::string& detail);
  static void ReportProblems(const DocumentState& before, const Snapshot& snapshot);
  void Accept(const DocumentState& state, const Snapshot& snapshot);

  Store& store_;
};

// The steps from `before` to `after`: updates and creates in the order of `after`, then deletes.
// Names in `unreadable` are neither changed nor deleted.
std::vector<RecordChange> DiffDocuments(const Document& before, const Document& after,
                                        const std::vector<RecordProblem>& unreadable);

}  // namespace modelref
