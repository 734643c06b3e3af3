#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "backends/base/document_key.h"
#include "backends/base/mutex.h"
#include "backends/document.h"
#include "modelref/v1/reference.pb.h"
#include "service/derived_cache.h"
#include "service/model_listing_order.h"

namespace modelref {

// What pages of one snapshot are cut from: the facets of its chunks and the orders that were asked
// for. Thread-safe. Does not keep the document alive; methods that take it need the very snapshot
// of the constructor.
class ModelIndex {
 public:
  using Rows = std::shared_ptr<const std::vector<RowRef>>;

  // Parses the chunks that `older` (null when there is none) does not know.
  ModelIndex(const DocumentKey& key, const Document& document, const ModelIndex* older);

  const FacetsOfChunks& facets() const { return *facets_; }

  // All rows in an order other than stored order. Sorted by the first caller, while others wait;
  // when the older index had the order, in one pass over it.
  Rows InOrder(v1::ModelOrder order, const Document& document) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Of memory, about.
  size_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Sorting {
    Rows rows;   // Null until asked for.
    Rows older;  // Of the older index, to start from; null when there is none, and after that.
  };

  std::shared_ptr<const FacetsOfChunks> facets_;
  std::shared_ptr<const FacetsOfChunks> older_facets_;  // What Sorting::older refers to.
  size_t facets_bytes_ = 0;

  mutable Mutex mutex_;
  mutable std::array<Sorting, v1::ModelOrder_ARRAYSIZE> sortings_ ABSL_GUARDED_BY(mutex_);
};

// One index per document, of the newest snapshot that was listed.
using ModelIndexCache = DerivedCache<ModelIndex>;

}  // namespace modelref
