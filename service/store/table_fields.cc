#include "service/store/table_fields.h"

#include <string>
#include <utility>

#include "backends/base/json.h"
#include "backends/convert/text_legacy_document.h"

namespace modelref {
namespace {

bool Equal(const Json* a, const Json* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return CanonicalJson(*a) == CanonicalJson(*b);
}

}  // namespace

RecordPtr KeepFieldsOutsideTable(const Record& committed, const RecordPtr& edited) {
  const absl::StatusOr<Json> before = ParseJson(committed.json);
  absl::StatusOr<Json> after = ParseJson(edited->json);
  if (!before.ok() || !after.ok()) return edited;
  const JsonObject* fields = before->AsObject();
  if (fields == nullptr || after->AsObject() == nullptr) return edited;
  // What a reader gets of a table with the committed record.
  const JsonObject table = TextLegacyDocument({TextRowOfLegacyRecord(committed.name, *fields)});
  const Json* entry = table.Find(committed.name);
  if (entry == nullptr) return edited;
  JsonObject merged = *after->AsObject();
  for (const auto& [name, value] : fields->members()) {
    const Json* held = entry->AsObject()->Find(name);
    if (Equal(&value, held) || !Equal(merged.Find(name), held)) continue;
    merged.Set(name, value);
  }
  return MakeRecord(edited->name, CanonicalJson(Json(std::move(merged))));
}

}  // namespace modelref
