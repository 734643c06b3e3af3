#include "service/config_builder.h"

#include <google/protobuf/descriptor.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/config_suggest.h"
#include "service/config_value.h"

namespace modelref {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool IsMessageField(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsDurationField(field);
}

// Settings that null switches off; everywhere else null is a mistake.
bool IsNullable(absl::string_view path) {
  return path == "cache.ttl" || path == "store.history_retain" || path == "redis.ttl";
}

std::string Join(const std::string& prefix, absl::string_view name) {
  return prefix.empty() ? std::string(name) : absl::StrCat(prefix, ".", name);
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

void VisitMessage(const Message& message, const std::string& prefix, const ConfigVisitor& visit) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string path = Join(prefix, field.name());
    if (!IsMessageField(field)) {
      visit(path, message, field);
    } else if (!field.is_repeated()) {
      VisitMessage(reflection.GetMessage(message, &field), path, visit);
    } else {
      for (int j = 0; j < reflection.FieldSize(message, &field); ++j) {
        VisitMessage(reflection.GetRepeatedMessage(message, &field, j),
                     absl::StrCat(path, "[", j, "]"), visit);
      }
    }
  }
}

}  // namespace

void ConfigBuilder::AddViolation(absl::string_view path, absl::string_view description) {
  violated_.insert(std::string(path));
  violations_.push_back({std::string(path), std::string(description)});
}

void ConfigBuilder::ApplyFile(const Json& root, const ConfigOrigin& origin) {
  const JsonObject* object = root.AsObject();
  if (object == nullptr) {
    AddViolation("", absl::StrCat("must be a JSON object (", DescribeOrigin(origin), ")"));
    return;
  }
  ApplyObject(&config_, *object, "", origin);
}

void ConfigBuilder::ApplyObject(Message* message, const JsonObject& object,
                                const std::string& prefix, const ConfigOrigin& origin) {
  const Descriptor& type = *message->GetDescriptor();
  for (const auto& [name, value] : object.members()) {
    const std::string path = Join(prefix, name);
    const FieldDescriptor* field = type.FindFieldByName(name);
    if (field == nullptr) {
      AddViolation(path, absl::StrCat("unknown setting", DidYouMean(name, FieldNames(type)), " (",
                                      DescribeOrigin(origin), ")"));
      continue;
    }
    ApplyField(message, *field, value, path, origin);
  }
}

void ConfigBuilder::ApplyField(Message* message, const FieldDescriptor& field, const Json& value,
                               const std::string& path, const ConfigOrigin& origin) {
  if (IsMessageField(field)) {
    if (field.is_repeated()) return ApplyMessageList(message, field, value, path, origin);
    const JsonObject* object = value.AsObject();
    if (object == nullptr) {
      AddViolation(path, absl::StrCat("must be an object (", DescribeOrigin(origin), ")"));
      return;
    }
    ApplyObject(message->GetReflection()->MutableMessage(message, &field), *object, path, origin);
    return;
  }
  if (const auto wrong = SetValue(message, field, value, IsNullable(path))) {
    AddViolation(path, absl::StrCat(*wrong, " (", DescribeOrigin(origin), ")"));
    return;
  }
  origins_[path] = origin;
}

void ConfigBuilder::ApplyMessageList(Message* message, const FieldDescriptor& field,
                                     const Json& value, const std::string& path,
                                     const ConfigOrigin& origin) {
  const JsonArray* array = value.AsArray();
  if (array == nullptr) {
    AddViolation(path, absl::StrCat("must be an array of objects (", DescribeOrigin(origin), ")"));
    return;
  }
  message->GetReflection()->ClearField(message, &field);
  origins_[path] = origin;
  for (size_t i = 0; i < array->size(); ++i) {
    const std::string element = absl::StrCat(path, "[", i, "]");
    const JsonObject* object = (*array)[i].AsObject();
    Message* added = message->GetReflection()->AddMessage(message, &field);
    if (object == nullptr) {
      AddViolation(element, absl::StrCat("must be an object (", DescribeOrigin(origin), ")"));
      continue;
    }
    ApplyObject(added, *object, element, origin);
  }
}

void ConfigBuilder::ApplyText(absl::string_view path, absl::string_view text,
                              const ConfigOrigin& origin) {
  const ConfigField target = FindConfigField(&config_, path);
  ApplyJson(path, target.field == nullptr ? Json(text) : TextToJson(*target.field, text), origin);
}

void ConfigBuilder::ApplyJson(absl::string_view path, const Json& value,
                              const ConfigOrigin& origin) {
  const ConfigField target = FindConfigField(&config_, path);
  if (target.field != nullptr) {
    ApplyField(target.message, *target.field, value, std::string(path), origin);
    return;
  }
  std::vector<std::string> paths;
  VisitConfig(config_, [&paths](const std::string& known, const Message&, const FieldDescriptor&) {
    paths.push_back(known);
  });
  AddViolation(path, absl::StrCat("unknown setting", DidYouMean(path, paths), " (",
                                  DescribeOrigin(origin), ")"));
}

void ConfigBuilder::Reset(absl::string_view path) {
  v1::ServerConfig defaults = DefaultConfig();
  const ConfigField from = FindConfigField(&defaults, path);
  const ConfigField to = FindConfigField(&config_, path);
  if (to.field == nullptr) return;
  // Swapping single fields works for every type; the rest of `defaults` is thrown away.
  to.message->GetReflection()->SwapFields(to.message, from.message, {to.field});
  origins_.erase(std::string(path));
}

ConfigOrigin ConfigBuilder::OriginOf(absl::string_view path) const {
  for (absl::string_view part = path; !part.empty();) {
    if (const auto found = origins_.find(std::string(part)); found != origins_.end()) {
      return found->second;
    }
    const size_t end = part.find_last_of(".[");
    part = end == absl::string_view::npos ? "" : part.substr(0, end);
  }
  return {};
}

std::string DescribeOrigin(const ConfigOrigin& origin) {
  switch (origin.layer) {
    case ConfigLayer::kDefault:
      return "default";
    case ConfigLayer::kFile:
      return absl::StrCat("file ", origin.name);
    case ConfigLayer::kSeedEnvironment:
    case ConfigLayer::kEnvironment:
      return absl::StrCat("environment ", origin.name);
    case ConfigLayer::kFlag:
      return absl::StrCat("flag ", origin.name);
  }
  return "unknown";
}

ConfigField FindConfigField(v1::ServerConfig* config, absl::string_view path) {
  Message* message = config;
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  for (size_t i = 0; i < names.size(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(names[i]);
    if (field == nullptr) return {};
    const bool last = i + 1 == names.size();
    if (last) return IsMessageField(*field) ? ConfigField{} : ConfigField{message, field};
    if (!IsMessageField(*field) || field->is_repeated()) return {};
    message = message->GetReflection()->MutableMessage(message, field);
  }
  return {};
}

void VisitConfig(const v1::ServerConfig& config, const ConfigVisitor& visit) {
  VisitMessage(config, "", visit);
}

}  // namespace modelref
