// Reading lines.

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "audit/layout.h"
#include "audit/line.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

absl::Status Bad(absl::string_view key, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(key, " ", what));
}

// Null when there is none, or when it is null: the original does not tell these apart.
const Json* FindValue(const JsonObject& object, absl::string_view key) {
  const Json* value = object.Find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

template <typename Integer>
absl::StatusOr<Integer> IntegerOf(const JsonObject& object, absl::string_view key) {
  const Json* value = FindValue(object, key);
  const JsonNumber* number = value != nullptr ? value->AsNumber() : nullptr;
  Integer integer = 0;
  if (number == nullptr || !absl::SimpleAtoi(number->lexeme, &integer)) {
    return Bad(key, "is no integer");
  }
  return integer;
}

absl::StatusOr<std::string> TextOf(const JsonObject& object, absl::string_view key) {
  const Json* value = FindValue(object, key);
  const std::string* text = value != nullptr ? value->AsString() : nullptr;
  if (text == nullptr) return Bad(key, "is no string");
  return *text;
}

absl::StatusOr<std::optional<std::string>> RecordOf(const JsonObject& payload,
                                                    absl::string_view key) {
  const Json* value = FindValue(payload, key);
  if (value == nullptr) return std::optional<std::string>();
  if (value->AsObject() == nullptr) return Bad(key, "is no object");
  return std::optional<std::string>(CanonicalJson(*value));
}

std::optional<std::string> SideOf(const JsonObject& change, absl::string_view side) {
  const Json* value = change.Find(side);
  if (value == nullptr) return std::nullopt;
  return CanonicalJson(*value);
}

absl::Status ParseDelta(const JsonObject& payload, AuditEvent* event) {
  const Json* value = FindValue(payload, "delta");
  if (value == nullptr) return absl::OkStatus();
  const JsonObject* fields = value->AsObject();
  if (fields == nullptr) return Bad("delta", "is no object");
  std::vector<AuditFieldChange>& delta = event->delta.emplace();
  for (const auto& [field, sides] : fields->members()) {
    const JsonObject* change = sides.AsObject();
    if (change == nullptr) return Bad("delta", "holds something else than objects");
    delta.push_back({field, SideOf(*change, "old"), SideOf(*change, "new")});
  }
  return absl::OkStatus();
}

absl::Status ParsePayload(const JsonObject& line, AuditEvent* event) {
  const Json* value = FindValue(line, "payload");
  if (value == nullptr) return absl::OkStatus();
  const JsonObject* payload = value->AsObject();
  if (payload == nullptr) return Bad("payload", "is no object");
  ASSIGN_OR_RETURN(event->before, RecordOf(*payload, "before"));
  ASSIGN_OR_RETURN(event->after, RecordOf(*payload, "after"));
  return ParseDelta(*payload, event);
}

// Other programs may give these keys another meaning: such values are skipped.
void ParseExtras(const JsonObject& line, AuditEvent* event) {
  if (auto txn = IntegerOf<uint64_t>(line, "txn"); txn.ok()) event->txn = *txn;
  if (auto time = IntegerOf<int64_t>(line, "time_us"); time.ok()) event->time_us = *time;
  const Json* removed = line.Find("removed");
  const JsonArray* names = removed != nullptr ? removed->AsArray() : nullptr;
  if (names == nullptr) return;
  const bool are_names = std::all_of(names->begin(), names->end(),
                                     [](const Json& name) { return name.AsString() != nullptr; });
  if (!are_names) return;
  for (const Json& name : *names) event->removed.push_back(*name.AsString());
}

}  // namespace

absl::StatusOr<AuditEvent> ParseAuditLine(absl::string_view line) {
  ASSIGN_OR_RETURN(const Json value, ParseJson(line, kAuditJsonLimits));
  const JsonObject* object = value.AsObject();
  if (object == nullptr) return absl::InvalidArgumentError("is no JSON object");
  AuditEvent event;
  ASSIGN_OR_RETURN(event.event_id, IntegerOf<uint64_t>(*object, "event_id"));
  ASSIGN_OR_RETURN(event.timestamp, IntegerOf<int64_t>(*object, "timestamp"));
  ASSIGN_OR_RETURN(const std::string domain, TextOf(*object, "domain"));
  const std::optional<Format> format = FormatOfDomain(domain);
  if (!format.has_value()) return Bad("domain", "is neither legacy nor v2");
  event.format = *format;
  ASSIGN_OR_RETURN(event.category, TextOf(*object, "category"));
  ASSIGN_OR_RETURN(event.model_name, TextOf(*object, "model_name"));
  ASSIGN_OR_RETURN(const std::string name, TextOf(*object, "operation"));
  const std::optional<AuditOperation> operation = AuditOperationFromName(name);
  if (!operation.has_value()) return Bad("operation", "is neither create, update nor delete");
  event.operation = *operation;
  ASSIGN_OR_RETURN(event.logical_user_id, TextOf(*object, "logical_user_id"));
  if (FindValue(*object, "request_id") != nullptr) {
    ASSIGN_OR_RETURN(event.request_id, TextOf(*object, "request_id"));
  }
  RETURN_IF_ERROR(ParsePayload(*object, &event));
  ParseExtras(*object, &event);
  return event;
}

}  // namespace modelref
