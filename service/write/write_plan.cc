#include "service/write/write_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "backends/convert/text_names.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

// Where the parts of one operation are in its request.
struct OperationFields {
  std::string prefix;  // "", "operations[3].put."
  std::string Of(absl::string_view field) const { return absl::StrCat(prefix, field); }
};

// Adds a violation of the request about the step.
void Violate(const WriteStep& step, absl::string_view reason, const std::string& field,
             std::string description, std::vector<WriteViolation>* violations) {
  violations->push_back({absl::StatusCode::kInvalidArgument, std::string(reason), step.name, "",
                         std::move(description), field});
}

template <typename Put>
absl::StatusOr<WriteStep> ReadPut(const Put& put, const OperationFields& fields,
                                  const WriteLimits& limits, WritePlan* plan) {
  WriteStep step;
  step.name = put.name();
  step.mode = put.mode() == v1::WRITE_MODE_UNSPECIFIED ? v1::WRITE_MODE_UPSERT : put.mode();
  if (!v1::WriteMode_IsValid(step.mode)) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_FIELD", "a mode that is not known",
                 {.field_violations = {{fields.Of("mode"), "not a mode of this server"}}});
  }
  ASSIGN_OR_RETURN(step.if_match, ReadIfMatch(put.if_match(), fields.Of("if_match")));
  CheckName(step, *plan, limits, fields.Of("name"), &plan->violations);
  switch (put.content_case()) {
    case Put::kJson:
      step.content_field = fields.Of("json");
      step.json = put.json();
      break;
    case Put::kModel:
      step.content_field = fields.Of("model");
      step.model = std::make_shared<const v1::Model>(put.model());
      if (!step.model->name().empty() && step.model->name() != step.name) {
        Violate(step, "BAD_FIELD", step.content_field + ".name",
                "is not the name of the model that is written", &plan->violations);
      }
      break;
    case Put::CONTENT_NOT_SET:
      step.content_field = fields.Of("content");
      Violate(step, "BAD_FIELD", step.content_field, "neither json nor model is set",
              &plan->violations);
      step.model = std::make_shared<const v1::Model>();
      break;
  }
  return step;
}

template <typename Delete>
absl::StatusOr<WriteStep> ReadDelete(const Delete& request, const OperationFields& fields,
                                     const WriteLimits& limits, WritePlan* plan) {
  WriteStep step;
  step.name = request.name();
  step.is_delete = true;
  ASSIGN_OR_RETURN(step.if_match, ReadIfMatch(request.if_match(), fields.Of("if_match")));
  CheckName(step, *plan, limits, fields.Of("name"), &plan->violations);
  return step;
}

absl::StatusOr<WriteStep> ReadOperation(const v1::WriteOperation& operation, int index,
                                        const WriteLimits& limits, WritePlan* plan) {
  const std::string place = absl::StrCat("operations[", index, "]");
  switch (operation.operation_case()) {
    case v1::WriteOperation::kPut:
      return ReadPut(operation.put(), {place + ".put."}, limits, plan);
    case v1::WriteOperation::kDelete:
      return ReadDelete(operation.delete_(), {place + ".delete."}, limits, plan);
    case v1::WriteOperation::OPERATION_NOT_SET:
      break;
  }
  return Error(absl::StatusCode::kInvalidArgument, "BAD_FIELD",
               place + ": neither put nor delete is set",
               {.field_violations = {{place, "neither put nor delete is set"}}});
}

}  // namespace

absl::StatusOr<std::optional<Etag>> ReadIfMatch(const std::string& bytes,
                                                const std::string& field) {
  if (bytes.empty()) return std::optional<Etag>();
  Etag etag;
  if (bytes.size() != etag.size()) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_FIELD",
                 absl::StrCat(field, ": an etag has ", etag.size(), " bytes"),
                 {.field_violations = {{field, absl::StrCat("not ", etag.size(), " bytes")}}});
  }
  std::copy(bytes.begin(), bytes.end(), etag.begin());
  return std::optional<Etag>(etag);
}

