#pragma once

// What GetCategoryStatistics counts, as a function of a snapshot.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/document_key.h"
#include "backends/document.h"
#include "modelref/v1/reference.pb.h"
#include "service/derived_cache.h"

namespace modelref {

// Each list of values in the answer ends before it exceeds this, serialized: the rarest values are
// left out, so that a document of unique tags can still be answered in one message.
inline constexpr size_t kMaxValueListBytes = 512 << 10;

// The host of a URL in lower case, without port and credentials; empty when it has none.
std::string HostOf(absl::string_view url);

using ValueCounts = std::unordered_map<std::string, uint64_t>;

// The counts of some records. A value type; a sum of parts is the count of the whole.
struct ModelCounts {
  uint64_t models = 0;
  uint64_t nsfw = 0;
  ValueCounts baselines;
  ValueCounts styles;
  ValueCounts tags;
  ValueCounts hosts;
  uint64_t downloads = 0;
  uint64_t downloads_without_sha256 = 0;
  uint64_t size_bytes = 0;  // Stays at the largest value instead of overflowing.
  uint64_t models_with_size = 0;
  uint64_t models_with_parameters = 0;
  std::optional<int64_t> parameters_min;
  std::optional<int64_t> parameters_max;

  void Add(const Entry& entry, Format format);
  void Add(const ModelCounts& other);
};

// The statistics of one snapshot. A model counts a tag once however often it lists it; its size is
// DeclaredSize (model_fields.h); a model without the nsfw flag counts as not marked. Equal counts
// are ordered by value. Immutable, hence thread-safe; does not keep the document alive.
class CategoryStatistics {
 public:
  // Parses the chunks that `older` (null when there is none) does not know.
  CategoryStatistics(const DocumentKey& key, const Document& document,
                     const CategoryStatistics* older);

  // Without header and mod_revision.
  const v1::GetCategoryStatisticsResponse& response() const { return response_; }

  // Of memory, about.
  size_t bytes() const { return bytes_; }

 private:
  struct ChunkCounts {
    std::weak_ptr<const Chunk> chunk;
    ModelCounts counts;
    size_t bytes = 0;
  };

  std::vector<std::shared_ptr<const ChunkCounts>> chunks_;
  v1::GetCategoryStatisticsResponse response_;
  size_t bytes_ = 0;
};

// One per document, of the newest snapshot that was asked for.
using CategoryStatisticsCache = DerivedCache<CategoryStatistics>;

}  // namespace modelref
