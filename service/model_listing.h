#pragma once

// ListModels as a function of a snapshot; reference_service.cc finds the snapshot and writes the
// header.

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "backends/base/document_key.h"
#include "backends/document.h"
#include "modelref/v1/reference.pb.h"
#include "service/model_listing_index.h"

namespace modelref {

inline constexpr int kDefaultPageSize = 100;
inline constexpr int kMaxPageSize = 1000;
// A page ends before its models, serialized, exceed this; one model is always returned.
inline constexpr size_t kMaxPageBytes = 1 << 20;

// The snapshot to list.
struct ListingSource {
  DocumentKey key;  // The category's name, not an alias.
  DocumentPtr document;
  uint64_t mod_revision = 0;
};

// One page, without its header. `category`, `format` and `read` of the request are not looked at.
//
// Pages continue after the place of the last model in the order, not after a count: of the models
// that are in every snapshot and do not move in the order, each comes exactly once. In stored order
// that place is Entry::order; when the numbering is another one (a document that was loaded anew,
// another node), it is where the last model stands now.
//
//   INVALID_ARGUMENT BAD_FIELD       page_size, order, filter or read_mask; one violation each
//   INVALID_ARGUMENT BAD_PAGE_TOKEN  the token is damaged, or of another category, format, filter
//                                    or order; page_size and read_mask may change between pages
//
// Costs O(page) in stored order without a filter, otherwise a pass over the facets of all records,
// and for the first page of a snapshot making its index: parsing the records of the chunks that
// changed since the snapshot listed before. Blocks only for the index.
absl::StatusOr<v1::ListModelsResponse> ListModels(const v1::ListModelsRequest& request,
                                                  const ListingSource& source,
                                                  ModelIndexCache* indexes);

}  // namespace modelref
