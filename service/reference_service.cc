#include "service/reference_service.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/category_stream.h"
#include "service/delta_stream.h"
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
// What a fleet calls most.
constexpr absl::string_view kHotReads[] = {"GetCategory", "GetModel"};
constexpr int kPostedHotRequests = 64;
constexpr int kPostedRequests = 4;
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
bool IsSlow(const v1::GetCategoryRequest& request) {
  return request.representation() == v1::REPRESENTATION_SOURCE_TEXT;
}
template <typename Request>
bool IsSlow(const Request&) {
  return false;
}

}  // namespace

ReferenceService::ReferenceService(Catalogue catalogue, RefreshPolicy may_refresh,
                                   PositionWaiter& positions, Executor& executor,
                                   GzipCache::Options gzip)
    : catalogue_(std::move(catalogue)),
      may_refresh_(std::move(may_refresh)),
      means_{catalogue_, positions, executor, gzip.min_bytes, &source_texts_},
      gzip_cache_(gzip, executor),
      index_cache_(kIndexBytes),
      statistics_cache_(kStatisticsBytes) {}

template <typename Request, typename... Options>
void ReferenceService::AddUnaryRead(MethodTable* methods, absl::string_view method,
                                    absl::StatusOr<grpc::ByteBuffer> (ReferenceService::*answer)(
                                        const DocumentKey&, const Request&, Options...)) {
  MethodOptions options;
  const bool is_hot = absl::c_linear_search(kHotReads, method);
  options.posted_requests = is_hot ? kPostedHotRequests : kPostedRequests;
  ReadMethod<Request> read;
  read.resolve = [this](const Request& request) {
    return ResolveDocument(catalogue_, request.category(), request.format());
  };
  read.is_slow = [](const Request& request) { return IsSlow(request); };
  read.answer = [this, answer](const DocumentKey& key, const Request& request,
                               AnswerOptions answer_options) {
    if constexpr (sizeof...(Options) == 0) {
      static_cast<void>(answer_options);
      return (this->*answer)(key, request);
    } else {
      return (this->*answer)(key, request, answer_options);
    }
  };
  AddRead<Request>(methods, absl::StrCat(kService, method), options, means_, may_refresh_,
                   std::move(read));
}

template <typename Request>
void ReferenceService::AddStream(MethodTable* methods, absl::string_view method,
                                 absl::StatusOr<std::unique_ptr<StreamSource>> (
                                     ReferenceService::*open)(const CallContext&, const Request&,
                                                              const Waker&)) {
  methods->ServerStream<Request>(
      absl::StrCat(kService, method),
      [this, open](const CallContext& context, const Request& request, const Waker& waker) {
        return (this->*open)(context, request, waker);
      });
}

void ReferenceService::Register(MethodTable* methods) {
  methods->Unary<v1::ListCategoriesRequest, v1::ListCategoriesResponse>(
      absl::StrCat(kService, "ListCategories"),
      [this](const CallContext&, const v1::ListCategoriesRequest& request) {
        return ListCategories(request);
      });
  AddUnaryRead(methods, "GetCategory", &ReferenceService::GetCategory);
  AddUnaryRead(methods, "GetModel", &ReferenceService::GetModel);
  AddUnaryRead(methods, "BatchGetModels", &ReferenceService::BatchGetModels);
  AddUnaryRead(methods, "ListModels", &ReferenceService::ListModels);
  AddUnaryRead(methods, "GetCategoryStatistics", &ReferenceService::GetCategoryStatistics);
  AddStream(methods, "StreamCategory", &ReferenceService::StreamCategory);
  AddStream(methods, "FetchAllCategories", &ReferenceService::FetchAllCategories);
  AddStream(methods, "GetDelta", &ReferenceService::GetDelta);
}

absl::StatusOr<v1::ListCategoriesResponse> ReferenceService::ListCategories(
    const v1::ListCategoriesRequest& request) {
  const RootPtr root = catalogue_.store.root();
  v1::ListCategoriesResponse response;
  FillHeader(*root, catalogue_.node_id, response.mutable_header());
  for (const Category& category : catalogue_.registry.categories()) {
    ASSIGN_OR_RETURN(const Format format, ResolveFormat(catalogue_, category, request.format()));
    FillSummary(category, *root->Find({std::string(category.name), format}),
                response.add_categories());
  }
  return response;
}

absl::StatusOr<std::shared_ptr<const std::string>> ReferenceService::CategoryJson(
    const DocumentState& state, const SourceText* source) {
  const size_t size = source == nullptr ? state.document->size_bytes() : source->text->size();
  if (size > kGetCategoryBytes) {
    return Error(absl::StatusCode::kResourceExhausted, "USE_STREAM_CATEGORY",
                 absl::StrCat(state.key.ToString(), " has ", size,
                              " bytes, more than one message holds: call StreamCategory"),
                 {.metadata = {{"sizeBytes", absl::StrCat(size)}}});
  }
  return source == nullptr ? json_cache_.JsonOf(state) : source->text;
}

