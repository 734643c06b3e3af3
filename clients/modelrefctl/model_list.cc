#include "clients/modelrefctl/model_list.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/model_fields.h"
#include "clients/modelrefctl/proto_json.h"

namespace modelref::ctl {
namespace {

constexpr int32_t kMaxPageSize = 1000;

struct OrderName {
  const char* name;
  v1::ModelOrder order;
};
constexpr OrderName kOrders[] = {
    {"stored", v1::MODEL_ORDER_UNSPECIFIED},
    {"name", v1::MODEL_ORDER_NAME},
    {"name-desc", v1::MODEL_ORDER_NAME_DESC},
    {"parameters", v1::MODEL_ORDER_PARAMETERS},
    {"parameters-desc", v1::MODEL_ORDER_PARAMETERS_DESC},
    {"size", v1::MODEL_ORDER_SIZE},
    {"size-desc", v1::MODEL_ORDER_SIZE_DESC},
    {"newest", v1::MODEL_ORDER_MOD_REVISION_DESC},
};
constexpr char kOrderChoices[] =
    "stored|name|name-desc|parameters|parameters-desc|size|size-desc|newest";

v1::ModelOrder OrderFromName(const std::string& name) {
  for (const OrderName& order : kOrders) {
    if (name == order.name) return order.order;
  }
  return v1::MODEL_ORDER_UNSPECIFIED;
}

absl::StatusOr<std::optional<int64_t>> NumberFlag(const CommandLine& line, absl::string_view flag) {
  const std::optional<std::string> text = line.Value(flag);
  if (!text.has_value()) return std::optional<int64_t>();
  int64_t number = 0;
  if (absl::SimpleAtoi(*text, &number) && number >= 0) return std::optional<int64_t>(number);
  return UsageError(absl::StrCat("--", flag, " ", *text, ": write a whole number from 0"));
}

absl::Status FillFilter(const CommandLine& line, v1::ModelFilter* filter) {
  filter->set_name_contains(line.Value("name-contains").value_or(""));
  for (std::string& value : line.Values("baseline")) filter->add_baselines(std::move(value));
  for (std::string& value : line.Values("style")) filter->add_styles(std::move(value));
  for (std::string& value : line.Values("tag")) filter->add_tags_any(std::move(value));
  for (std::string& value : line.Values("all-tags")) filter->add_tags_all(std::move(value));
  for (std::string& value : line.Values("no-tag")) filter->add_tags_none(std::move(value));
  if (const std::optional<std::string> nsfw = line.Value("nsfw"); nsfw.has_value()) {
    filter->set_nsfw(*nsfw == "true");
  }
  ASSIGN_OR_RETURN(const std::optional<int64_t> least, NumberFlag(line, "min-parameters"));
  if (least.has_value()) filter->set_parameters_min(*least);
  ASSIGN_OR_RETURN(const std::optional<int64_t> most, NumberFlag(line, "max-parameters"));
  if (most.has_value()) filter->set_parameters_max(*most);
  return absl::OkStatus();
}

bool PrintsWholeModels(OutputMode mode) {
  return mode == OutputMode::kJson || mode == OutputMode::kJsonl || mode == OutputMode::kYaml;
}

std::vector<Column> ChooseColumns(const Invocation& invocation) {
  std::vector<Column> columns;
  for (const std::string& field : invocation.settings().fields) columns.push_back({field});
  if (!columns.empty()) return columns;
  return {{"name"},
          {"baseline"},
          {"nsfw"},
          {"style", true},
          {"parameters", true, true},
          {"size_on_disk_bytes", false, true},
          {"mod_revision", true, true},
          {"tags", true},
          {"description"}};
}

// The fields the output needs; empty: all.
std::vector<std::string> ChooseReadMask(const Invocation& invocation) {
  if (!invocation.settings().fields.empty()) return invocation.settings().fields;
  if (PrintsWholeModels(invocation.output())) return {};
  if (invocation.output() == OutputMode::kName) return {"name"};
  std::vector<std::string> mask;
  for (const Column& column : ChooseColumns(invocation)) mask.push_back(column.name);
  return mask;
}

absl::StatusOr<v1::ListModelsRequest> MakeRequest(const Invocation& invocation) {
  const CommandLine& line = invocation.line();
  v1::ListModelsRequest request;
  request.set_category(invocation.arguments()[0]);
  request.set_format(invocation.settings().format);
  RETURN_IF_ERROR(FillFilter(line, request.mutable_filter()));
  request.set_order(OrderFromName(line.Value("order").value_or("")));
  request.set_page_size(kMaxPageSize);
  request.set_page_token(line.Value("page-token").value_or(""));
  for (std::string& field : ChooseReadMask(invocation)) request.add_read_mask(std::move(field));
  return request;
}

// Prints models as they come, or keeps them for the end.
class ModelPrinter {
 public:
  explicit ModelPrinter(Invocation& invocation)
      : invocation_(invocation), table_(ChooseColumns(invocation)) {}

