#include "service/model_listing_index.h"

namespace modelref {

ModelIndex::ModelIndex(const DocumentKey& /*key*/, const Document& document,
                       const ModelIndex* older)
    : facets_(std::make_shared<const FacetsOfChunks>(PartsOf<ChunkFacets>(
          document, older == nullptr ? FacetsOfChunks() : older->facets(), ChunkFacets::Make))) {
  for (const auto& facets : *facets_) facets_bytes_ += facets->bytes;
  if (older == nullptr) return;
  older_facets_ = older->facets_;
  const MutexLock lock(&older->mutex_);
  for (size_t i = 0; i < sortings_.size(); ++i) sortings_[i].older = older->sortings_[i].rows;
}

ModelIndex::Rows ModelIndex::InOrder(v1::ModelOrder order, const Document& document) const {
  const RowOrder row_order(order, document, *facets_);
  const MutexLock lock(&mutex_);
  Sorting& sorting = sortings_[static_cast<size_t>(order)];
  if (sorting.rows != nullptr) return sorting.rows;
  sorting.rows = std::make_shared<const std::vector<RowRef>>(
      sorting.older == nullptr ? row_order.Sort()
                               : row_order.SortFrom(*sorting.older, *older_facets_));
  sorting.older = nullptr;
  return sorting.rows;
}

size_t ModelIndex::bytes() const {
  size_t sum = sizeof(ModelIndex) + facets_bytes_;
  const MutexLock lock(&mutex_);
  for (const Sorting& sorting : sortings_) {
    if (sorting.rows != nullptr) sum += sorting.rows->size() * sizeof(RowRef);
    if (sorting.older != nullptr) sum += sorting.older->size() * sizeof(RowRef);
  }
  return sum;
}

}  // namespace modelref
