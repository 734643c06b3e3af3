#include "service/write_service.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/admission.h"
#include "service/bad_field.h"
#include "service/rpc/bytes.h"
#include "service/write_answers.h"
#include "service/write_import.h"

namespace modelref {
namespace {

constexpr absl::string_view kService = "/modelref.v1.WriteService/";
constexpr int kPostedRequests = 4;
// Larger requests are read on the executor.
constexpr size_t kQuickBytes = 64 << 10;
constexpr size_t kMaxAuditRequestId = 120;
// Who writes where nobody is identified.
constexpr absl::string_view kAnonymous = "anonymous";

absl::Status CheckChoices(const v1::WriteOptions& options) {
  if (!v1::Durability_IsValid(options.durability())) {
    return BadField("options.durability", "is not known to this server");
  }
  if (!v1::WriteRoute_IsValid(options.route())) {
    return BadField("options.route", "is not known to this server");
  }
  const std::string& cause = options.audit_request_id();
  if (cause.size() > kMaxAuditRequestId) {
    return BadField("options.audit_request_id",
                    absl::StrCat("at most ", kMaxAuditRequestId, " bytes"));
  }
  for (const char c : cause) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      return BadField("options.audit_request_id", "has control characters");
    }
  }
  return absl::OkStatus();
}

// What a repeated call must be equal to: everything but its ids.
template <typename Request>
Sha256Digest BodyOf(const Request& request) {
  Request body = request;
  body.mutable_options()->clear_request_id();
  body.mutable_options()->clear_audit_request_id();
  return Sha256(body.SerializeAsString());
}

}  // namespace

WriteService::WriteService(const Catalogue& catalogue, const AccessControl& access,
                           Executor& executor, Options options)
    : catalogue_(catalogue),
      access_(access),
      executor_(executor),
      options_(std::move(options)),
      writer_(catalogue.store, catalogue.clock, options_.limits),
      files_(catalogue.store, options_.file_failure, options_.file_patience),
      staged_(std::make_shared<std::atomic<uint64_t>>(0)) {}

void WriteService::Register(MethodTable* methods) {
  Add<v1::PutModelRequest, v1::PutModelResponse>(methods, "PutModel", PlanPut, EncodeOne);
  Add<v1::DeleteModelRequest, v1::DeleteModelResponse>(methods, "DeleteModel", PlanDelete,
                                                       EncodeOne);
  Add<v1::WriteModelsRequest, v1::WriteModelsResponse>(methods, "WriteModels", PlanWrites,
                                                       EncodeMany);
  methods->AddUpload(absl::StrCat(kService, "ImportCategory"), {},
                     [this](const CallContext& context) {
                       return absl::StatusOr<std::unique_ptr<UploadSink>>(
                           std::make_unique<ImportSink>(*this, CallerOf(context), staged_));
                     });
}

template <typename Request, typename Response>
void WriteService::Add(MethodTable* methods, const std::string& name, Planner<Request> planner,
                       WriteEncoder encode) {
  MethodOptions options;
  options.posted_requests = kPostedRequests;
  methods->AddUnary(
      absl::StrCat(kService, name), options,
      [this, name, planner, encode = std::move(encode)](const CallContext& context,
                                                        const grpc::ByteBuffer& bytes,
                                                        UnaryDeferral& deferral) -> UnaryOutcome {
        auto request = std::make_shared<Request>();
        if (absl::Status parsed = ParseMessage(bytes, request.get()); !parsed.ok()) return parsed;
        CallFacts facts{CallerOf(context), name};
        const RawReply reply = deferral.Defer();
        const auto handle = [this, facts = std::move(facts), request, planner, encode, reply] {
          Handle<Request, Response>(facts, *request, planner, encode, reply);
        };
        if (bytes.Length() <= kQuickBytes && !request->options().validate_only()) {
          handle();
        } else if (const absl::Status submitted = executor_.Submit(handle); !submitted.ok()) {
          reply.Send(submitted);
        }
        return std::nullopt;
      });
}

