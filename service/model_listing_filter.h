#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "modelref/v1/reference.pb.h"
#include "service/model_listing_facets.h"

namespace modelref {

// The most values of one list of a filter; every one costs a look-up per chunk.
inline constexpr int kMaxFilterValues = 100;

// A filter of ListModels, checked and prepared. Immutable, hence thread-safe.
class ModelMatcher {
 public:
  //   INVALID_ARGUMENT BAD_FIELD  a list longer than kMaxFilterValues, or parameters_min above
  //                               parameters_max.
  static absl::StatusOr<ModelMatcher> Make(const v1::ModelFilter& filter);

  // True when the filter has no condition.
  bool matches_all() const { return matches_all_; }

  // Writes 1 or 0 for each record of the chunk; `matches` has room for them. Returns the number of
  // ones.
  size_t Match(const ChunkFacets& chunk, uint8_t* matches) const;

 private:
  explicit ModelMatcher(const v1::ModelFilter& filter);

  // What a value of the chunk's table is to the filter: a sum of the roles in the .cc. Empty when
  // no record of the chunk can match.
  std::vector<uint8_t> Roles(const ChunkFacets& chunk) const;
  bool Matches(const RecordFacets& record, const ChunkFacets& chunk,
               const std::vector<uint8_t>& roles) const;
  void MatchNames(const ChunkFacets& chunk, uint8_t* matches) const;

  v1::ModelFilter filter_;  // Lists without repetitions, name_contains in lower case.
  bool matches_all_;
};

}  // namespace modelref
