#include "clients/modelrefctl/write_report.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/proto_json.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

// What the violations with these reasons fail with; all others are the caller's fault.
absl::StatusCode CodeOf(const std::string& reason) {
  static const auto* const codes = new std::map<std::string, absl::StatusCode>{
      {"MODEL_NOT_FOUND", absl::StatusCode::kNotFound},
      {"MODEL_EXISTS", absl::StatusCode::kAlreadyExists},
      {"ETAG_MISMATCH", absl::StatusCode::kAborted},
      {"DOCUMENT_DAMAGED", absl::StatusCode::kFailedPrecondition},
      {"MASS_REMOVAL", absl::StatusCode::kFailedPrecondition},
      {"RECORD_TOO_LARGE", absl::StatusCode::kResourceExhausted},
      {"DOCUMENT_TOO_LARGE", absl::StatusCode::kResourceExhausted},
  };
  const auto found = codes->find(reason);
  return found == codes->end() ? absl::StatusCode::kInvalidArgument : found->second;
}

std::string Where(const v1::Violation& violation) {
  if (violation.field().empty()) return violation.model();
  return violation.model().empty() ? violation.field()
                                   : absl::StrCat(violation.model(), ": ", violation.field());
}

Table DiffTable(const v1::Validated& validated) {
  Table table(
      {{"model"}, {"change"}, {"field_path"}, {"old_value"}, {"new_value"}, {"critical", true}});
  for (const v1::ModelDiff& diff : validated.diff()) {
    if (diff.net_operation() == v1::NET_OPERATION_UNCHANGED) continue;
    const std::string change =
        ShortEnumName("NET_OPERATION_", v1::NetOperation_Name(diff.net_operation()));
    if (diff.fields().empty()) table.AddRow({diff.model(), change, "", "", "", ""});
    for (const v1::FieldDiff& field : diff.fields()) {
      table.AddRow({diff.model(), change, field.field_path(), field.old_value(), field.new_value(),
                    field.critical() ? "critical" : ""});
    }
  }
  return table;
}

absl::Status PrintNames(Invocation& invocation, const WriteOutcome& outcome) {
  if (outcome.validated.has_value()) {
    for (const v1::ModelDiff& diff : outcome.validated->diff()) {
      if (diff.net_operation() == v1::NET_OPERATION_UNCHANGED) continue;
      RETURN_IF_ERROR(invocation.Print(diff.model() + "\n"));
    }
    return absl::OkStatus();
  }
  for (const WrittenModel& model : outcome.models) {
    if (model.result == "unchanged") continue;
    RETURN_IF_ERROR(invocation.Print(model.name + "\n"));
  }
  return absl::OkStatus();
}

absl::Status PrintRows(Invocation& invocation, const WriteOutcome& outcome) {
  if (outcome.validated.has_value()) {
    const Table table = DiffTable(*outcome.validated);
    return table.empty() ? absl::OkStatus() : invocation.PrintTable(table);
  }
  Table table({{"model"}, {"result"}, {"revision", false, true}, {"etag", true}});
  const std::string revision =
      outcome.committed.has_value() ? absl::StrCat(outcome.committed->position().revision()) : "";
  for (const WrittenModel& model : outcome.models) {
    table.AddRow({model.name, model.result, revision, ToHex(model.etag)});
  }
  return invocation.PrintTable(table);
}

void TellBesides(Invocation& invocation, const WriteOutcome& outcome) {
  if (outcome.committed.has_value() && outcome.committed->replayed()) {
    invocation.Note("this request was written before; that is its answer");
  }
  if (outcome.queued.has_value()) invocation.Note("it waits for a review and is not live");
  if (!outcome.validated.has_value()) return;
  for (const v1::Violation& warning : outcome.validated->warnings()) {
    invocation.Note(absl::StrCat("warning: ", Where(warning), ": ", warning.description()));
  }
  if (outcome.validated->diff_truncated()) {
    invocation.Note("warning: more would change than is listed");
  }
}

}  // namespace

bool IsMessageMode(const Invocation& invocation) {
  return invocation.output() == OutputMode::kJson || invocation.output() == OutputMode::kJsonl ||
         invocation.output() == OutputMode::kYaml;
}

absl::Status PrintResponse(Invocation& invocation, const google::protobuf::Message& response,
                           const std::string& request_id) {
  JsonObject object = ProtoToObject(response);
  object.Set("request_id", request_id);
  if (invocation.output() != OutputMode::kJsonl) return invocation.PrintValue(std::move(object));
  return invocation.Print(CanonicalJson(std::move(object)) + "\n");
}

absl::Status ViolationError(const v1::Validated& validated) {
  if (validated.violations().empty()) return absl::OkStatus();
  // As the server chooses: what is wrong with the request before what it meets.
  const v1::Violation* first = &validated.violations(0);
  ErrorExtras extras;
  for (const v1::Violation& violation : validated.violations()) {
    if (CodeOf(violation.reason()) == absl::StatusCode::kInvalidArgument &&
        CodeOf(first->reason()) != absl::StatusCode::kInvalidArgument) {
      first = &violation;
    }
    if (violation.field().empty() && validated.violations_size() == 1) continue;
    extras.field_violations.push_back({Where(violation), violation.description()});
  }
  std::string message = first->description();
  if (!first->model().empty()) message = absl::StrCat("\"", first->model(), "\": ", message);
  return Error(CodeOf(first->reason()), first->reason(), message, std::move(extras));
}

bool WouldChange(const v1::Validated& validated) {
  if (validated.diff_truncated()) return true;
  for (const v1::ModelDiff& diff : validated.diff()) {
    if (diff.net_operation() != v1::NET_OPERATION_UNCHANGED) return true;
  }
  return false;
}

absl::Status PrintOutcome(Invocation& invocation, const WriteOutcome& outcome) {
  TellBesides(invocation, outcome);
  if (outcome.queued.has_value()) {
    invocation.set_exit_code(static_cast<int>(ExitCode::kPendingReview));
  }
  if (IsMessageMode(invocation)) {
    RETURN_IF_ERROR(PrintResponse(invocation, *outcome.response, outcome.request_id));
  } else if (invocation.output() == OutputMode::kName) {
    RETURN_IF_ERROR(PrintNames(invocation, outcome));
  } else {
    RETURN_IF_ERROR(PrintRows(invocation, outcome));
  }
  return outcome.validated.has_value() ? ViolationError(*outcome.validated) : absl::OkStatus();
}

}  // namespace modelref::ctl
