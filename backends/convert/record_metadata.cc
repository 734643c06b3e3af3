#include "backends/convert/record_metadata.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/convert/same_content.h"

namespace modelref {
namespace {

constexpr absl::string_view kMetadata = "metadata";
constexpr absl::string_view kCreatedAt = "created_at";
constexpr absl::string_view kUpdatedAt = "updated_at";
constexpr absl::string_view kCreatedBy = "created_by";

// Null when the record has none, or something else under that name.
const JsonObject* MetadataOf(const JsonObject& record) {
  const Json* metadata = record.Find(kMetadata);
  return metadata == nullptr ? nullptr : metadata->AsObject();
}

bool IsMissing(const Json* value) { return value == nullptr || value->is_null(); }

// The record's metadata, which is made when there is none; null when it is of another type.
JsonObject* MutableMetadata(JsonObject* record) {
  if (IsMissing(record->Find(kMetadata))) record->Set(kMetadata, Json(JsonObject()));
  return record->Find(kMetadata)->AsObject();
}

bool FillTime(absl::string_view name, int64_t time, JsonObject* metadata) {
  if (!IsMissing(metadata->Find(name))) return false;
  metadata->Set(name, Json::Number(time));
  return true;
}

using Members = std::vector<const JsonObject::Member*>;

// All but the one called `left_out`, by name.
Members SortedMembers(const JsonObject& object, absl::string_view left_out) {
  Members members;
  members.reserve(object.size());
  for (const JsonObject::Member& member : object.members()) {
    if (member.first != left_out) members.push_back(&member);
  }
  std::sort(members.begin(), members.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  return members;
}

// Equal members but for one, in any order, as theirs are.
bool SameMembers(const JsonObject& a, const JsonObject& b, absl::string_view left_out) {
  const Members from = SortedMembers(a, left_out);
  const Members to = SortedMembers(b, left_out);
  return std::equal(from.begin(), from.end(), to.begin(), to.end(),
                    [](const auto* x, const auto* y) {
                      return x->first == y->first && SameContent(x->second, y->second);
                    });
}

}  // namespace

bool FillMissingTimes(JsonObject* record, int64_t time) {
  JsonObject* const metadata = MutableMetadata(record);
  if (metadata == nullptr) return false;
  const bool created = FillTime(kCreatedAt, time, metadata);
  const bool updated = FillTime(kUpdatedAt, time, metadata);
  return created || updated;
}

bool StampUpdate(const JsonObject& stored, int64_t now, JsonObject* record) {
  const JsonObject* const before = MetadataOf(stored);
  const bool says_nothing = IsMissing(record->Find(kMetadata));
  if (says_nothing && before != nullptr) record->Set(kMetadata, Json(*before));
  JsonObject* const metadata = MutableMetadata(record);
  if (metadata == nullptr) return true;
  for (const absl::string_view name : {kCreatedAt, kCreatedBy}) {
    const Json* value = before == nullptr ? nullptr : before->Find(name);
    if (!IsMissing(value)) metadata->Set(name, *value);
  }
  metadata->Set(kUpdatedAt, Json::Number(now));
  const bool same_metadata =
      says_nothing || (before != nullptr && SameMembers(*before, *metadata, kUpdatedAt));
  if (!same_metadata || !SameMembers(stored, *record, kMetadata)) return true;
  *record = stored;
  return false;
}

}  // namespace modelref