void CheckName(const WriteStep& step, const WritePlan& plan, const WriteLimits& limits,
               const std::string& field, std::vector<WriteViolation>* violations) {
  if (const absl::Status name = ValidateModelName(step.name, limits.model_name_bytes); !name.ok()) {
    return Violate(step, "BAD_MODEL_NAME", field, std::string(name.message()), violations);
  }
  if (plan.category->name != kTextCategory) return;
  if (HasTextBackendPrefix(step.name)) {
    return Violate(step, "BACKEND_PREFIXED_NAME", field,
                   "names under aphrodite/ and koboldcpp/ are derived; write the base name",
                   violations);
  }
  if (!step.is_delete && absl::StrContains(step.name, "://")) {
    Violate(step, "BAD_MODEL_NAME", field, "an address is not the name of a text model",
            violations);
  }
}

absl::StatusOr<WritePlan> StartPlan(const CategoryRegistry& registry, Format canonical,
                                    const std::string& category, v1::Format format) {
  WritePlan plan;
  plan.category = registry.Find(category);
  if (plan.category == nullptr) {
    ErrorExtras extras;
    if (IsValidUtf8(category)) extras.metadata["category"] = category;
    return Error(absl::StatusCode::kNotFound, "CATEGORY_NOT_FOUND",
                 absl::StrCat("no category \"", category, "\""), std::move(extras));
  }
  const Format written = plan.category->has_legacy() ? canonical : Format::kV2;
  ASSIGN_OR_RETURN(const Format asked, FromProto(format, written));
  if (asked != written) {
    return Error(absl::StatusCode::kFailedPrecondition, "WRONG_FORMAT",
                 absl::StrCat(category, " is written in the ", FormatName(written),
                              " format on this server"),
                 {.metadata = {{"format", std::string(FormatName(written))}}});
  }
  plan.key = {category, written};
  return plan;
}

absl::StatusOr<WritePlan> PlanPut(const CategoryRegistry& registry, Format canonical,
                                  const WriteLimits& limits, const v1::PutModelRequest& request) {
  ASSIGN_OR_RETURN(WritePlan plan,
                   StartPlan(registry, canonical, request.category(), request.format()));
  ASSIGN_OR_RETURN(WriteStep step, ReadPut(request, {}, limits, &plan));
  plan.steps.push_back(std::move(step));
  return plan;
}

absl::StatusOr<WritePlan> PlanDelete(const CategoryRegistry& registry, Format canonical,
                                     const WriteLimits& limits,
                                     const v1::DeleteModelRequest& request) {
  ASSIGN_OR_RETURN(WritePlan plan,
                   StartPlan(registry, canonical, request.category(), request.format()));
  ASSIGN_OR_RETURN(WriteStep step, ReadDelete(request, {}, limits, &plan));
  plan.steps.push_back(std::move(step));
  return plan;
}

absl::StatusOr<WritePlan> PlanWrites(const CategoryRegistry& registry, Format canonical,
                                     const WriteLimits& limits,
                                     const v1::WriteModelsRequest& request) {
  ASSIGN_OR_RETURN(WritePlan plan,
                   StartPlan(registry, canonical, request.category(), request.format()));
  if (static_cast<size_t>(request.operations_size()) > limits.operations) {
    return Error(
        absl::StatusCode::kResourceExhausted, "TOO_MANY_OPERATIONS",
        absl::StrCat(request.operations_size(), " operations; the limit is ", limits.operations));
  }
  ASSIGN_OR_RETURN(plan.if_match, ReadIfMatch(request.if_match(), "if_match"));
  if (request.operations().empty()) {
    plan.violations.push_back({absl::StatusCode::kInvalidArgument, "BAD_FIELD", "", "",
                               "there is nothing to do", "operations"});
  }
  std::set<std::string> names;
  for (int i = 0; i < request.operations_size(); ++i) {
    ASSIGN_OR_RETURN(WriteStep step, ReadOperation(request.operations(i), i, limits, &plan));
    if (!names.insert(step.name).second) {
      Violate(step, "DUPLICATE_OPERATION", absl::StrCat("operations[", i, "]"),
              "another operation names the same model", &plan.violations);
      plan.repeated.push_back(std::move(step));
      continue;
    }
    plan.steps.push_back(std::move(step));
  }
  return plan;
}

}  // namespace modelref
