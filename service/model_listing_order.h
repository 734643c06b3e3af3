#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/document.h"
#include "modelref/v1/reference.pb.h"
#include "service/model_listing_facets.h"

namespace modelref {

using FacetsOfChunks = std::vector<std::shared_ptr<const ChunkFacets>>;

// A record of a document by place: chunks()[chunk]->entries[record].
struct RowRef {
  uint32_t chunk = 0;
  uint32_t record = 0;
};

// The place of a model in an order, whatever the snapshot: first those that have the key, by value,
// then by name. Values are mapped so that every order but those by name ascends.
struct OrderKey {
  bool missing = false;
  uint64_t value = 0;
  absl::string_view name;
};

// Compares the models of one snapshot in one order. Refers to its arguments. Immutable.
class RowOrder {
 public:
  // Not for MODEL_ORDER_UNSPECIFIED. `facets` are those of the document's chunks.
  RowOrder(v1::ModelOrder order, const Document& document, const FacetsOfChunks& facets)
      : order_(order), document_(document), facets_(facets) {}

  OrderKey Key(RowRef row) const;
  bool Less(const OrderKey& a, const OrderKey& b) const;

  // All rows in order.
  std::vector<RowRef> Sort() const;
  // The same, from the rows of an older snapshot in this order and the chunks they refer to: costs
  // little when most chunks are the same.
  std::vector<RowRef> SortFrom(const std::vector<RowRef>& older,
                               const FacetsOfChunks& older_facets) const;

 private:
  std::vector<RowRef> Sorted(const std::vector<uint32_t>& chunks) const;

  const v1::ModelOrder order_;
  const Document& document_;
  const FacetsOfChunks& facets_;
};

}  // namespace modelref
