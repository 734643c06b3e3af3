#include "service/model_listing_filter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

using Texts = google::protobuf::RepeatedPtrField<std::string>;

constexpr uint8_t kBaselineRole = 1;
constexpr uint8_t kStyleRole = 2;
constexpr uint8_t kAnyRole = 4;
constexpr uint8_t kAllRole = 8;
constexpr uint8_t kNoneRole = 16;

void Unique(Texts* texts) {
  std::sort(texts->begin(), texts->end());
  const auto end = std::unique(texts->begin(), texts->end());
  texts->erase(end, texts->end());
}

// False when none of the texts is in the chunk.
bool GiveRole(const Texts& texts, const ChunkFacets& chunk, uint8_t role,
              std::vector<uint8_t>* roles) {
  bool found = false;
  for (const std::string& text : texts) {
    const uint32_t id = chunk.values.Find(text);
    if (id == RecordFacets::kNoValue) continue;
    (*roles)[id] = static_cast<uint8_t>((*roles)[id] | role);
    found = true;
  }
  return found;
}

bool HasRole(const std::vector<uint8_t>& roles, uint32_t id, uint8_t role) {
  return id != RecordFacets::kNoValue && (roles[id] & role) != 0;
}

void CheckSize(const char* name, const Texts& texts, ErrorExtras* extras) {
  if (texts.size() <= kMaxFilterValues) return;
  extras->field_violations.push_back(
      {absl::StrCat("filter.", name),
       absl::StrCat("has ", texts.size(), " values, at most ", kMaxFilterValues, " are allowed")});
}

}  // namespace

absl::StatusOr<ModelMatcher> ModelMatcher::Make(const v1::ModelFilter& filter) {
  ErrorExtras extras;
  CheckSize("baselines", filter.baselines(), &extras);
  CheckSize("styles", filter.styles(), &extras);
  CheckSize("tags_any", filter.tags_any(), &extras);
  CheckSize("tags_all", filter.tags_all(), &extras);
  CheckSize("tags_none", filter.tags_none(), &extras);
  if (filter.has_parameters_min() && filter.has_parameters_max() &&
      filter.parameters_min() > filter.parameters_max()) {
    extras.field_violations.push_back({"filter.parameters_min", "is above parameters_max"});
  }
  if (extras.field_violations.empty()) return ModelMatcher(filter);
  return Error(absl::StatusCode::kInvalidArgument, "BAD_FIELD", "the filter makes no sense",
               std::move(extras));
}

ModelMatcher::ModelMatcher(const v1::ModelFilter& filter)
    : filter_(filter), matches_all_(filter.ByteSizeLong() == 0) {
  absl::AsciiStrToLower(filter_.mutable_name_contains());
  for (Texts* texts :
       {filter_.mutable_baselines(), filter_.mutable_styles(), filter_.mutable_tags_any(),
        filter_.mutable_tags_all(), filter_.mutable_tags_none()}) {
    Unique(texts);
  }
}

size_t ModelMatcher::Match(const ChunkFacets& chunk, uint8_t* matches) const {
  const size_t count = chunk.records.size();
  std::memset(matches, matches_all_ ? 1 : 0, count);
  if (matches_all_) return count;
  const std::vector<uint8_t> roles = Roles(chunk);
  if (roles.empty()) return 0;
  MatchNames(chunk, matches);
  size_t matched = 0;
  for (size_t i = 0; i < count; ++i) {
    if (matches[i] != 0 && !Matches(chunk.records[i], chunk, roles)) matches[i] = 0;
    matched += matches[i];
  }
  return matched;
}

std::vector<uint8_t> ModelMatcher::Roles(const ChunkFacets& chunk) const {
  // One more than there are values: never empty for a chunk that can match.
  std::vector<uint8_t> roles(chunk.values.size() + 1);
  const auto required = [&](const Texts& texts, uint8_t role) {
    return texts.empty() || GiveRole(texts, chunk, role, &roles);
  };
  const bool possible =
      required(filter_.baselines(), kBaselineRole) && required(filter_.styles(), kStyleRole) &&
      required(filter_.tags_any(), kAnyRole) && required(filter_.tags_all(), kAllRole);
  if (!possible) return {};
  GiveRole(filter_.tags_none(), chunk, kNoneRole, &roles);
  return roles;
}

bool ModelMatcher::Matches(const RecordFacets& record, const ChunkFacets& chunk,
                           const std::vector<uint8_t>& roles) const {
  if (filter_.has_nsfw() && record.nsfw != filter_.nsfw()) return false;
  if (filter_.has_parameters_min() || filter_.has_parameters_max()) {
    if (!record.has_parameters) return false;
    if (filter_.has_parameters_min() && record.parameters < filter_.parameters_min()) return false;
    if (filter_.has_parameters_max() && record.parameters > filter_.parameters_max()) return false;
  }
  if (!filter_.baselines().empty() && !HasRole(roles, record.baseline, kBaselineRole)) return false;
  if (!filter_.styles().empty() && !HasRole(roles, record.style, kStyleRole)) return false;
  uint8_t seen = 0;
  int required_tags = 0;
  for (uint32_t i = record.tags_begin; i < record.tags_end; ++i) {
    const uint8_t role = roles[chunk.tags[i]];
    seen = static_cast<uint8_t>(seen | role);
    if ((role & kAllRole) != 0) ++required_tags;
  }
  if ((seen & kNoneRole) != 0) return false;
  if (!filter_.tags_any().empty() && (seen & kAnyRole) == 0) return false;
  return required_tags == filter_.tags_all_size();
}

void ModelMatcher::MatchNames(const ChunkFacets& chunk, uint8_t* matches) const {
  const std::string& part = filter_.name_contains();
  if (part.empty()) {
    std::memset(matches, 1, chunk.records.size());
    return;
  }
  // One search over all names is faster than one per name; a hit across two names is none.
  const char* const names = chunk.names.data();
  size_t from = 0;
  auto end = chunk.names_ends.begin();
  while (end != chunk.names_ends.end()) {
    const void* const found =
        memmem(names + from, chunk.names.size() - from, part.data(), part.size());
    if (found == nullptr) return;
    const auto at = static_cast<size_t>(static_cast<const char*>(found) - names);
    end = std::upper_bound(end, chunk.names_ends.end(), at);
    if (at + part.size() > *end) {
      from = at + 1;
      continue;
    }
    matches[end - chunk.names_ends.begin()] = 1;
    from = *end++;
  }
}

}  // namespace modelref
