#include "clients/modelrefctl/model_fields.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/proto_json.h"
#include "clients/modelrefctl/suggestion.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

std::string CellOf(const Json& value) {
  if (const std::string* text = value.AsString(); text != nullptr) return *text;
  const JsonArray* array = value.AsArray();
  if (array == nullptr) return value.is_null() ? "" : CanonicalJson(value);
  std::vector<std::string> items;
  for (const Json& item : *array) items.push_back(CellOf(item));
  return absl::StrJoin(items, ",");
}

}  // namespace

absl::Status CheckFields(const std::vector<std::string>& fields) {
  const std::vector<std::string> known = FieldNames(*v1::Model::descriptor());
  for (const std::string& field : fields) {
    if (std::find(known.begin(), known.end(), field) != known.end()) continue;
    return UsageError(absl::StrCat("--fields: a model has no field \"", field, "\"",
                                   DidYouMean(field, known),
                                   "; choose from: ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

Json SelectFields(const v1::Model& model, const std::vector<std::string>& fields) {
  const JsonObject all = ProtoToObject(model);
  if (fields.empty()) return all;
  JsonObject chosen;
  for (const std::string& field : fields) {
    if (const Json* value = all.Find(field); value != nullptr) chosen.Set(field, *value);
  }
  return chosen;
}

std::vector<std::string> ModelRow(const v1::Model& model, const std::vector<Column>& columns,
                                  bool human) {
  const JsonObject object = ProtoToObject(model);
  std::vector<std::string> cells;
  for (const Column& column : columns) {
    const bool size = column.name == "size_on_disk_bytes" && model.size_on_disk_bytes() > 0;
    const Json* value = object.Find(column.name);
    if (human && size) {
      cells.push_back(HumanBytes(static_cast<uint64_t>(model.size_on_disk_bytes())));
    } else {
      cells.push_back(value != nullptr ? CellOf(*value) : "");
    }
  }
  return cells;
}

Table FieldTable(const Json& value) {
  Table table({{"field"}, {"value"}});
  if (value.AsObject() == nullptr) return table;
  for (const auto& [name, member] : value.AsObject()->members()) {
    table.AddRow({name, CellOf(member)});
  }
  return table;
}

}  // namespace modelref::ctl