template <typename Request, typename Response>
void WriteService::Handle(const CallFacts& facts, const Request& request, Planner<Request> planner,
                          const WriteEncoder& encode, const RawReply& reply) {
  const v1::WriteOptions& options = request.options();
  const bool is_repeatable = !options.request_id().empty() && !options.validate_only();
  absl::StatusOr<WriteCall> call =
      CheckOptions(facts, options, is_repeatable ? BodyOf(request) : Sha256Digest{});
  if (!call.ok()) return reply.Send(call.status());
  absl::StatusOr<WritePlan> plan =
      planner(catalogue_.registry, catalogue_.canonical_format, options_.limits, request);
  if (!plan.ok()) return reply.Send(plan.status());
  if (!options.validate_only()) {
    return Commit(std::make_shared<const WritePlan>(*std::move(plan)), *std::move(call), encode,
                  options.durability(), reply);
  }
  const RootPtr root = catalogue_.store.root();
  Response response;
  FillHeader(root, plan->key, response.mutable_header());
  *response.mutable_validated() = MakeValidated(*root, *plan, writer_.Validate(*root, *plan));
  reply.Send(SerializeMessage(response));
}

absl::StatusOr<WriteCall> WriteService::CheckOptions(const CallFacts& facts,
                                                     const v1::WriteOptions& options,
                                                     const Sha256Digest& body) const {
  RETURN_IF_ERROR(CheckChoices(options));
  WriteCall call;
  call.caller = facts.caller.id.empty() ? std::string(kAnonymous) : facts.caller.id;
  call.audit_request_id = options.audit_request_id();
  if (!options.request_id().empty()) {
    const std::optional<std::string> id = ParseRequestId(options.request_id());
    if (!id.has_value()) return BadField("options.request_id", "is no UUID", "BAD_REQUEST_ID");
    if (call.audit_request_id.empty()) call.audit_request_id = *id;
    if (!options.validate_only()) call.request = {call.caller, facts.method, *id};
  }
  call.body = body;
  if (!options.validate_only()) {
    RETURN_IF_ERROR(access_.Require(facts.caller, Role::kApprover, "a direct write"));
  }
  RETURN_IF_ERROR(options_.refusal);
  if (options.route() == v1::WRITE_ROUTE_QUEUE) {
    return Error(absl::StatusCode::kFailedPrecondition, "QUEUE_DISABLED",
                 "this server has no queue of proposed changes");
  }
  return call;
}

void WriteService::Commit(std::shared_ptr<const WritePlan> plan, WriteCall call,
                          WriteEncoder encode, v1::Durability durability, const RawReply& reply) {
  const DocumentKey key = plan->key;
  const bool derives = key.format == Format::kLegacy;
  writer_.Commit(
      std::move(plan), std::move(call), std::move(encode),
      [this, key, derives, durability, reply](const absl::StatusOr<WriteAnswer>& answer) {
        if (!answer.ok()) return reply.Send(answer.status());
        if (durability != v1::DURABILITY_FILE) return Send(*answer, key, reply);
        std::vector<FileWaiter::Target> targets = {{key, answer->root->Find(key)->mod_revision}};
        const DocumentKey derived{key.category, Format::kV2};
        if (derives) targets.push_back({derived, answer->root->Find(derived)->mod_revision});
        files_.Await(
            std::move(targets), [reply] { return reply.IsCancelled(); },
            [this, answer = *answer, key, reply](const absl::Status& shown) {
              if (!shown.ok()) return reply.Send(shown);
              Send(answer, key, reply);
            });
      });
}

void WriteService::Send(const WriteAnswer& answer, const DocumentKey& key,
                        const RawReply& reply) const {
  // The messages of the four methods begin alike: a header, then what was kept.
  v1::PutModelResponse header;
  FillHeader(answer.root, key, header.mutable_header());
  std::string bytes = header.SerializeAsString() + answer.bytes;
  if (answer.replayed) bytes += ReplayedMark();
  reply.Send(BytesOf(std::make_shared<const std::string>(std::move(bytes))));
}

void WriteService::FillHeader(const RootPtr& root, const DocumentKey& key,
                              v1::ResponseHeader* header) const {
  modelref::FillHeader(catalogue_, DocumentView{root, root->Find(key)}, header);
}

}  // namespace modelref
