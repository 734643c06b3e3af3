// category list, category get, category stats; category metadata is in category_metadata.cc.

#include <string>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/category_get.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

std::string StateOf(const v1::CategorySummary& category) {
  if (category.damaged()) return "damaged";
  return category.stale() ? "stale" : "ok";
}

Table CategoryTable(const v1::ListCategoriesResponse& response, bool plain) {
  Table table({{"category"},
               {"format"},
               {"domain"},
               {"purpose", true},
               {"model_count", false, true},
               {"size_bytes", false, true},
               {"mod_revision", false, true},
               {"state"},
               {"etag", true}});
  for (const v1::CategorySummary& category : response.categories()) {
    table.AddRow({category.category(), FormatLabel(category.format()), category.domain(),
                  category.purpose(), absl::StrCat(category.model_count()),
                  plain ? absl::StrCat(category.size_bytes()) : HumanBytes(category.size_bytes()),
                  absl::StrCat(category.mod_revision()), StateOf(category),
                  ToHex(category.etag())});
  }
  return table;
}

absl::Status RunList(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  v1::ListCategoriesRequest request;
  request.set_format(invocation.settings().format);
  ASSIGN_OR_RETURN(const v1::ListCategoriesResponse response, client->ListCategories(request));
  for (const v1::CategorySummary& category : response.categories()) {
    if (category.unrepresentable_models().empty()) continue;
    invocation.Note(absl::StrCat("warning: ", category.category(), " has ",
                                 category.unrepresentable_models_size(),
                                 " records that cannot be served; see -o json"));
  }
  switch (invocation.output()) {
    case OutputMode::kJson:
    case OutputMode::kYaml:
      return invocation.PrintMessage(response);
    case OutputMode::kJsonl:
      for (const v1::CategorySummary& category : response.categories()) {
        RETURN_IF_ERROR(invocation.PrintLine(category));
      }
      return absl::OkStatus();
    case OutputMode::kName:
      for (const v1::CategorySummary& category : response.categories()) {
        RETURN_IF_ERROR(invocation.Print(category.category() + "\n"));
      }
      return absl::OkStatus();
    default:
      return invocation.PrintTable(
          CategoryTable(response, invocation.output() == OutputMode::kPlain));
  }
}

void AddCounts(const std::string& what,
               const google::protobuf::RepeatedPtrField<v1::ValueCount>& counts, Table* table) {
  for (const v1::ValueCount& count : counts) {
    table->AddRow({what, count.value(), absl::StrCat(count.count())});
  }
}

Table StatisticsTable(const v1::GetCategoryStatisticsResponse& response) {
  Table table({{"statistic"}, {"value"}, {"count", false, true}});
  const auto number = [&table](const char* name, auto value) {
    table.AddRow({name, "", absl::StrCat(value)});
  };
  number("total_models", response.total_models());
  number("nsfw_models", response.nsfw_models());
  number("total_downloads", response.total_downloads());
  number("downloads_without_sha256", response.downloads_without_sha256());
  number("total_size_bytes", response.total_size_bytes());
  number("models_with_size", response.models_with_size());
  number("models_with_parameters", response.models_with_parameters());
  if (response.has_parameters_min()) number("parameters_min", response.parameters_min());
  if (response.has_parameters_max()) number("parameters_max", response.parameters_max());
  AddCounts("baselines", response.baselines(), &table);
  AddCounts("styles", response.styles(), &table);
  AddCounts("tags", response.tags(), &table);
  AddCounts("download_hosts", response.download_hosts(), &table);
  return table;
}

absl::Status RunStats(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  v1::GetCategoryStatisticsRequest request;
  request.set_category(invocation.arguments()[0]);
  request.set_format(invocation.settings().format);
  ASSIGN_OR_RETURN(const v1::GetCategoryStatisticsResponse response,
                   client->GetCategoryStatistics(request));
  if (invocation.output() == OutputMode::kJson || invocation.output() == OutputMode::kYaml) {
    return invocation.PrintMessage(response);
  }
  if (invocation.output() == OutputMode::kJsonl) return invocation.PrintLine(response);
  return invocation.PrintTable(StatisticsTable(response));
}

CommandSpec ListSpec() {
  CommandSpec list;
  list.path = "category list";
  list.summary = "List the categories with size, revision and state";
  list.first_example = "modelrefctl category list";
  list.second_example = "modelrefctl category list -o jsonl";
  list.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
                  OutputMode::kJsonl, OutputMode::kYaml,  OutputMode::kName};
  list.run = &RunList;
  return list;
}

CommandSpec GetSpec() {
  CommandSpec get;
  get.path = "category get";
  get.arguments = "CATEGORY";
  get.min_arguments = get.max_arguments = 1;
  get.argument_kinds = {ArgumentKind::kCategory};
  get.summary = "Print a category: the document itself";
  get.details =
      "-o json (the default) is the stored document in canonical form, of any size; its\n"
      "etags are verified, and exit status 9 says that what was printed is damaged.\n"
      "-o jsonl is a line {\"name\":…,\"mod_revision\":…,\"etag\":…,\"record\":…} per model.\n"
      "-o table, plain and wide list the records; -o name their names.";
  get.first_example = "modelrefctl category get image_generation > image_generation.json";
  get.second_example = "modelrefctl category get controlnet --format legacy --raw";
  get.flags = {{"raw", "", "Print the exact text of the source (legacy format)"},
               {"representation", "FORM", "What to print; source-text is the same as --raw",
                "compact|source-text"},
               {"if-none-match", "ETAG", "Print nothing when this is still the etag (hexadecimal)"},
               {"force-refresh", "", "Make the server read its source anew first"}};
  get.outputs = {OutputMode::kJson,  OutputMode::kJsonl, OutputMode::kYaml, OutputMode::kName,
                 OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide};
  get.default_output = DefaultOutput::kJson;
  get.run = &RunCategoryGet;
  return get;
}

CommandSpec StatsSpec() {
  CommandSpec stats;
  stats.path = "category stats";
  stats.arguments = "CATEGORY";
  stats.min_arguments = stats.max_arguments = 1;
  stats.argument_kinds = {ArgumentKind::kCategory};
  stats.summary = "Count the models of a category by baseline, style and tag";
  stats.first_example = "modelrefctl category stats image_generation";
  stats.second_example = "modelrefctl category stats text_generation -o json";
  stats.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide,
                   OutputMode::kJson,  OutputMode::kJsonl, OutputMode::kYaml};
  stats.run = &RunStats;
  return stats;
}

}  // namespace

std::vector<CommandSpec> CategoryCommands() {
  return {ListSpec(), GetSpec(), StatsSpec(), CategoryMetadataCommand()};
}

}  // namespace modelref::ctl
