#include "service/reference_service.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/category_stream.h"
#include "service/model_fields.h"
#include "service/rpc/bytes.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

// Room for everything beside the document in a message of 4 MiB.
constexpr size_t kGetCategoryBytes = (4 << 20) - 1024;
constexpr int kMaxBatchNames = 1000;
constexpr size_t kMaxBatchBytes = 1 << 20;
constexpr int kMaxKnownDocuments = 256;
constexpr int kListedProblems = 100;
// Reads are what a fleet calls most.
constexpr int kPostedRequests = 32;
// Of memory, for what is derived from documents.
constexpr size_t kIndexBytes = 256 << 20;
constexpr size_t kStatisticsBytes = 64 << 20;

constexpr absl::string_view kService = "/modelref.v1.ReferenceService/";

absl::Status Invalid(absl::string_view reason, absl::string_view field,
                     absl::string_view description) {
  return Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(field, ": ", description),
               {.field_violations = {{std::string(field), std::string(description)}}});
}

absl::Status ModelNotFound(const DocumentKey& key, const std::string& name) {
  const std::string shown = name.substr(0, kMaxModelNameBytes);
  return Error(absl::StatusCode::kNotFound, "MODEL_NOT_FOUND",
               absl::StrCat("no model \"", shown, "\" in ", key.ToString()),
               {.metadata = {{"category", key.category}, {"model", shown}}});
}

void FillSummary(const Category& category, const DocumentState& state,
                 v1::CategorySummary* summary) {
  summary->set_category(state.key.category);
  summary->set_format(ToProto(state.key.format));
  summary->set_domain(std::string(category.domain));
  summary->set_purpose(std::string(category.purpose));
  summary->set_mod_revision(state.mod_revision);
  summary->set_etag(state.document->etag().data(), state.document->etag().size());
  summary->set_model_count(state.document->record_count());
  summary->set_size_bytes(state.document->size_bytes());
  summary->set_stale(state.freshness.stale());
  summary->set_damaged(!state.damage.ok());
  for (const RecordProblem& problem : state.problems) {
    if (summary->unrepresentable_models_size() == kListedProblems) break;
    if (IsValidUtf8(problem.name)) summary->add_unrepresentable_models(problem.name);
  }
}

// What takes longer than a look at the newest snapshot does not run on the thread of a queue.
bool IsSlow(const v1::ListModelsRequest& request) {
  return request.has_filter() || request.order() != v1::MODEL_ORDER_UNSPECIFIED;
}
bool IsSlow(const v1::GetCategoryStatisticsRequest&) { return true; }
template <typename Request>
bool IsSlow(const Request&) {
  return false;
}

template <typename Request>
UnaryOptions<Request> BlockingWhenSlow() {
  UnaryOptions<Request> options;
  options.posted_requests = kPostedRequests;
  options.blocking_when = [](const CallContext&, const Request& request) {
    return request.read().force_refresh() || IsSlow(request);
  };
  return options;
}

}  // namespace

ReferenceService::ReferenceService(Catalogue catalogue, RefreshPolicy may_refresh,
                                   Executor& executor)
    : catalogue_(std::move(catalogue)),
      may_refresh_(std::move(may_refresh)),
      executor_(executor),
      index_cache_(kIndexBytes),
      statistics_cache_(kStatisticsBytes) {}

void ReferenceService::Register(MethodTable* methods) {
  const auto name = [](absl::string_view method) { return absl::StrCat(kService, method); };
  methods->Unary<v1::ListCategoriesRequest, v1::ListCategoriesResponse>(
      name("ListCategories"), [this](const CallContext&, const v1::ListCategoriesRequest& request) {
        return ListCategories(request);
      });
  methods->UnaryRaw<v1::GetCategoryRequest>(
      name("GetCategory"),
      [this](const CallContext& context, const v1::GetCategoryRequest& request) {
        return GetCategory(context, request);
      },
      BlockingWhenSlow<v1::GetCategoryRequest>());
  const auto unary = [&](absl::string_view method, auto handler, auto request_tag,
                         auto response_tag) {
    using Request = decltype(request_tag);
    using Response = decltype(response_tag);
    methods->Unary<Request, Response>(
        name(method),
        [this, handler](const CallContext& context, const Request& request) {
          return (this->*handler)(context, request);
        },
        BlockingWhenSlow<Request>());
  };
  unary("GetModel", &ReferenceService::GetModel, v1::GetModelRequest(), v1::GetModelResponse());
  unary("BatchGetModels", &ReferenceService::BatchGetModels, v1::BatchGetModelsRequest(),
        v1::BatchGetModelsResponse());
  unary("ListModels", &ReferenceService::ListModels, v1::ListModelsRequest(),
        v1::ListModelsResponse());
  unary("GetCategoryStatistics", &ReferenceService::GetCategoryStatistics,
        v1::GetCategoryStatisticsRequest(), v1::GetCategoryStatisticsResponse());
  methods->ServerStream<v1::StreamCategoryRequest>(
      name("StreamCategory"),
      [this](const CallContext& context, const v1::StreamCategoryRequest& request, Waker waker) {
        return StreamCategory(context, request, std::move(waker));
      });
  methods->ServerStream<v1::FetchAllCategoriesRequest>(
      name("FetchAllCategories"),
      [this](const CallContext& context, const v1::FetchAllCategoriesRequest& request,
             Waker waker) { return FetchAllCategories(context, request, std::move(waker)); });
}

