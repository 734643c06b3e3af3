// model put, model diff.

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/document_reader.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/model_writes.h"
#include "clients/modelrefctl/write_flags.h"
#include "clients/modelrefctl/write_report.h"

namespace modelref::ctl {
namespace {

// A record as people write it, with white space.
constexpr size_t kMaxTextBytes = size_t{64} << 20;

absl::StatusOr<v1::WriteMode> ModeOf(const CommandLine& line) {
  if (line.Has("create-only") && line.Has("update-only")) {
    return UsageError("give --create-only or --update-only, not both");
  }
  if (line.Has("create-only")) return v1::WRITE_MODE_CREATE_ONLY;
  return line.Has("update-only") ? v1::WRITE_MODE_UPDATE_ONLY : v1::WRITE_MODE_UPSERT;
}

// The record in canonical form.
absl::StatusOr<std::string> ReadRecord(const std::string& path, Host& host) {
  ASSIGN_OR_RETURN(Input input, Input::Open(path, host));
  ASSIGN_OR_RETURN(const std::string text, input.ReadAll(kMaxTextBytes));
  const absl::StatusOr<Json> json = ParseJson(text, {.depth = kMaxJsonDepth});
  if (json.ok() && json->AsObject() != nullptr) return CanonicalJson(*json);
  return Error(absl::StatusCode::kInvalidArgument, "BAD_JSON",
               absl::StrCat(input.name(), ": ",
                            json.ok() ? absl::string_view("a record is a JSON object")
                                      : json.status().message()));
}

absl::Status CheckRequestSize(const google::protobuf::Message& request, const char* instead) {
  const size_t bytes = request.ByteSizeLong();
  if (bytes <= kMaxRequestBytes) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "INPUT_TOO_LARGE",
               absl::StrCat(bytes, " bytes are too many for one request", instead));
}

absl::StatusOr<WriteOutcome> PutOne(Invocation& invocation, const std::string& path,
                                    const v1::WriteOptions& options) {
  v1::PutModelRequest request;
  request.set_category(invocation.arguments()[0]);
  request.set_name(invocation.arguments()[1]);
  request.set_format(invocation.settings().format);
  *request.mutable_options() = options;
  ASSIGN_OR_RETURN(const v1::WriteMode mode, ModeOf(invocation.line()));
  request.set_mode(mode);
  ASSIGN_OR_RETURN(*request.mutable_if_match(), IfMatch(invocation));
  ASSIGN_OR_RETURN(*request.mutable_json(), ReadRecord(path, invocation.host()));
  RETURN_IF_ERROR(CheckRequestSize(request, ""));
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  const absl::StatusOr<v1::PutModelResponse> response = client->PutModel(request);
  if (!response.ok()) return WriteError(invocation, response.status(), options.request_id());
  WriteOutcome outcome = MakeOutcome(*response, options.request_id());
  const v1::Committed& committed = response->committed();
  outcome.models = {
      {request.name(),
       response->has_queued() ? "queued" : (committed.changed() ? "written" : "unchanged"),
       committed.etag()}};
  return outcome;
}

absl::Status AddOperations(const std::string& path, v1::WriteMode mode, Host& host,
                           v1::WriteModelsRequest* request) {
  ASSIGN_OR_RETURN(Input input, Input::Open(path, host));
  DocumentReader reader(std::move(input), {});
  SourceRecord record;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, reader.Next(&record));
    if (!more) break;
    if (!absl::StartsWith(record.json, "{")) {
      return Error(absl::StatusCode::kInvalidArgument, "BAD_JSON",
                   absl::StrCat("\"", record.name,
                                "\" is no record; for a file with one record, give its NAME"));
    }
    v1::PutOperation* put = request->add_operations()->mutable_put();
    put->set_name(record.name);
    put->set_json(record.json);
    put->set_mode(mode);
  }
  if (request->operations().empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_JSON",
                 absl::StrCat(path, ": there are no records"));
  }
  return CheckRequestSize(*request, "; use: modelrefctl category import");
}

