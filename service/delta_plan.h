#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/catalogue.h"

namespace modelref {

// What leads from a caller's copy of a document to the document.
struct DeltaPlan {
  bool full = false;  // `upserts` are the whole document: the copy is dropped first.
  std::vector<std::string>
      deletes;  // To be applied before the upserts; may name what is not there.
  std::vector<const Entry*> upserts;  // In stored order, in the document.
};

// Plans what leads from the copy that was taken at `since`, a position on the store's history, and
// that has `base_etag` (empty: not known), to the document of `view`. Without a position, or when
// the copy is none of that document, or when its changes are not known: all of it. Blocks: it may
// ask the database.
DeltaPlan PlanDelta(Store& store, const DocumentView& view, const std::optional<Position>& since,
                    absl::string_view base_etag);

}  // namespace modelref
