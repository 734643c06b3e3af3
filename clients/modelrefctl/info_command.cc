#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/proto_json.h"
#include "clients/modelrefctl/server_commands.h"

namespace modelref::ctl {
namespace {

// A tree as rows of a dotted path and a value. Lists of scalars are one cell.
class Flattener {
 public:
  explicit Flattener(Table* table) : table_(table) {}

  void Add(const std::string& path, const Json& value) {
    if (const JsonObject* object = value.AsObject(); object != nullptr) {
      for (const auto& [name, member] : object->members()) {
        Add(path.empty() ? name : absl::StrCat(path, ".", name), member);
      }
    } else if (const JsonArray* array = value.AsArray(); array != nullptr) {
      AddList(path, *array);
    } else {
      table_->AddRow({path, Cell(value)});
    }
  }

 private:
  static std::string Cell(const Json& value) {
    const std::string* text = value.AsString();
    return text != nullptr ? *text : CanonicalJson(value);
  }

  static const std::string* TextOf(const JsonObject& object, absl::string_view name) {
    const Json* value = object.Find(name);
    return value != nullptr ? value->AsString() : nullptr;
  }

  // Names tell the entries of a list apart better than numbers do.
  static std::string KeyOf(const JsonObject& object, size_t index) {
    const std::string* const category = TextOf(object, "category");
    const std::string* const format = TextOf(object, "format");
    if (category != nullptr && format != nullptr) {
      return absl::StrCat(*category, "/", ShortEnumName("FORMAT_", *format));
    }
    for (const char* key : {"name", "method"}) {
      if (const std::string* const text = TextOf(object, key); text != nullptr) return *text;
    }
    return absl::StrCat(index);
  }

  void AddList(const std::string& path, const JsonArray& array) {
    std::vector<std::string> scalars;
    for (size_t i = 0; i < array.size(); ++i) {
      const JsonObject* object = array[i].AsObject();
      if (object != nullptr) {
        Add(absl::StrCat(path, "[", KeyOf(*object, i), "]"), array[i]);
      } else {
        scalars.push_back(Cell(array[i]));
      }
    }
    if (!scalars.empty()) table_->AddRow({path, absl::StrJoin(scalars, ", ")});
  }

  Table* const table_;
};

absl::Status PrintTree(Invocation& invocation, const google::protobuf::Message& message) {
  switch (invocation.output()) {
    case OutputMode::kJson:
    case OutputMode::kYaml:
      return invocation.PrintMessage(message);
    case OutputMode::kJsonl:
      return invocation.PrintLine(message);
    default: {
      Table table({{"field"}, {"value"}});
      Flattener(&table).Add("", ProtoToJson(message));
      return invocation.PrintTable(table);
    }
  }
}

}  // namespace

absl::Status RunInfo(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  ASSIGN_OR_RETURN(const v1::GetServerInfoResponse response, client->GetServerInfo());
  return PrintTree(invocation, response);
}

absl::Status RunWhoAmI(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  ASSIGN_OR_RETURN(const v1::WhoAmIResponse response, client->WhoAmI());
  return PrintTree(invocation, response);
}

absl::Status RunStats(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  ASSIGN_OR_RETURN(const v1::GetStatisticsResponse response, client->GetStatistics());
  return PrintTree(invocation, response);
}

}  // namespace modelref::ctl
