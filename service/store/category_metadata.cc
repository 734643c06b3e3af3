#include "service/store/category_metadata.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "backends/convert/text_names.h"

namespace modelref {
namespace {

constexpr char kAdoptionCaller[] = "external:adopt";
constexpr char kFileSchemaVersion[] = "1.0.0";
constexpr char kBackendType[] = "FileSystemBackend";
// Of a year before 10000: what a file says beyond it is no time.
constexpr int64_t kLastSecond = 253'402'300'799;

absl::string_view NameOf(Operation operation) {
  switch (operation) {
    case Operation::kCreate:
      return "create";
    case Operation::kUpdate:
      return "update";
    case Operation::kDelete:
      return "delete";
  }
  return "";
}

std::optional<Operation> OperationOf(const Json* value) {
  const std::string* name = value == nullptr ? nullptr : value->AsString();
  if (name == nullptr) return std::nullopt;
  for (const Operation operation : {Operation::kCreate, Operation::kUpdate, Operation::kDelete}) {
    if (*name == NameOf(operation)) return operation;
  }
  return std::nullopt;
}

// Nullopt for what is no integer, or none that a counter or a time can have.
std::optional<int64_t> IntegerOf(const Json* value) {
  const JsonNumber* number = value == nullptr ? nullptr : value->AsNumber();
  int64_t integer = 0;
  if (number == nullptr || !absl::SimpleAtoi(number->lexeme, &integer) || integer < 0) {
    return std::nullopt;
  }
  return integer;
}

uint64_t CounterOf(const JsonObject& object, absl::string_view name) {
  return static_cast<uint64_t>(IntegerOf(object.Find(name)).value_or(0));
}

std::optional<absl::Time> TimeOf(const JsonObject& object, absl::string_view name) {
  const std::optional<int64_t> seconds = IntegerOf(object.Find(name));
  if (!seconds.has_value() || *seconds > kLastSecond) return std::nullopt;
  return absl::FromUnixSeconds(*seconds);
}

Json SecondsOf(absl::Time time) { return Json::Number(absl::ToUnixSeconds(time)); }

Json Counter(uint64_t value) { return Json(JsonNumber{absl::StrCat(value)}); }

}  // namespace

CategoryMetadata BeginMetadata(absl::Time now) {
  CategoryMetadata metadata;
  metadata.last_updated = metadata.initialized = now;
  metadata.last_success = now;
  return metadata;
}

void CountOperation(Operation operation, absl::string_view name, absl::Time time,
                    CategoryMetadata* metadata) {
  // What was taken over may lie in the future; who polls needs it to ascend.
  metadata->last_updated = std::max(metadata->last_updated, time);
  metadata->last_success = std::max(metadata->last_success.value_or(time), time);
  metadata->last_operation = operation;
  metadata->last_model = std::string(name);
  uint64_t& counter = operation == Operation::kCreate   ? metadata->creates
                      : operation == Operation::kUpdate ? metadata->updates
                                                        : metadata->deletes;
  ++counter;
}

void CountFailures(uint64_t count, absl::Time time, CategoryMetadata* metadata) {
  if (count == 0) return;
  metadata->errors += count;
  metadata->last_updated = std::max(metadata->last_updated, time);
}

OperationRule::OperationRule(absl::string_view caller, std::set<std::string> legacy_categories)
    : is_adoption_(caller == kAdoptionCaller), legacy_categories_(std::move(legacy_categories)) {}

bool OperationRule::Counts(const DocumentKey& key, absl::string_view name) const {
  if (is_adoption_) return false;
  if (key.format == Format::kV2) return legacy_categories_.count(key.category) == 0;
  return !IsTextEntry(key, name);
}

uint64_t CountModels(const DocumentKey& key, const Document& document) {
  if (!HasTextEntries(key)) return document.record_count();
  uint64_t count = 0;
  document.ForEach(
      [&count](const Entry& entry) { count += HasTextBackendPrefix(entry.record->name) ? 0 : 1; });
  return count;
}

// --- Files ---------------------------------------------------------------------------------------

std::string FormatMetadataFile(const std::string& category, const CategoryMetadata& metadata,
                               uint64_t total_models) {
  JsonObject object;
  object.Set("category", Json(category));
  object.Set("last_updated", SecondsOf(metadata.last_updated));
  object.Set("last_operation_type",
             metadata.last_operation.has_value() ? Json(NameOf(*metadata.last_operation)) : Json());
  object.Set("last_operation_model",
             metadata.last_model.has_value() ? Json(*metadata.last_model) : Json());
  object.Set("total_creates", Counter(metadata.creates));
  object.Set("total_updates", Counter(metadata.updates));
  object.Set("total_deletes", Counter(metadata.deletes));
  object.Set("total_models", Counter(total_models));
  object.Set("initialization_time", SecondsOf(metadata.initialized));
  object.Set("last_successful_operation",
             metadata.last_success.has_value() ? SecondsOf(*metadata.last_success) : Json());
  object.Set("error_count", Counter(metadata.errors));
  object.Set("metadata_schema_version", Json(kFileSchemaVersion));
  object.Set("backend_type", Json(kBackendType));
  return FormatJson(Json(std::move(object)), JsonStyle());
}

absl::StatusOr<CategoryMetadata> ParseMetadataFile(absl::string_view bytes, absl::Time now) {
  const absl::StatusOr<Json> json = ParseJson(bytes);
  if (!json.ok()) return absl::DataLossError(json.status().message());
  const JsonObject* object = json->AsObject();
  if (object == nullptr) return absl::DataLossError("not a JSON object");
  CategoryMetadata metadata;
  metadata.initialized = TimeOf(*object, "initialization_time").value_or(now);
  metadata.last_updated = TimeOf(*object, "last_updated").value_or(now);
  metadata.last_success = TimeOf(*object, "last_successful_operation");
  metadata.last_operation = OperationOf(object->Find("last_operation_type"));
  const Json* model = object->Find("last_operation_model");
  if (model != nullptr && model->AsString() != nullptr) metadata.last_model = *model->AsString();
  metadata.creates = CounterOf(*object, "total_creates");
  metadata.updates = CounterOf(*object, "total_updates");
  metadata.deletes = CounterOf(*object, "total_deletes");
  metadata.errors = CounterOf(*object, "error_count");
  return metadata;
}

uint64_t ModelsOfMetadataFile(absl::string_view bytes) {
  const absl::StatusOr<Json> json = ParseJson(bytes);
  const JsonObject* object = json.ok() ? json->AsObject() : nullptr;
  return object == nullptr ? 0 : CounterOf(*object, "total_models");
}

CategoryMetadata InWholeSeconds(const CategoryMetadata& metadata) {
  const auto whole = [](absl::Time time) {
    return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
  };
  CategoryMetadata result = metadata;
  result.last_updated = whole(metadata.last_updated);
  result.initialized = whole(metadata.initialized);
  if (metadata.last_success.has_value()) result.last_success = whole(*metadata.last_success);
  return result;
}

std::string MetadataFilePath(absl::string_view data_dir, const DocumentKey& key) {
  return absl::StrCat(data_dir, "/meta/", FormatName(key.format), "/", key.category,
                      "_metadata.json");
}

}  // namespace modelref
