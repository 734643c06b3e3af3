#include "clients/modelrefctl/contexts.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/suggestion.h"

namespace modelref::ctl {
namespace {

constexpr uint64_t kMaxFileBytes = 1 << 20;

struct TextField {
  const char* name;
  std::string Context::*member;
};
struct SwitchField {
  const char* name;
  bool Context::*member;
};

constexpr TextField kTextFields[] = {
    {"server", &Context::server},
    {"token_file", &Context::token_file},
    {"api_key_file", &Context::api_key_file},
    {"tls_ca", &Context::tls_ca},
    {"tls_cert", &Context::tls_cert},
    {"tls_key", &Context::tls_key},
};
constexpr SwitchField kSwitchFields[] = {
    {"tls", &Context::tls},
    {"allow_plaintext_credentials", &Context::allow_plaintext_credentials},
};

std::string TextOf(const JsonObject& object, absl::string_view name) {
  const Json* value = object.Find(name);
  const std::string* text = value != nullptr ? value->AsString() : nullptr;
  return text != nullptr ? *text : "";
}

Context ReadContext(const std::string& name, const JsonObject& object) {
  Context context;
  context.name = name;
  for (const TextField& field : kTextFields) context.*field.member = TextOf(object, field.name);
  for (const SwitchField& field : kSwitchFields) {
    const Json* value = object.Find(field.name);
    context.*field.member = value != nullptr && value->AsBool() != nullptr && *value->AsBool();
  }
  return context;
}

JsonObject WriteContext(const Context& context) {
  JsonObject object;
  for (const TextField& field : kTextFields) {
    if (!(context.*field.member).empty()) object.Set(field.name, context.*field.member);
  }
  for (const SwitchField& field : kSwitchFields) {
    if (context.*field.member) object.Set(field.name, true);
  }
  return object;
}

absl::Status BadFile(const std::string& path, absl::string_view why) {
  return UsageError(
      absl::StrCat("cannot read the contexts in ", path, ": ", why, "; repair or delete the file"));
}

}  // namespace

const Context* ContextFile::Find(absl::string_view name) const {
  return const_cast<ContextFile*>(this)->Find(name);
}

Context* ContextFile::Find(absl::string_view name) {
  for (Context& context : contexts) {
    if (context.name == name) return &context;
  }
  return nullptr;
}

std::vector<std::string> ContextFile::Names() const {
  std::vector<std::string> names;
  for (const Context& context : contexts) names.push_back(context.name);
  return names;
}

std::string ContextPath(const Host& host) {
  std::string base = host.variable("XDG_CONFIG_HOME").value_or("");
  if (base.empty()) {
    const std::string home = host.variable("HOME").value_or("");
    if (home.empty()) return "";
    base = absl::StrCat(home, "/.config");
  }
  return absl::StrCat(base, "/modelrefctl/config.json");
}

absl::StatusOr<ContextFile> LoadContexts(const std::string& path) {
  ContextFile file;
  if (path.empty()) return file;
  const absl::StatusOr<std::string> text = ReadFileToString(path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return file;
  if (!text.ok()) return BadFile(path, text.status().message());
  const absl::StatusOr<Json> json = ParseJson(*text);
  if (!json.ok()) return BadFile(path, json.status().message());
  const JsonObject* root = json->AsObject();
  if (root == nullptr) return BadFile(path, "it is not a JSON object");
  file.current = TextOf(*root, "current");
  file.previous = TextOf(*root, "previous");
  const Json* contexts = root->Find("contexts");
  if (contexts == nullptr || contexts->AsObject() == nullptr) return file;
  for (const auto& [name, value] : contexts->AsObject()->members()) {
    if (value.AsObject() == nullptr) return BadFile(path, "a context is not a JSON object");
    file.contexts.push_back(ReadContext(name, *value.AsObject()));
  }
  return file;
}

absl::Status SaveContexts(const std::string& path, const ContextFile& file) {
  if (path.empty()) {
    return UsageError("no place to save contexts: set HOME or XDG_CONFIG_HOME");
  }
  JsonObject contexts;
  for (const Context& context : file.contexts) contexts.Set(context.name, WriteContext(context));
  JsonObject root;
  root.Set("current", file.current);
  root.Set("previous", file.previous);
  root.Set("contexts", std::move(contexts));
  RETURN_IF_ERROR(CreateDirectories(path.substr(0, path.rfind('/'))));
  return WriteFileDurably(path, FormatJson(Json(std::move(root)), JsonStyle{}) + "\n");
}

absl::Status NoSuchContext(const ContextFile& file, absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("there is no context \"", name, "\"",
                                          DidYouMean(name, file.Names()),
                                          "; see: modelrefctl context list"));
}

}  // namespace modelref::ctl
