// model list, model get.

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/hex.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/model_fields.h"
#include "clients/modelrefctl/model_list.h"
#include "clients/modelrefctl/yaml.h"

namespace modelref::ctl {
namespace {

absl::StatusOr<v1::GetModelRequest> MakeGetRequest(const Invocation& invocation) {
  v1::GetModelRequest request;
  request.set_category(invocation.arguments()[0]);
  request.set_name(invocation.arguments()[1]);
  request.set_format(invocation.settings().format);
  const std::optional<std::string> etag = invocation.line().Value("if-none-match");
  if (etag.has_value()) {
    ASSIGN_OR_RETURN(const std::string bytes, ParseEtag(*etag));
    request.set_if_none_match(bytes);
  }
  if (invocation.line().Has("force-refresh")) request.mutable_read()->set_force_refresh(true);
  return request;
}

absl::Status VerifyModel(const v1::GetModelResponse& response) {
  if (AsBytes(Sha256(response.model().json())) == response.etag()) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, "INTEGRITY_FAILURE",
               "the model does not have the etag it came with");
}

// The record itself, or with --fields an object of the chosen fields of Model.
absl::StatusOr<Json> ModelJson(const Invocation& invocation, const v1::Model& model) {
  const std::vector<std::string>& fields = invocation.settings().fields;
  if (!fields.empty()) return SelectFields(model, fields);
  absl::StatusOr<Json> record = ParseJson(model.json());
  if (record.ok()) return record;
  return Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED", record.status().message());
}

absl::Status PrintModel(Invocation& invocation, const v1::Model& model) {
  const bool whole = invocation.settings().fields.empty();
  const bool indented = invocation.host().terminal.out && !invocation.settings().output_given;
  const bool json = invocation.output() == OutputMode::kJson;
  // Canonical bytes, exactly as they are stored.
  if (json && whole && !indented) return invocation.Print(model.json() + "\n");
  ASSIGN_OR_RETURN(const Json value, ModelJson(invocation, model));
  switch (invocation.output()) {
    case OutputMode::kYaml:
      return invocation.Print(FormatYaml(value));
    case OutputMode::kJsonl:
      return invocation.Print(CanonicalJson(value) + "\n");
    case OutputMode::kJson:
      return invocation.Print(FormatJson(value, JsonStyle{}) + "\n");
    default:
      return invocation.PrintTable(FieldTable(value));
  }
}

absl::Status RunGet(Invocation& invocation) {
  RETURN_IF_ERROR(CheckFields(invocation.settings().fields));
  ASSIGN_OR_RETURN(const v1::GetModelRequest request, MakeGetRequest(invocation));
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  ASSIGN_OR_RETURN(const v1::GetModelResponse response, client->GetModel(request));
  if (response.header().stale()) invocation.Note("warning: the category is stale");
  if (response.has_not_modified()) {
    invocation.Note(absl::StrCat("not modified: etag ", ToHex(response.etag())));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(VerifyModel(response));
  if (invocation.output() == OutputMode::kName) {
    return invocation.Print(response.model().name() + "\n");
  }
  return PrintModel(invocation, response.model());
}

CommandSpec GetSpec() {
  CommandSpec get;
  get.path = "model get";
  get.arguments = "CATEGORY NAME";
  get.min_arguments = get.max_arguments = 2;
  get.argument_kinds = {ArgumentKind::kCategory, ArgumentKind::kModel};
  get.summary = "Print the record of one model";
  get.details =
      "NAME is one word for the shell: quote spaces. Behind -- it may begin with a dash.\n"
      "-o json (the default) is the stored record in canonical form; with --fields an\n"
      "object of those fields of the Model message.";
  get.first_example = "modelrefctl model get image_generation 'AlbedoBase XL (SDXL)'";
  get.second_example = "modelrefctl model get image_generation Deliberate --fields baseline,nsfw";
  get.flags = {{"fields", "A,B", "Print only these fields of the Model message"},
               {"if-none-match", "ETAG", "Print nothing when this is still the etag"},
               {"force-refresh", "", "Make the server read its source anew first"}};
  get.outputs = {OutputMode::kJson,  OutputMode::kJsonl, OutputMode::kYaml, OutputMode::kTable,
                 OutputMode::kPlain, OutputMode::kWide,  OutputMode::kName};
  get.default_output = DefaultOutput::kJson;
  get.run = &RunGet;
  return get;
}

CommandSpec ListSpec() {
  CommandSpec list;
  list.path = "model list";
  list.arguments = "CATEGORY";
  list.min_arguments = list.max_arguments = 1;
  list.argument_kinds = {ArgumentKind::kCategory};
  list.summary = "List the models of a category that meet every condition";
  list.details =
      "Conditions may hold lists with commas: --baseline a,b is a or b. All pages are\n"
      "read unless --limit ends the listing.";
  list.first_example = "modelrefctl model list image_generation --baseline stable_diffusion_xl";
  list.second_example = "modelrefctl model list text_generation --order parameters-desc --limit 10";
  list.flags = ModelListFlags();
  list.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
                  OutputMode::kJsonl, OutputMode::kYaml,  OutputMode::kName};
  list.run = &RunModelList;
  return list;
}

}  // namespace

std::vector<CommandSpec> ModelCommands() { return {ListSpec(), GetSpec()}; }

}  // namespace modelref::ctl
