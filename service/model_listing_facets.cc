#include "service/model_listing_facets.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "modelref/v1/reference.pb.h"
#include "service/model_fields.h"
#include "service/read_mask.h"

namespace modelref {
namespace {

using v1::Model;

// A node of the hash table beside the text.
constexpr size_t kTableEntryBytes = sizeof(std::string) + 32;

ReadMask FacetMask() {
  return ReadMask::Of({Model::kBaselineFieldNumber, Model::kNsfwFieldNumber,
                       Model::kStyleFieldNumber, Model::kTagsFieldNumber,
                       Model::kParametersFieldNumber, Model::kSizeOnDiskBytesFieldNumber});
}

RecordFacets FacetsOf(const Model& model, ChunkFacets* chunk) {
  RecordFacets facets;
  facets.nsfw = model.nsfw();
  facets.has_parameters = model.has_parameters();
  facets.parameters = model.parameters();
  facets.has_size = model.has_size_on_disk_bytes();
  facets.size_on_disk_bytes = model.size_on_disk_bytes();
  if (model.has_baseline()) facets.baseline = chunk->values.Add(model.baseline());
  if (model.has_style()) facets.style = chunk->values.Add(model.style());
  const auto begin = static_cast<ptrdiff_t>(chunk->tags.size());
  for (const std::string& tag : model.tags()) chunk->tags.push_back(chunk->values.Add(tag));
  std::sort(chunk->tags.begin() + begin, chunk->tags.end());
  chunk->tags.erase(std::unique(chunk->tags.begin() + begin, chunk->tags.end()), chunk->tags.end());
  facets.tags_begin = static_cast<uint32_t>(begin);
  facets.tags_end = static_cast<uint32_t>(chunk->tags.size());
  return facets;
}

}  // namespace

uint32_t ValueTable::Add(absl::string_view text) {
  const auto [it, is_new] = ids_.try_emplace(std::string(text), static_cast<uint32_t>(ids_.size()));
  if (is_new) bytes_ += text.size() + kTableEntryBytes;
  return it->second;
}

uint32_t ValueTable::Find(const std::string& text) const {
  const auto it = ids_.find(text);
  return it == ids_.end() ? RecordFacets::kNoValue : it->second;
}

std::shared_ptr<const ChunkFacets> ChunkFacets::Make(const std::shared_ptr<const Chunk>& chunk) {
  static const ReadMask mask = FacetMask();
  auto facets = std::make_shared<ChunkFacets>();
  facets->chunk = chunk;
  facets->records.reserve(chunk->entries.size());
  facets->names_ends.reserve(chunk->entries.size());
  Model model;
  for (const Entry& entry : chunk->entries) {
    model.Clear();
    // The facets are written the same way in both formats.
    FillModel(entry, Format::kV2, mask, &model);
    facets->records.push_back(FacetsOf(model, facets.get()));
    for (const char c : entry.record->name) {
      facets->names.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
    facets->names_ends.push_back(static_cast<uint32_t>(facets->names.size()));
  }
  facets->names.shrink_to_fit();
  facets->tags.shrink_to_fit();
  facets->bytes = sizeof(ChunkFacets) + facets->records.size() * sizeof(RecordFacets) +
                  (facets->tags.size() + facets->names_ends.size()) * sizeof(uint32_t) +
                  facets->names.size() + facets->values.bytes();
  return facets;
}

}  // namespace modelref
