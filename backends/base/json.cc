#include "backends/base/json.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

// Works for const and mutable member lists.
template <typename Members>
auto FindMember(Members& members, absl::string_view name) {
  return std::find_if(members.begin(), members.end(),
                      [name](const JsonObject::Member& member) { return member.first == name; });
}

}  // namespace

const Json* JsonObject::Find(absl::string_view name) const {
  const auto it = FindMember(members_, name);
  return it == members_.end() ? nullptr : &it->second;
}

Json* JsonObject::Find(absl::string_view name) {
  const auto it = FindMember(members_, name);
  return it == members_.end() ? nullptr : &it->second;
}

void JsonObject::Set(absl::string_view name, Json value) {
  if (Json* existing = Find(name); existing != nullptr) {
    *existing = std::move(value);
    return;
  }
  members_.emplace_back(std::string(name), std::move(value));
}

bool JsonObject::Erase(absl::string_view name) {
  const auto it = FindMember(members_, name);
  if (it == members_.end()) return false;
  members_.erase(it);
  return true;
}

bool JsonObject::operator==(const JsonObject& other) const { return members_ == other.members_; }

Json::Json(const Json&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

Json Json::Number(int64_t value) { return Json(JsonNumber{absl::StrCat(value)}); }

}  // namespace modelref
