#include "service/metadata_service.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/bad_field.h"
#include "service/population.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

constexpr absl::string_view kService = "/modelref.v1.MetadataService/";
constexpr int kMaxSelected = 256;
constexpr size_t kMaxError = 512;
constexpr char kMetadataSchemaVersion[] = "1.0.0";
constexpr char kBackendType[] = "FileSystemBackend";

v1::ModelOperation OperationToProto(Operation operation) {
  switch (operation) {
    case Operation::kCreate:
      return v1::MODEL_OPERATION_CREATE;
    case Operation::kUpdate:
      return v1::MODEL_OPERATION_UPDATE;
    case Operation::kDelete:
      return v1::MODEL_OPERATION_DELETE;
  }
  return v1::MODEL_OPERATION_UNSPECIFIED;
}

void FillCounters(const CategoryMetadata& from, v1::CategoryMetadata* to) {
  to->set_exists(true);
  *to->mutable_last_updated() = ToProto(from.last_updated);
  if (from.last_operation.has_value()) {
    to->set_last_operation_type(OperationToProto(*from.last_operation));
  }
  // A file that was taken over may name what no message can hold.
  if (from.last_model.has_value() && IsValidUtf8(*from.last_model)) {
    to->set_last_operation_model(*from.last_model);
  }
  to->set_total_creates(from.creates);
  to->set_total_updates(from.updates);
  to->set_total_deletes(from.deletes);
  *to->mutable_initialization_time() = ToProto(from.initialized);
  if (from.last_success.has_value()) {
    *to->mutable_last_successful_operation() = ToProto(*from.last_success);
  }
  to->set_error_count(from.errors);
}

void FillMetadata(const DocumentState& state, v1::CategoryMetadata* metadata) {
  metadata->set_category(state.key.category);
  metadata->set_format(ToProto(state.key.format));
  if (state.metadata != nullptr) FillCounters(*state.metadata, metadata);
  metadata->set_total_models(CountModels(state.key, *state.document));
  metadata->set_metadata_schema_version(kMetadataSchemaVersion);
  metadata->set_backend_type(kBackendType);
  metadata->set_mod_revision(state.mod_revision);
  metadata->set_etag(std::string(AsBytes(state.document->etag())));
}

std::string ErrorText(const absl::Status& status) {
  const std::string text = absl::StrCat(ReasonOf(status), ": ", status.message());
  const std::string cut = text.substr(0, kMaxError);
  return cut.substr(0, FindInvalidUtf8(cut));
}

}  // namespace

MetadataService::MetadataService(Catalogue catalogue, Options options)
    : catalogue_(std::move(catalogue)), options_(std::move(options)) {}

void MetadataService::Register(MethodTable* methods) {
  const auto name = [](absl::string_view method) { return absl::StrCat(kService, method); };
  methods->Unary<v1::GetCategoryMetadataRequest, v1::GetCategoryMetadataResponse>(
      name("GetCategoryMetadata"),
      [this](const CallContext&, const v1::GetCategoryMetadataRequest& request) {
        return GetCategoryMetadata(request);
      });
  methods->Unary<v1::ListCategoryMetadataRequest, v1::ListCategoryMetadataResponse>(
      name("ListCategoryMetadata"),
      [this](const CallContext&, const v1::ListCategoryMetadataRequest& request) {
        return ListCategoryMetadata(request);
      });
  methods->Unary<v1::GetLastUpdatedRequest, v1::GetLastUpdatedResponse>(
      name("GetLastUpdated"), [this](const CallContext&, const v1::GetLastUpdatedRequest& request) {
        return GetLastUpdated(request);
      });
  methods->Unary<v1::PopulateMetadataRequest, v1::PopulateMetadataResponse>(
      name("PopulateMetadata"),
      [this](const CallContext&, const v1::PopulateMetadataRequest& request) {
        return PopulateMetadata(request);
      },
      {.blocking = true});
}

absl::Status MetadataService::CheckSupported() const {
  if (options_.supported) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "METADATA_NOT_SUPPORTED",
               "this server keeps no metadata of categories: ask the primary");
}

absl::StatusOr<v1::GetCategoryMetadataResponse> MetadataService::GetCategoryMetadata(
    const v1::GetCategoryMetadataRequest& request) const {
  RETURN_IF_ERROR(CheckSupported());
  ASSIGN_OR_RETURN(const DocumentKey key,
                   ResolveDocument(catalogue_, request.category(), request.format()));
  const RootPtr root = catalogue_.store.root();
  const DocumentState& state = *root->Find(key);
  v1::GetCategoryMetadataResponse response;
  FillHeader(*root, catalogue_.node_id, state, catalogue_.clock.TimeNow(),
             response.mutable_header());
  FillMetadata(state, response.mutable_metadata());
  return response;
}

absl::StatusOr<v1::ListCategoryMetadataResponse> MetadataService::ListCategoryMetadata(
    const v1::ListCategoryMetadataRequest& request) const {
  RETURN_IF_ERROR(CheckSupported());
  const RootPtr root = catalogue_.store.root();
  v1::ListCategoryMetadataResponse response;
  FillHeader(*root, catalogue_.node_id, response.mutable_header());
  for (const Category& category : catalogue_.registry.categories()) {
    ASSIGN_OR_RETURN(const Format format, ResolveFormat(catalogue_, category, request.format()));
    FillMetadata(*root->Find({std::string(category.name), format}), response.add_metadata());
  }
  return response;
}

