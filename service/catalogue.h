#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/base/clock.h"
#include "backends/category_registry.h"
#include "modelref/v1/reference.pb.h"
#include "service/rpc/call_context.h"
#include "service/store/store.h"
#include "service/watch/position.h"

namespace modelref {

// What reading services need to answer: the store, the names in it, and a way to the source.
struct Catalogue {
  Store& store;
  const CategoryRegistry& registry;
  Format canonical_format;
  std::string node_id;
  Clock& clock;
  // Reads a document's source through every cache; blocks.
  std::function<absl::Status(const DocumentKey&)> refresh;
};

// Whether the caller may read the source through every cache.
//   PERMISSION_DENIED  it lacks the role, or is not on this machine where nobody is identified.
using RefreshPolicy = std::function<absl::Status(const CallContext&)>;

// One document as one request sees it: everything the answer says comes from `root`.
struct DocumentView {
  RootPtr root;
  const DocumentState* state;  // In `root`.

  const Document& document() const { return *state->document; }
};

// What a read waits for before it looks at the store: a position, then its sources.
struct ReadPlan {
  std::vector<DocumentKey> keys;  // What is read; from their sources with `refresh`.
  std::optional<Position> min_position;
  bool refresh = false;
};

// What the options ask for; the caller adds the keys.
//   UNIMPLEMENTED (NOT_BUILT)     a field is set that this server does not implement yet.
//   INVALID_ARGUMENT (BAD_FIELD)  the position is malformed.
absl::StatusOr<ReadPlan> PlanRead(const v1::ReadOptions& read);

// The format that a request means for a category: unspecified is the canonical one, or v2 where
// there is no legacy form, as for writes.
//   INVALID_ARGUMENT (UNKNOWN_FORMAT)
absl::StatusOr<Format> ResolveFormat(const Catalogue& catalogue, const Category& category,
                                     v1::Format format);

// The document that a request names, aliases included.
//   NOT_FOUND (CATEGORY_NOT_FOUND), INVALID_ARGUMENT (UNKNOWN_FORMAT).
absl::StatusOr<DocumentKey> ResolveDocument(const Catalogue& catalogue, const std::string& category,
                                            v1::Format format);

// Opens the document for reading at the newest root.
//   the document's own error, when no good content is known.
absl::StatusOr<DocumentView> OpenDocument(const Catalogue& catalogue, const DocumentKey& key);

// The same for a document of a given root.
absl::StatusOr<DocumentView> ViewOf(RootPtr root, const DocumentKey& key);

// Fills the header of an answer about the document.
void FillHeader(const Catalogue& catalogue, const DocumentView& view, v1::ResponseHeader* header);

}  // namespace modelref
