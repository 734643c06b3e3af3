// A record as a caller sends it: whatever is accepted is stored, read and converted as it is said.
// The first byte chooses the category and the format.

#include <cstddef>
#include <cstdint>
#include <string>

#include "backends/base/categories.h"
#include "backends/convert/record_diff.h"
#include "backends/convert/record_metadata.h"
#include "backends/convert/record_write.h"
#include "backends/convert/text_record.h"
#include "backends/document.h"
#include "service/model_fields.h"
#include "service/write/model_record.h"
#include "tests/fuzz/fuzz_check.h"

namespace modelref {
namespace {

constexpr char kName[] = "Author/Model";

v1::Model Filled(const JsonObject& record, Format format) {
  Entry entry;
  entry.record = MakeRecord(kName, CanonicalJson(Json(record)));
  v1::Model model;
  FillModel(entry, format, ReadMask::All(), &model);
  model.clear_json();
  model.clear_etag();
  return model;
}

// Of a record of any quality.
void CheckMerge(const JsonObject& record, Format format) {
  const v1::Model model = Filled(record, format);
  JsonObject merged = record;
  if (!MergeModel(model, format, &merged).ok()) return;  // A file is listed twice.
  FUZZ_CHECK(Filled(merged, format).SerializeAsString() == model.SerializeAsString());
}

void CheckDiff(const Category& category, const JsonObject& a, const JsonObject& b) {
  FUZZ_CHECK(DiffRecords(category, &a, &a).empty());
  const auto there = DiffRecords(category, &a, &b);
  const auto back = DiffRecords(category, &b, &a);
  FUZZ_CHECK(there.size() == back.size());
  for (size_t i = 0; i < there.size(); ++i) {
    FUZZ_CHECK(IsValidUtf8(there[i].path));
    FUZZ_CHECK(there[i].path == back[i].path && there[i].before == back[i].after);
  }
}

void CheckAccepted(const Category& category, Format format, const JsonObject& record) {
  JsonObject again = record;
  FUZZ_CHECK(PrepareRecord(category, format, kName, &again).ok());
  FUZZ_CHECK(again == record);
  FUZZ_CHECK(!StampUpdate(record, 7, &again) && again == record);
  if (format == Format::kV2 || !category.has_legacy()) return;
  const absl::StatusOr<Json> v2 = DeriveV2Record(category, kName, Json(record), nullptr, nullptr);
  FUZZ_CHECK(v2.ok());
  FUZZ_CHECK(CheckV2Record(category, kName, *v2->AsObject()).ok());
}

void CheckText(uint8_t choice, absl::string_view text) {
  const Category& category = BuiltInCategories()[choice / 2 % BuiltInCategories().size()];
  const Format format = choice % 2 == 0 ? Format::kV2 : Format::kLegacy;
  const absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok() || json->AsObject() == nullptr) return;
  JsonObject record = *json->AsObject();
  CheckMerge(record, format);
  const RecordCheck check = PrepareRecord(category, format, kName, &record);
  CheckDiff(category, *json->AsObject(), record);
  const absl::Status error = ViolationError(check, kName, "json");
  FUZZ_CHECK(error.ok() == check.ok() && IsValidUtf8(error.message()));
  (void)DeriveV2Record(category, kName, *json, &record, nullptr);
  if (check.ok()) CheckAccepted(category, format, record);
}

}  // namespace
}  // namespace modelref

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  modelref::CheckText(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