template <typename Request>
absl::StatusOr<DocumentView> ReferenceService::Open(const CallContext& context,
                                                    const Request& request) {
  RETURN_IF_ERROR(CheckBuilt(request.read()));
  ASSIGN_OR_RETURN(const DocumentKey key,
                   ResolveDocument(catalogue_, request.category(), request.format()));
  if (request.read().force_refresh()) {
    RETURN_IF_ERROR(may_refresh_(context));
    // A read does not fail because freshness could not be had: the answer is stale then, or the
    // document's own error.
    catalogue_.refresh(key).IgnoreError();
  }
  return OpenDocument(catalogue_, key);
}

absl::StatusOr<v1::ListCategoriesResponse> ReferenceService::ListCategories(
    const v1::ListCategoriesRequest& request) {
  ASSIGN_OR_RETURN(const Format format, FromProto(request.format(), catalogue_.canonical_format));
  const RootPtr root = catalogue_.store.root();
  v1::ListCategoriesResponse response;
  FillHeader(*root, catalogue_.node_id, response.mutable_header());
  for (const Category& category : catalogue_.registry.categories()) {
    FillSummary(category, *root->Find({std::string(category.name), format}),
                response.add_categories());
  }
  return response;
}

absl::StatusOr<grpc::ByteBuffer> ReferenceService::CategoryBytes(const DocumentView& view,
                                                                 bool source_text) {
  const DocumentState& state = *view.state;
  const size_t size = source_text ? SourceTextOf(state).size() : state.document->size_bytes();
  if (size > kGetCategoryBytes) {
    return Error(absl::StatusCode::kResourceExhausted, "USE_STREAM_CATEGORY",
                 absl::StrCat(state.key.ToString(), " has ", size,
                              " bytes, more than one message holds: call StreamCategory"),
                 {.metadata = {{"sizeBytes", absl::StrCat(size)}}});
  }
  if (source_text) {
    if (state.source_text == nullptr) return CopyBytes(SourceTextOf(state));
    return BytesOf(state.source_text);
  }
  return BytesOf(json_cache_.JsonOf(state));
}

absl::StatusOr<grpc::ByteBuffer> ReferenceService::GetCategory(
    const CallContext& context, const v1::GetCategoryRequest& request) {
  ASSIGN_OR_RETURN(const DocumentView view, Open(context, request));
  ASSIGN_OR_RETURN(const bool source_text,
                   IsSourceText(request.representation(), view.state->key.format));
  const Etag& etag = EtagOf(*view.state, source_text);
  v1::GetCategoryResponse response;
  FillHeader(catalogue_, view, response.mutable_header());
  response.set_mod_revision(view.state->mod_revision);
  response.set_etag(etag.data(), etag.size());
  if (absl::string_view(request.if_none_match()) == AsBytes(etag)) {
    response.mutable_not_modified();
    return SerializeMessage(response);
  }
  ASSIGN_OR_RETURN(const grpc::ByteBuffer json, CategoryBytes(view, source_text));
  // The document goes out from shared memory behind the few bytes that are this answer's own.
  ASSIGN_OR_RETURN(const grpc::ByteBuffer head, SerializeMessage(response));
  return JoinBytes(
      {head, CopyBytes(FieldPrefix(v1::GetCategoryResponse::kJsonFieldNumber, json.Length())),
       json});
}

absl::StatusOr<v1::GetModelResponse> ReferenceService::GetModel(
    const CallContext& context, const v1::GetModelRequest& request) {
  ASSIGN_OR_RETURN(const DocumentView view, Open(context, request));
  const Entry* entry = view.document().Find(request.name());
  if (entry == nullptr) return ModelNotFound(view.state->key, request.name());
  v1::GetModelResponse response;
  FillHeader(catalogue_, view, response.mutable_header());
  response.set_mod_revision(entry->mod_revision);
  response.set_etag(entry->record->etag.data(), entry->record->etag.size());
  if (absl::string_view(request.if_none_match()) == AsBytes(entry->record->etag)) {
    response.mutable_not_modified();
  } else {
    FillModel(*entry, view.state->key.format, ReadMask::All(), response.mutable_model());
  }
  return response;
}