absl::StatusOr<grpc::ByteBuffer> ReferenceService::GetCategory(
    const DocumentKey& key, const v1::GetCategoryRequest& request, AnswerOptions options) {
  ASSIGN_OR_RETURN(const DocumentView view, OpenDocument(catalogue_, key));
  ASSIGN_OR_RETURN(const bool source_text,
                   IsSourceText(request.representation(), view.state->key.format));
  SourceText source;
  if (source_text) source = source_texts_.Of(*view.state);
  const Etag& etag = source_text ? source.etag : view.state->document->etag();
  v1::GetCategoryResponse response;
  FillHeader(catalogue_, view, response.mutable_header());
  response.set_mod_revision(view.state->mod_revision);
  response.set_etag(etag.data(), etag.size());
  if (absl::string_view(request.if_none_match()) == AsBytes(etag)) {
    response.mutable_not_modified();
    return SerializeMessage(response);
  }
  ASSIGN_OR_RETURN(const auto json, CategoryJson(*view.state, source_text ? &source : nullptr));
  // The document goes out from shared memory behind the few bytes that are this answer's own.
  const std::string head =
      absl::StrCat(response.SerializeAsString(),
                   FieldPrefix(v1::GetCategoryResponse::kJsonFieldNumber, json->size()));
  if (options.gzip) {
    auto tail = gzip_cache_.Find(view.state->key, source_text, etag, json);
    if (tail != nullptr) return GzipMessage(head, std::move(tail));
  }
  return JoinBytes({CopyBytes(head), BytesOf(json)});
}

absl::StatusOr<grpc::ByteBuffer> ReferenceService::GetModel(const DocumentKey& key,
                                                            const v1::GetModelRequest& request) {
  ASSIGN_OR_RETURN(const DocumentView view, OpenDocument(catalogue_, key));
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
  return SerializeMessage(response);
}

absl::StatusOr<grpc::ByteBuffer> ReferenceService::BatchGetModels(
    const DocumentKey& key, const v1::BatchGetModelsRequest& request) {
  if (request.names_size() > kMaxBatchNames) {
    return Invalid("TOO_MANY_NAMES", "names", absl::StrCat("at most ", kMaxBatchNames));
  }
  ASSIGN_OR_RETURN(const DocumentView view, OpenDocument(catalogue_, key));
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
  return SerializeMessage(response);
}

absl::StatusOr<grpc::ByteBuffer> ReferenceService::ListModels(
    const DocumentKey& key, const v1::ListModelsRequest& request) {
  ASSIGN_OR_RETURN(const DocumentView view, OpenDocument(catalogue_, key));
  const ListingSource source{view.state->key, view.state->document, view.state->mod_revision};
  ASSIGN_OR_RETURN(v1::ListModelsResponse response,
                   modelref::ListModels(request, source, &index_cache_));
  FillHeader(catalogue_, view, response.mutable_header());
  return SerializeMessage(response);
}

absl::StatusOr<grpc::ByteBuffer> ReferenceService::GetCategoryStatistics(
    const DocumentKey& key, const v1::GetCategoryStatisticsRequest&) {
  ASSIGN_OR_RETURN(const DocumentView view, OpenDocument(catalogue_, key));
  v1::GetCategoryStatisticsResponse response =
      statistics_cache_.Get(view.state->key, view.state->document)->response();
  FillHeader(catalogue_, view, response.mutable_header());
  response.set_mod_revision(view.state->mod_revision);
  return SerializeMessage(response);
}

absl::StatusOr<std::unique_ptr<StreamSource>> ReferenceService::StreamCategory(
    const CallContext& context, const v1::StreamCategoryRequest& request, const Waker& waker) {
  ASSIGN_OR_RETURN(ReadPlan plan, CheckRead(context, request.read(), may_refresh_));
  ASSIGN_OR_RETURN(const DocumentKey key,
                   ResolveDocument(catalogue_, request.category(), request.format()));
  plan.keys = {key};
  DocumentParts::Options options;
  ASSIGN_OR_RETURN(options.source_text, IsSourceText(request.representation(), key.format));
  options.if_none_match = request.if_none_match();
  options.start_after = request.start_after();
  options.if_etag = request.if_etag();
  return MakeCategoryStream(means_, plan, std::move(options), waker);
}

absl::StatusOr<std::unique_ptr<StreamSource>> ReferenceService::FetchAllCategories(
    const CallContext& context, const v1::FetchAllCategoriesRequest& request, const Waker& waker) {
  ASSIGN_OR_RETURN(ReadPlan plan, CheckRead(context, request.read(), may_refresh_));
  ASSIGN_OR_RETURN(const Format format, FromProto(request.format(), catalogue_.canonical_format));
  ASSIGN_OR_RETURN(const bool source_text, IsSourceText(request.representation(), format));
  if (request.known_size() > kMaxKnownDocuments) {
    return Invalid("TOO_MANY_KNOWN", "known", absl::StrCat("at most ", kMaxKnownDocuments));
  }
  for (const Category& category : catalogue_.registry.categories()) {
    ASSIGN_OR_RETURN(Format own, ResolveFormat(catalogue_, category, request.format()));
    // Only legacy documents have one.
    if (source_text) own = format;
    plan.keys.push_back({std::string(category.name), own});
  }
  std::map<std::string, std::string> known;
  for (const v1::KnownDocument& document : request.known()) {
    known[ResolveCategoryAlias(document.category())] = document.etag();
  }
  return MakeAllCategoriesStream(means_, plan, source_text, std::move(known), waker);
}

absl::StatusOr<std::unique_ptr<StreamSource>> ReferenceService::GetDelta(
    const CallContext& context, const v1::GetDeltaRequest& request, const Waker& waker) {
  ASSIGN_OR_RETURN(ReadPlan plan, CheckRead(context, request.read(), may_refresh_));
  ASSIGN_OR_RETURN(DeltaRequest checked, ReadDeltaRequest(catalogue_, std::move(plan), request));
  return MakeDeltaStream(means_, std::move(checked), waker);
}

}  // namespace modelref
