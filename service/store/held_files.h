#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/store/held_edits.h"
#include "service/store/store.h"

namespace modelref {

// The folder with the bytes of edits and damaged files that wait for an operator. Nothing is ever
// removed from it. Thread-safe; blocks.
class HeldFiles {
 public:
  // `folder` is made when something is kept; empty: nothing can be kept. `store` must outlive this.
  HeldFiles(Store& store, std::string folder) : store_(store), folder_(std::move(folder)) {}

  bool can_keep() const { return !folder_.empty(); }
  std::string PathOf(const HeldEdit& edit) const { return folder_ + "/" + edit.id; }

  // Copies the file at `path` and lists it, as `edit` describes it but for id, time, hash and size.
  // What waits already is not kept twice. Something else than a file, or one of more than 512 MiB,
  // is moved here.
  //   NOT_FOUND  nothing is there.
  //   ABORTED    the file does not have the bytes that `edit.sha256` names (zeros: any).
  //   otherwise as ReadFile, WriteFileDurably and Store::Commit.
  absl::StatusOr<HeldEdit> Keep(const std::string& path, HeldEdit edit,
                                std::vector<HeldChange> changes, absl::Time now);

 private:
  absl::Status List(const HeldEdit& edit, std::vector<HeldChange> changes);

  Store& store_;
  const std::string folder_;
};

}  // namespace modelref
