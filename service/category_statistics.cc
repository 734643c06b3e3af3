#include "service/category_statistics.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "service/model_fields.h"
#include "service/read_mask.h"

namespace modelref {
namespace {

using v1::Model;

// A node of the hash table beside the text.
constexpr size_t kTableEntryBytes = sizeof(std::string) + 32;
// Key, length, and the count of an element beside its value.
constexpr size_t kValueCountBytes = 24;

void Sum(const ValueCounts& from, ValueCounts* to) {
  for (const auto& [value, count] : from) (*to)[value] += count;
}

void AddSaturating(uint64_t value, uint64_t* sum) {
  *sum = value > std::numeric_limits<uint64_t>::max() - *sum ? std::numeric_limits<uint64_t>::max()
                                                             : *sum + value;
}

size_t BytesOf(const ValueCounts& counts) {
  size_t bytes = 0;
  for (const auto& [value, count] : counts) bytes += value.size() + kTableEntryBytes;
  return bytes;
}

void Write(const ValueCounts& counts, google::protobuf::RepeatedPtrField<v1::ValueCount>* out) {
  std::vector<const ValueCounts::value_type*> sorted;
  sorted.reserve(counts.size());
  for (const auto& count : counts) sorted.push_back(&count);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    return a->second != b->second ? a->second > b->second : a->first < b->first;
  });
  size_t bytes = 0;
  for (const auto* const count : sorted) {
    bytes += count->first.size() + kValueCountBytes;
    if (bytes > kMaxValueListBytes) return;
    v1::ValueCount* const value = out->Add();
    value->set_value(count->first);
    value->set_count(count->second);
  }
}

ReadMask CountedFields() {
  return ReadMask::Of({Model::kBaselineFieldNumber, Model::kNsfwFieldNumber,
                       Model::kStyleFieldNumber, Model::kTagsFieldNumber,
                       Model::kParametersFieldNumber, Model::kSizeOnDiskBytesFieldNumber,
                       Model::kDownloadsFieldNumber});
}

}  // namespace

std::string HostOf(absl::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return "";
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#\\"));
  if (const size_t at = url.rfind('@'); at != absl::string_view::npos) url.remove_prefix(at + 1);
  const bool is_ipv6 = !url.empty() && url[0] == '[';
  const size_t end = is_ipv6 ? url.find(']') : url.find(':');
  if (is_ipv6 && end == absl::string_view::npos) return "";
  return absl::AsciiStrToLower(url.substr(0, is_ipv6 ? end + 1 : end));
}

void ModelCounts::Add(const Entry& entry, Format format) {
  static const ReadMask mask = CountedFields();
  Model model;
  FillModel(entry, format, mask, &model);
  ++models;
  if (model.nsfw()) ++nsfw;
  if (model.has_baseline()) ++baselines[model.baseline()];
  if (model.has_style()) ++styles[model.style()];
  const std::set<std::string> distinct_tags(model.tags().begin(), model.tags().end());
  for (const std::string& tag : distinct_tags) ++tags[tag];
  for (const v1::Download& download : model.downloads()) {
    ++downloads;
    if (!HasSha256(download)) ++downloads_without_sha256;
    if (std::string host = HostOf(download.file_url()); !host.empty()) ++hosts[std::move(host)];
  }
  if (const std::optional<int64_t> size = DeclaredSize(model); size.has_value()) {
    ++models_with_size;
    AddSaturating(static_cast<uint64_t>(*size), &size_bytes);
  }
  if (model.has_parameters()) {
    ++models_with_parameters;
    parameters_min = std::min(parameters_min.value_or(model.parameters()), model.parameters());
    parameters_max = std::max(parameters_max.value_or(model.parameters()), model.parameters());
  }
}

void ModelCounts::Add(const ModelCounts& other) {
  models += other.models;
  nsfw += other.nsfw;
  Sum(other.baselines, &baselines);
  Sum(other.styles, &styles);
  Sum(other.tags, &tags);
  Sum(other.hosts, &hosts);
  downloads += other.downloads;
  downloads_without_sha256 += other.downloads_without_sha256;
  AddSaturating(other.size_bytes, &size_bytes);
  models_with_size += other.models_with_size;
  models_with_parameters += other.models_with_parameters;
  if (other.parameters_min.has_value()) {
    parameters_min =
        std::min(parameters_min.value_or(*other.parameters_min), *other.parameters_min);
    parameters_max =
        std::max(parameters_max.value_or(*other.parameters_max), *other.parameters_max);
  }
}

CategoryStatistics::CategoryStatistics(const DocumentKey& key, const Document& document,
                                       const CategoryStatistics* older)
    : chunks_(PartsOf<ChunkCounts>(
          document, older == nullptr ? decltype(chunks_)() : older->chunks_,
          [&key](const std::shared_ptr<const Chunk>& chunk) {
            auto part = std::make_shared<ChunkCounts>();
            part->chunk = chunk;
            for (const Entry& entry : chunk->entries) part->counts.Add(entry, key.format);
            part->bytes = sizeof(ChunkCounts) + BytesOf(part->counts.baselines) +
                          BytesOf(part->counts.styles) + BytesOf(part->counts.tags) +
                          BytesOf(part->counts.hosts);
            return part;
          })) {
  ModelCounts sum;
  for (const auto& chunk : chunks_) {
    sum.Add(chunk->counts);
    bytes_ += chunk->bytes;
  }
  response_.set_total_models(sum.models);
  response_.set_nsfw_models(sum.nsfw);
  Write(sum.baselines, response_.mutable_baselines());
  Write(sum.styles, response_.mutable_styles());
  Write(sum.tags, response_.mutable_tags());
  Write(sum.hosts, response_.mutable_download_hosts());
  response_.set_total_downloads(sum.downloads);
  response_.set_downloads_without_sha256(sum.downloads_without_sha256);
  response_.set_total_size_bytes(sum.size_bytes);
  response_.set_models_with_size(sum.models_with_size);
  response_.set_models_with_parameters(sum.models_with_parameters);
  if (sum.parameters_min.has_value()) {
    response_.set_parameters_min(*sum.parameters_min);
    response_.set_parameters_max(*sum.parameters_max);
  }
  bytes_ += sizeof(CategoryStatistics) + response_.SpaceUsedLong();
}

}  // namespace modelref