absl::StatusOr<WriteOutcome> PutMany(Invocation& invocation, const std::string& path,
                                     const v1::WriteOptions& options) {
  v1::WriteModelsRequest request;
  request.set_category(invocation.arguments()[0]);
  request.set_format(invocation.settings().format);
  *request.mutable_options() = options;
  ASSIGN_OR_RETURN(*request.mutable_if_match(), IfMatch(invocation));
  ASSIGN_OR_RETURN(const v1::WriteMode mode, ModeOf(invocation.line()));
  RETURN_IF_ERROR(AddOperations(path, mode, invocation.host(), &request));
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  const absl::StatusOr<v1::WriteModelsResponse> response = client->WriteModels(request);
  if (!response.ok()) return WriteError(invocation, response.status(), options.request_id());
  WriteOutcome outcome = MakeOutcome(*response, options.request_id());
  for (const v1::OperationResult& result : response->operations()) {
    outcome.models.push_back(
        {result.name(), result.changed() ? "written" : "unchanged", result.etag()});
  }
  if (response->has_queued()) {
    for (const v1::WriteOperation& operation : request.operations()) {
      outcome.models.push_back({operation.put().name(), "queued", ""});
    }
  }
  return outcome;
}

absl::StatusOr<WriteOutcome> Put(Invocation& invocation, const v1::WriteOptions& options) {
  ASSIGN_OR_RETURN(const std::string path, FileArgument(invocation));
  const bool is_one = invocation.arguments().size() == 2;
  return is_one ? PutOne(invocation, path, options) : PutMany(invocation, path, options);
}

absl::Status RunPut(Invocation& invocation) {
  ASSIGN_OR_RETURN(const WriteOutcome outcome, Put(invocation, MakeWriteOptions(invocation)));
  return PrintOutcome(invocation, outcome);
}

absl::Status RunDiff(Invocation& invocation) {
  v1::WriteOptions options = MakeWriteOptions(invocation);
  options.set_validate_only(true);
  ASSIGN_OR_RETURN(const WriteOutcome outcome, Put(invocation, options));
  RETURN_IF_ERROR(PrintOutcome(invocation, outcome));
  if (outcome.validated.has_value() && WouldChange(*outcome.validated)) {
    invocation.set_exit_code(static_cast<int>(ExitCode::kDifferent));
  }
  return absl::OkStatus();
}

}  // namespace

CommandSpec ModelPutCommand() {
  CommandSpec put;
  put.path = "model put";
  put.arguments = "CATEGORY [NAME] -f FILE";
  put.min_arguments = 1;
  put.max_arguments = 2;
  put.argument_kinds = {ArgumentKind::kCategory, ArgumentKind::kModel};
  put.summary = "Create or replace a model, or all models of a file";
  put.details =
      "FILE (- is stdin) holds the record; without NAME, an object of records by name as\n"
      "category get prints it, and all are written or none. A server that cannot be reached\n"
      "for a moment is asked again until --timeout, and nothing is written twice.\n"
      "Exit status: 7 the record is invalid, 5 it exists, or is not the one of --if-match,\n"
      "3 there is none to update, 4 not allowed, 6 it waits for a review.";
  put.first_example = "modelrefctl model put esrgan 'Heron x8' -f heron.json";
  put.second_example = "modelrefctl model put esrgan -f models.json --create-only --dry-run";
  put.flags = WriteFlags();
  put.flags.insert(put.flags.begin(), FileFlag("The content; - is stdin"));
  put.flags.push_back({"create-only", "", "Only if there is no such model"});
  put.flags.push_back({"update-only", "", "Only if there is such a model"});
  put.flags.push_back(IfMatchFlag("Only if the record (without NAME: the document) has this etag"));
  put.outputs = WriteOutputs();
  put.writes = true;
  put.run = &RunPut;
  return put;
}

CommandSpec ModelDiffCommand() {
  CommandSpec diff;
  diff.path = "model diff";
  diff.arguments = "CATEGORY [NAME] -f FILE";
  diff.min_arguments = 1;
  diff.max_arguments = 2;
  diff.argument_kinds = {ArgumentKind::kCategory, ArgumentKind::kModel};
  diff.summary = "Show what model put would change, field by field";
  diff.details =
      "FILE is read as by model put. Nothing is written. Exit status: 0 nothing would change,\n"
      "10 something would, otherwise that of model put.";
  diff.first_example = "modelrefctl model diff esrgan 'Heron x2' -f heron.json";
  diff.second_example = "modelrefctl model diff esrgan -f - -o json";
  diff.flags = {FileFlag("The content; - is stdin"),
                IfMatchFlag("Only if the record (without NAME: the document) has this etag")};
  diff.outputs = WriteOutputs();
  diff.run = &RunDiff;
  return diff;
}

}  // namespace modelref::ctl
