// category metadata: counters and times, and filling in what is missing of them.

#include <string>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

std::string TimeText(bool is_set, const google::protobuf::Timestamp& time) {
  if (!is_set) return "";
  return FormatUtc(absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()));
}

std::string OperationName(v1::ModelOperation operation) {
  switch (operation) {
    case v1::MODEL_OPERATION_CREATE:
      return "create";
    case v1::MODEL_OPERATION_UPDATE:
      return "update";
    case v1::MODEL_OPERATION_DELETE:
      return "delete";
    default:
      return "";
  }
}

Table MetadataTable(const google::protobuf::RepeatedPtrField<v1::CategoryMetadata>& all) {
  Table table({{"category"},
               {"format"},
               {"last_updated"},
               {"last_operation_type"},
               {"last_operation_model"},
               {"total_creates", false, true},
               {"total_updates", false, true},
               {"total_deletes", false, true},
               {"total_models", false, true},
               {"error_count", false, true},
               {"mod_revision", false, true},
               {"initialization_time", true},
               {"last_successful_operation", true},
               {"etag", true}});
  for (const v1::CategoryMetadata& one : all) {
    table.AddRow({one.category(), FormatLabel(one.format()),
                  TimeText(one.has_last_updated(), one.last_updated()),
                  OperationName(one.last_operation_type()), one.last_operation_model(),
                  absl::StrCat(one.total_creates()), absl::StrCat(one.total_updates()),
                  absl::StrCat(one.total_deletes()), absl::StrCat(one.total_models()),
                  absl::StrCat(one.error_count()), absl::StrCat(one.mod_revision()),
                  TimeText(one.has_initialization_time(), one.initialization_time()),
                  TimeText(one.has_last_successful_operation(), one.last_successful_operation()),
                  ToHex(one.etag())});
  }
  return table;
}

template <typename Response, typename Rows>
absl::Status PrintRows(Invocation& invocation, const Response& response, const Rows& rows,
                       Table (*make_table)(const Rows&)) {
  switch (invocation.output()) {
    case OutputMode::kJson:
    case OutputMode::kYaml:
      return invocation.PrintMessage(response);
    case OutputMode::kJsonl:
      for (const auto& row : rows) RETURN_IF_ERROR(invocation.PrintLine(row));
      return absl::OkStatus();
    default:
      return invocation.PrintTable(make_table(rows));
  }
}

Table PopulationTable(const google::protobuf::RepeatedPtrField<v1::CategoryPopulation>& results) {
  Table table({{"category"},
               {"category_metadata_initialized"},
               {"legacy_metadata_initialized"},
               {"models_updated", false, true},
               {"timestamp_used"},
               {"error"}});
  for (const v1::CategoryPopulation& one : results) {
    table.AddRow({one.category(), one.category_metadata_initialized() ? "yes" : "no",
                  one.legacy_metadata_initialized() ? "yes" : "no",
                  absl::StrCat(one.models_updated()),
                  TimeText(one.has_timestamp_used(), one.timestamp_used()), one.error()});
  }
  return table;
}

absl::Status Populate(Invocation& invocation, Client& client) {
  v1::PopulateMetadataRequest request;
  for (const std::string& category : invocation.arguments()) request.add_categories(category);
  request.set_validate_only(invocation.line().Has("dry-run"));
  ASSIGN_OR_RETURN(const v1::PopulateMetadataResponse response, client.PopulateMetadata(request));
  RETURN_IF_ERROR(PrintRows(invocation, response, response.results(), &PopulationTable));
  for (const v1::CategoryPopulation& one : response.results()) {
    if (one.error().empty()) continue;
    return Error(absl::StatusCode::kDataLoss, "DATA_LOSS",
                 absl::StrCat(one.category(), " was left as it is: ", one.error()));
  }
  return absl::OkStatus();
}

absl::Status RunMetadata(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  if (invocation.line().Has("populate")) return Populate(invocation, *client);
  if (invocation.line().Has("dry-run")) {
    return absl::InvalidArgumentError("--dry-run goes with --populate");
  }
  v1::ListCategoryMetadataResponse response;
  if (invocation.arguments().empty()) {
    v1::ListCategoryMetadataRequest request;
    request.set_format(invocation.settings().format);
    ASSIGN_OR_RETURN(response, client->ListCategoryMetadata(request));
    return PrintRows(invocation, response, response.metadata(), &MetadataTable);
  }
  v1::GetCategoryMetadataRequest request;
  request.set_category(invocation.arguments()[0]);
  request.set_format(invocation.settings().format);
  ASSIGN_OR_RETURN(const v1::GetCategoryMetadataResponse one, client->GetCategoryMetadata(request));
  *response.add_metadata() = one.metadata();
  return PrintRows(invocation, one, response.metadata(), &MetadataTable);
}

}  // namespace

CommandSpec CategoryMetadataCommand() {
  CommandSpec metadata;
  metadata.path = "category metadata";
  metadata.arguments = "[CATEGORY]";
  metadata.max_arguments = 1;
  metadata.argument_kinds = {ArgumentKind::kCategory};
  metadata.summary = "Show when categories changed last and how often, or fill that in";
  metadata.details =
      "The counters and times by the original's names; those of all categories without\n"
      "CATEGORY. --populate begins the metadata of categories that have none and gives the\n"
      "models that lack them created_at and updated_at; it needs the admin role. What was\n"
      "filled in once is left alone.";
  metadata.first_example = "modelrefctl category metadata image_generation";
  metadata.second_example = "modelrefctl category metadata --populate --dry-run";
  metadata.flags = {{"populate", "", "Fill in what is missing"},
                    {"dry-run", "", "With --populate: say only what would be done"}};
  metadata.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide,
                      OutputMode::kJson,  OutputMode::kJsonl, OutputMode::kYaml};
  metadata.run = &RunMetadata;
  return metadata;
}

}  // namespace modelref::ctl
