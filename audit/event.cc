#include "audit/event.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "audit/line.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

// Records may have very many fields; a lookup in a JsonObject is linear.
using Places = std::unordered_map<std::string, size_t>;

Places PlacesOf(const JsonObject& object) {
  Places places;
  for (size_t i = 0; i < object.members().size(); ++i) places.emplace(object.members()[i].first, i);
  return places;
}

absl::StatusOr<JsonObject> ParseRecord(absl::string_view text) {
  ASSIGN_OR_RETURN(Json value, ParseJson(text, kAuditJsonLimits));
  JsonObject* object = value.AsObject();
  if (object == nullptr) return absl::InvalidArgumentError("a record is no JSON object");
  return std::move(*object);
}

absl::StatusOr<Json> ParseNewValue(const AuditFieldChange& change) {
  if (!change.new_value.has_value()) return Json();
  return ParseJson(*change.new_value, kAuditJsonLimits);
}

// Whether the fields that stay, followed by the new ones, stand as they do in `after`. The values
// are right by themselves.
bool KeepsOrder(const JsonObject& before, const JsonObject& after, const Places& before_places,
                const Places& after_places) {
  size_t next = 0;
  const auto is_next = [&](const std::string& name) {
    return after.members()[next++].first == name;
  };
  for (const auto& [name, value] : before.members()) {
    if (after_places.count(name) != 0 && !is_next(name)) return false;
  }
  for (const auto& [name, value] : after.members()) {
    if (before_places.count(name) == 0 && !is_next(name)) return false;
  }
  return true;
}

constexpr absl::string_view kNull = "null";

}  // namespace

absl::string_view AuditOperationName(AuditOperation operation) {
  switch (operation) {
    case AuditOperation::kCreate:
      return "create";
    case AuditOperation::kUpdate:
      return "update";
    case AuditOperation::kDelete:
      return "delete";
  }
  return "";
}

std::optional<AuditOperation> AuditOperationFromName(absl::string_view name) {
  for (const AuditOperation operation :
       {AuditOperation::kCreate, AuditOperation::kUpdate, AuditOperation::kDelete}) {
    if (name == AuditOperationName(operation)) return operation;
  }
  return std::nullopt;
}

absl::Status DescribeUpdate(absl::string_view before, absl::string_view after, AuditEvent* event) {
  ASSIGN_OR_RETURN(const JsonObject from, ParseRecord(before));
  ASSIGN_OR_RETURN(const JsonObject to, ParseRecord(after));
  const Places from_places = PlacesOf(from);
  const Places to_places = PlacesOf(to);
  std::vector<AuditFieldChange>& delta = event->delta.emplace();
  for (const auto& [name, value] : to.members()) {
    const auto old = from_places.find(name);
    if (old == from_places.end()) {
      delta.push_back({name, std::string(kNull), CanonicalJson(value)});
    } else if (const Json& old_value = from.members()[old->second].second; old_value != value) {
      delta.push_back({name, CanonicalJson(old_value), CanonicalJson(value)});
    }
  }
  event->removed.clear();
  for (const auto& [name, value] : from.members()) {
    if (to_places.count(name) != 0) continue;
    delta.push_back({name, CanonicalJson(value), std::string(kNull)});
    event->removed.push_back(name);
  }
  event->after.reset();
  if (!KeepsOrder(from, to, from_places, to_places)) event->after = std::string(after);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ApplyUpdate(absl::string_view before, const AuditEvent& event) {
  if (event.after.has_value()) return *event.after;
  if (!event.delta.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("event ", event.event_id, " changes nothing"));
  }
  ASSIGN_OR_RETURN(JsonObject record, ParseRecord(before));
  Places places = PlacesOf(record);
  std::vector<JsonObject::Member>& members = record.members();
  for (const AuditFieldChange& change : *event.delta) {
    ASSIGN_OR_RETURN(Json value, ParseNewValue(change));
    const auto [place, is_new] = places.emplace(change.field, members.size());
    if (is_new) {
      members.emplace_back(change.field, std::move(value));
    } else {
      members[place->second].second = std::move(value);
    }
  }
  if (!event.removed.empty()) {
    const std::unordered_set<std::string> gone(event.removed.begin(), event.removed.end());
    std::erase_if(members,
                  [&](const JsonObject::Member& member) { return gone.count(member.first) != 0; });
  }
  return CanonicalJson(record);
}

}  // namespace modelref