  absl::Status Add(const v1::Model& model) {
    switch (invocation_.output()) {
      case OutputMode::kJson:
      case OutputMode::kYaml:
        models_.push_back(SelectFields(model, invocation_.settings().fields));
        return absl::OkStatus();
      case OutputMode::kJsonl:
        return invocation_.Print(CanonicalJson(SelectFields(model, invocation_.settings().fields)) +
                                 "\n");
      case OutputMode::kName:
        return invocation_.Print(model.name() + "\n");
      case OutputMode::kPlain:
        return invocation_.Print(PlainLine(ModelRow(model, table_.columns(), false)));
      default:
        table_.AddRow(ModelRow(model, table_.columns(), true));
        return absl::OkStatus();
    }
  }

  // `last` is the last page without its models.
  absl::Status Finish(const v1::ListModelsResponse& last) {
    const OutputMode mode = invocation_.output();
    if (mode == OutputMode::kTable || mode == OutputMode::kWide) {
      return invocation_.PrintTable(table_);
    }
    if (mode != OutputMode::kJson && mode != OutputMode::kYaml) return absl::OkStatus();
    JsonObject all = ProtoToObject(last);
    all.Set("models", std::move(models_));
    return invocation_.PrintValue(std::move(all));
  }

 private:
  Invocation& invocation_;
  Table table_;
  JsonArray models_;
};

absl::Status PrintPages(Invocation& invocation, ModelPages pages, int64_t limit) {
  ModelPrinter printer(invocation);
  v1::ListModelsResponse page;
  int64_t printed = 0;
  for (;;) {
    v1::ListModelsResponse next;
    ASSIGN_OR_RETURN(const bool more, pages.Next(&next));
    if (!more) break;
    page = std::move(next);
    for (const v1::Model& model : page.models()) RETURN_IF_ERROR(printer.Add(model));
    printed += page.models_size();
    page.clear_models();
    if (printed >= limit) break;
    pages.set_page_size(static_cast<int32_t>(std::min<int64_t>(kMaxPageSize, limit - printed)));
  }
  page.set_snapshot_changed(pages.snapshot_changed());
  if (pages.snapshot_changed()) {
    invocation.Note("warning: the category changed between two pages; models may be missing");
  }
  if (printed >= limit && !page.next_page_token().empty()) {
    invocation.Note(absl::StrCat(printed, " of ", page.total_matches(),
                                 " models; go on with --page-token ", page.next_page_token()));
  }
  return printer.Finish(page);
}

}  // namespace

std::vector<FlagSpec> ModelListFlags() {
  return {{"name-contains", "TEXT", "The name contains this text, in any case"},
          {"baseline", "A,B", "The baseline is one of these"},
          {"nsfw", "BOOL", "Only models with this flag", "true|false"},
          {"style", "A,B", "The style is one of these"},
          {"tag", "A,B", "At least one of these tags is present"},
          {"all-tags", "A,B", "All of these tags are present"},
          {"no-tag", "A,B", "None of these tags is present"},
          {"min-parameters", "N", "At least this many parameters"},
          {"max-parameters", "N", "At most this many parameters"},
          {"order", "ORDER", "How to sort", kOrderChoices},
          {"limit", "N", "Print at most this many models; default all"},
          {"page-token", "TOKEN", "Go on where --limit ended, with the same conditions"},
          {"fields", "A,B", "Print only these fields; the server sends no others"}};
}

absl::Status RunModelList(Invocation& invocation) {
  RETURN_IF_ERROR(CheckFields(invocation.settings().fields));
  ASSIGN_OR_RETURN(const std::optional<int64_t> limit, NumberFlag(invocation.line(), "limit"));
  ASSIGN_OR_RETURN(v1::ListModelsRequest request, MakeRequest(invocation));
  if (limit == 0) return UsageError("--limit 0 prints nothing; leave it out for all models");
  if (limit.has_value()) {
    request.set_page_size(static_cast<int32_t>(std::min<int64_t>(kMaxPageSize, *limit)));
  }
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  return PrintPages(invocation, client->ListModelPages(request),
                    limit.value_or(std::numeric_limits<int64_t>::max()));
}

}  // namespace modelref::ctl