absl::StatusOr<v1::GetLastUpdatedResponse> MetadataService::GetLastUpdated(
    const v1::GetLastUpdatedRequest& request) const {
  RETURN_IF_ERROR(CheckSupported());
  std::vector<DocumentKey> keys;
  if (request.category().empty()) {
    for (const Category& category : catalogue_.registry.categories()) {
      ASSIGN_OR_RETURN(const Format format, ResolveFormat(catalogue_, category, request.format()));
      keys.push_back({std::string(category.name), format});
    }
  } else {
    ASSIGN_OR_RETURN(DocumentKey key,
                     ResolveDocument(catalogue_, request.category(), request.format()));
    keys.push_back(std::move(key));
  }
  const RootPtr root = catalogue_.store.root();
  const DocumentState* newest = nullptr;
  for (const DocumentKey& key : keys) {
    const DocumentState& state = *root->Find(key);
    if (state.mod_revision == 0) continue;
    if (newest == nullptr || state.mod_revision > newest->mod_revision) newest = &state;
  }
  v1::GetLastUpdatedResponse response;
  FillHeader(*root, catalogue_.node_id, response.mutable_header());
  if (newest == nullptr) return response;
  *response.mutable_last_updated() = ToProto(newest->commit_time);
  response.set_category(newest->key.category);
  response.set_mod_revision(newest->mod_revision);
  return response;
}

// --- Population ----------------------------------------------------------------------------------

absl::StatusOr<std::vector<std::string>> MetadataService::Select(
    const v1::PopulateMetadataRequest& request) const {
  if (request.categories_size() > kMaxSelected) {
    return BadField("categories", absl::StrCat("more than ", kMaxSelected));
  }
  std::set<std::string> wanted;
  for (const std::string& category : request.categories()) {
    ASSIGN_OR_RETURN(const DocumentKey key, ResolveDocument(catalogue_, category, v1::FORMAT_V2));
    wanted.insert(key.category);
  }
  std::vector<std::string> selected;
  for (const Category& category : catalogue_.registry.categories()) {
    const std::string name(category.name);
    if (wanted.empty() || wanted.count(name) > 0) selected.push_back(name);
  }
  return selected;
}

v1::CategoryPopulation MetadataService::Populate(const std::string& category,
                                                 bool only_tell) const {
  v1::CategoryPopulation population;
  population.set_category(category);
  const Category* known = catalogue_.registry.Find(category);
  for (const Format format : {Format::kV2, Format::kLegacy}) {
    const DocumentKey key{category, format};
    // Its legacy document is empty for ever.
    if (format == Format::kLegacy && known != nullptr && !known->has_legacy()) continue;
    const auto populated =
        PopulateDocument(catalogue_.store, key, catalogue_.clock.TimeNow(), only_tell);
    if (!populated.ok()) {
      population.set_error(ErrorText(Annotated(populated.status(), key.ToString())));
    } else if (format == Format::kLegacy) {
      population.set_legacy_metadata_initialized(populated->began);
    } else {
      population.set_category_metadata_initialized(populated->began);
      population.set_models_updated(populated->models);
      const bool used = populated->began || populated->models > 0;
      if (used) *population.mutable_timestamp_used() = ToProto(populated->time);
    }
  }
  return population;
}

absl::StatusOr<v1::PopulateMetadataResponse> MetadataService::PopulateMetadata(
    const v1::PopulateMetadataRequest& request) const {
  if (!options_.supported) {
    ErrorExtras extras;
    if (!options_.primary.empty()) extras.metadata["primary"] = options_.primary;
    return Error(absl::StatusCode::kFailedPrecondition, "READ_ONLY_REPLICA",
                 "this server follows another one: populate there", std::move(extras));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> categories, Select(request));
  v1::PopulateMetadataResponse response;
  uint64_t models = 0;
  for (const std::string& category : categories) {
    response.add_categories_processed(category);
    v1::CategoryPopulation* population = response.add_results();
    *population = Populate(category, request.validate_only());
    models += population->models_updated();
  }
  response.set_total_categories(categories.size());
  response.set_total_models_updated(models);
  FillHeader(*catalogue_.store.root(), catalogue_.node_id, response.mutable_header());
  return response;
}

void PopulateAtStart(const MetadataService& service) {
  const auto response = service.PopulateMetadata(v1::PopulateMetadataRequest());
  if (!response.ok()) {
    Log(LogLevel::kWarning, "metadata.not_populated",
        {{"error", std::string(response.status().message())}});
    return;
  }
  uint64_t begun = 0;
  for (const v1::CategoryPopulation& population : response->results()) {
    begun += population.category_metadata_initialized() ? 1 : 0;
    begun += population.legacy_metadata_initialized() ? 1 : 0;
    if (population.error().empty()) continue;
    Log(LogLevel::kWarning, "metadata.not_populated",
        {{"category", population.category()}, {"error", population.error()}});
  }
  if (begun == 0 && response->total_models_updated() == 0) return;
  Log(LogLevel::kInfo, "metadata.populated",
      {{"documents", absl::StrCat(begun)},
       {"models", absl::StrCat(response->total_models_updated())}});
}

}  // namespace modelref
