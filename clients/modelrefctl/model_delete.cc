// model delete.

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/confirm.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/model_writes.h"
#include "clients/modelrefctl/text.h"
#include "clients/modelrefctl/write_flags.h"
#include "clients/modelrefctl/write_report.h"

namespace modelref::ctl {
namespace {

constexpr int kShownNames = 5;

// The models that are to go; what is not there is left for the server to say.
absl::StatusOr<std::map<std::string, v1::Model>> ReadModels(Client& client,
                                                            const v1::WriteModelsRequest& request) {
  v1::BatchGetModelsRequest batch;
  batch.set_category(request.category());
  batch.set_format(request.format());
  for (const auto& operation : request.operations()) batch.add_names(operation.delete_().name());
  std::map<std::string, v1::Model> models;
  while (!batch.names().empty()) {
    ASSIGN_OR_RETURN(v1::BatchGetModelsResponse response, client.BatchGetModels(batch));
    for (v1::Model& model : *response.mutable_models()) {
      const std::string name = model.name();
      models.emplace(name, std::move(model));
    }
    if (response.truncated_size() == batch.names_size()) {
      return Error(absl::StatusCode::kInternal, "INTERNAL", "the server leaves out every model");
    }
    batch.clear_names();
    for (const std::string& name : response.truncated()) batch.add_names(name);
  }
  return models;
}

// Shows what goes and asks. What is confirmed is what is deleted: each by its etag.
absl::Status ConfirmDelete(Invocation& invocation, Client& client,
                           v1::WriteModelsRequest* request) {
  ASSIGN_OR_RETURN(const auto models, ReadModels(client, *request));
  uint64_t bytes = 0;
  std::vector<std::string> names;
  for (v1::WriteOperation& operation : *request->mutable_operations()) {
    const auto found = models.find(operation.delete_().name());
    if (found == models.end()) {
      return Error(absl::StatusCode::kNotFound, "MODEL_NOT_FOUND",
                   absl::StrCat("\"", operation.delete_().name(), "\": there is no such model"));
    }
    const std::string& json = found->second.json();
    bytes += json.size();
    names.push_back(found->first);
    v1::DeleteOperation* deletion = operation.mutable_delete_();
    if (!deletion->if_match().empty()) continue;
    const Sha256Digest etag = Sha256(json);
    deletion->set_if_match(std::string(AsBytes(etag)));
  }
  const int total = static_cast<int>(names.size());
  if (total > kShownNames) names.resize(kShownNames);
  return Confirm(
      invocation,
      absl::StrCat("Delete ", total, total == 1 ? " model (" : " models (", HumanBytes(bytes),
                   ") of ", request->category(), " on ", invocation.settings().client.address, ": ",
                   absl::StrJoin(names, ", "), total > kShownNames ? ", …" : "", "?"));
}

absl::StatusOr<v1::WriteModelsRequest> MakeRequest(const Invocation& invocation) {
  v1::WriteModelsRequest request;
  request.set_category(invocation.arguments()[0]);
  request.set_format(invocation.settings().format);
  *request.mutable_options() = MakeWriteOptions(invocation);
  ASSIGN_OR_RETURN(const std::string if_match, IfMatch(invocation));
  const bool is_one = invocation.arguments().size() == 2;
  for (size_t i = 1; i < invocation.arguments().size(); ++i) {
    v1::DeleteOperation* deletion = request.add_operations()->mutable_delete_();
    deletion->set_name(invocation.arguments()[i]);
    if (is_one) deletion->set_if_match(if_match);
  }
  if (!is_one) request.set_if_match(if_match);
  return request;
}

absl::Status RunDelete(Invocation& invocation) {
  ASSIGN_OR_RETURN(v1::WriteModelsRequest request, MakeRequest(invocation));
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  if (!request.options().validate_only() && MayAsk(invocation)) {
    RETURN_IF_ERROR(ConfirmDelete(invocation, *client, &request));
  }
  const std::string& id = request.options().request_id();
  const absl::StatusOr<v1::WriteModelsResponse> response = client->WriteModels(request);
  if (!response.ok()) return WriteError(invocation, response.status(), id);
  WriteOutcome outcome = MakeOutcome(*response, id);
  for (const v1::WriteOperation& operation : request.operations()) {
    outcome.models.push_back(
        {operation.delete_().name(), response->has_queued() ? "queued" : "deleted", ""});
  }
  return PrintOutcome(invocation, outcome);
}

}  // namespace

CommandSpec ModelDeleteCommand() {
  CommandSpec spec;
  spec.path = "model delete";
  spec.arguments = "CATEGORY NAME...";
  spec.min_arguments = 2;
  spec.max_arguments = -1;
  spec.argument_kinds = {ArgumentKind::kCategory, ArgumentKind::kModel};
  spec.summary = "Delete models: all that are named, or none";
  spec.details =
      "On a terminal it shows what goes and asks first; the models must then be as they were\n"
      "shown. Exit status: 3 there is no such model, 5 it is not the one of --if-match,\n"
      "4 not allowed, 6 it waits for a review.";
  spec.first_example = "modelrefctl model delete esrgan 'Heron x2'";
  spec.second_example = "modelrefctl model delete esrgan 'Heron x2' 'Heron x4' --dry-run";
  spec.flags = WriteFlags();
  spec.flags.push_back(IfMatchFlag("Only if the record (of several: the document) has this etag"));
  spec.flags.push_back(YesFlag());
  spec.outputs = WriteOutputs();
  spec.writes = true;
  spec.run = &RunDelete;
  return spec;
}

}  // namespace modelref::ctl