absl::StatusOr<v1::BatchGetModelsResponse> ReferenceService::BatchGetModels(
    const CallContext& context, const v1::BatchGetModelsRequest& request) {
  if (request.names_size() > kMaxBatchNames) {
    return Invalid("TOO_MANY_NAMES", "names", absl::StrCat("at most ", kMaxBatchNames));
  }
  ASSIGN_OR_RETURN(const DocumentView view, Open(context, request));
  v1::BatchGetModelsResponse response;
  FillHeader(catalogue_, view, response.mutable_header());
  size_t bytes = 0;
  for (const std::string& name : request.names()) {
    const Entry* entry = view.document().Find(name);
    if (entry == nullptr) {
      response.add_missing(name);
    } else if (bytes > 0 && bytes + 2 * entry->record->json.size() > kMaxBatchBytes) {
      response.add_truncated(name);
    } else {
      FillModel(*entry, view.state->key.format, ReadMask::All(), response.add_models());
      bytes += response.models(response.models_size() - 1).ByteSizeLong();
    }
  }
  return response;
}

absl::StatusOr<v1::ListModelsResponse> ReferenceService::ListModels(
    const CallContext& context, const v1::ListModelsRequest& request) {
  ASSIGN_OR_RETURN(const DocumentView view, Open(context, request));
  const ListingSource source{view.state->key, view.state->document, view.state->mod_revision};
  ASSIGN_OR_RETURN(v1::ListModelsResponse response,
                   modelref::ListModels(request, source, &index_cache_));
  FillHeader(catalogue_, view, response.mutable_header());
  return response;
}

absl::StatusOr<v1::GetCategoryStatisticsResponse> ReferenceService::GetCategoryStatistics(
    const CallContext& context, const v1::GetCategoryStatisticsRequest& request) {
  ASSIGN_OR_RETURN(const DocumentView view, Open(context, request));
  v1::GetCategoryStatisticsResponse response =
      statistics_cache_.Get(view.state->key, view.state->document)->response();
  FillHeader(catalogue_, view, response.mutable_header());
  response.set_mod_revision(view.state->mod_revision);
  return response;
}

absl::StatusOr<std::unique_ptr<StreamSource>> ReferenceService::StreamCategory(
    const CallContext& context, const v1::StreamCategoryRequest& request, Waker waker) {
  RETURN_IF_ERROR(CheckBuilt(request.read()));
  ASSIGN_OR_RETURN(const DocumentKey key,
                   ResolveDocument(catalogue_, request.category(), request.format()));
  ASSIGN_OR_RETURN(const bool source_text, IsSourceText(request.representation(), key.format));
  if (request.read().force_refresh()) RETURN_IF_ERROR(may_refresh_(context));
  DocumentParts::Options options;
  options.source_text = source_text;
  options.if_none_match = request.if_none_match();
  options.start_after = request.start_after();
  options.if_etag = request.if_etag();
  return MakeCategoryStream(catalogue_, executor_, {{key}, request.read().force_refresh()},
                            std::move(options), std::move(waker));
}

absl::StatusOr<std::unique_ptr<StreamSource>> ReferenceService::FetchAllCategories(
    const CallContext& context, const v1::FetchAllCategoriesRequest& request, Waker waker) {
  RETURN_IF_ERROR(CheckBuilt(request.read()));
  ASSIGN_OR_RETURN(const Format format, FromProto(request.format(), catalogue_.canonical_format));
  ASSIGN_OR_RETURN(const bool source_text, IsSourceText(request.representation(), format));
  if (request.known_size() > kMaxKnownDocuments) {
    return Invalid("TOO_MANY_KNOWN", "known", absl::StrCat("at most ", kMaxKnownDocuments));
  }
  if (request.read().force_refresh()) RETURN_IF_ERROR(may_refresh_(context));
  RefreshPlan plan;
  plan.refresh = request.read().force_refresh();
  for (const Category& category : catalogue_.registry.categories()) {
    plan.keys.push_back({std::string(category.name), format});
  }
  std::map<std::string, std::string> known;
  for (const v1::KnownDocument& document : request.known()) {
    known[ResolveCategoryAlias(document.category())] = document.etag();
  }
  return MakeAllCategoriesStream(catalogue_, executor_, std::move(plan), source_text,
                                 std::move(known), std::move(waker));
}

}  // namespace modelref
