// context add, select, show, list, delete.

#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/address.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/contexts.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/invocation.h"

namespace modelref::ctl {
namespace {

constexpr size_t kMaxNameBytes = 64;

absl::Status CheckName(const std::string& name) {
  const bool fine = !name.empty() && name.size() <= kMaxNameBytes && name[0] != '-' &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
                             c == '_' || c == '.';
                    });
  if (fine) return absl::OkStatus();
  return UsageError(absl::StrCat("\"", name,
                                 "\" cannot name a context: use letters, digits, "
                                 "'-', '_' and '.', at most ",
                                 kMaxNameBytes));
}

// Files are named by their full path: a context is used from every folder.
std::string FullPath(const Invocation& invocation, absl::string_view flag) {
  const std::string path = invocation.line().Value(flag).value_or("");
  if (path.empty() || path[0] == '/') return path;
  char buffer[4096];
  return getcwd(buffer, sizeof buffer) != nullptr ? absl::StrCat(buffer, "/", path) : path;
}

absl::Status RunAdd(Invocation& invocation) {
  Context context;
  context.name = invocation.arguments()[0];
  RETURN_IF_ERROR(CheckName(context.name));
  context.server = invocation.line().Value("server").value_or("");
  if (context.server.empty()) return UsageError("context add needs --server ADDRESS");
  RETURN_IF_ERROR(ParseServerAddress(context.server).status());
  context.token_file = FullPath(invocation, "token-file");
  context.api_key_file = FullPath(invocation, "api-key-file");
  if (!context.token_file.empty() && !context.api_key_file.empty()) {
    return UsageError("give --token-file or --api-key-file, not both");
  }
  context.tls_ca = FullPath(invocation, "tls-ca");
  context.tls_cert = FullPath(invocation, "tls-cert");
  context.tls_key = FullPath(invocation, "tls-key");
  context.tls = invocation.line().Has("tls");
  context.allow_plaintext_credentials = invocation.line().Has("allow-plaintext-credentials");
  const std::string path = ContextPath(invocation.host());
  ASSIGN_OR_RETURN(ContextFile file, LoadContexts(path));
  if (Context* existing = file.Find(context.name); existing != nullptr) {
    *existing = context;
  } else {
    file.contexts.push_back(context);
  }
  if (file.current.empty()) file.current = context.name;
  RETURN_IF_ERROR(SaveContexts(path, file));
  invocation.Note(absl::StrCat("saved ", context.name, " in ", path,
                               file.current == context.name ? "; it is selected" : ""));
  return absl::OkStatus();
}

absl::Status RunSelect(Invocation& invocation) {
  const std::string path = ContextPath(invocation.host());
  ASSIGN_OR_RETURN(ContextFile file, LoadContexts(path));
  std::string name = invocation.arguments()[0];
  if (name == "-") {
    if (file.previous.empty()) return absl::NotFoundError("no context was selected before");
    name = file.previous;
  }
  if (file.Find(name) == nullptr) return NoSuchContext(file, name);
  if (name != file.current) file.previous = std::exchange(file.current, name);
  RETURN_IF_ERROR(SaveContexts(path, file));
  invocation.Note(absl::StrCat("selected ", name));
  return absl::OkStatus();
}

absl::Status RunDelete(Invocation& invocation) {
  const std::string& name = invocation.arguments()[0];
  const std::string path = ContextPath(invocation.host());
  ASSIGN_OR_RETURN(ContextFile file, LoadContexts(path));
  if (file.Find(name) == nullptr) return NoSuchContext(file, name);
  file.contexts.erase(std::find_if(file.contexts.begin(), file.contexts.end(),
                                   [&](const Context& context) { return context.name == name; }));
  if (file.current == name) file.current.clear();
  if (file.previous == name) file.previous.clear();
  return SaveContexts(path, file);
}

JsonObject ContextJson(const Context& context, bool selected) {
  JsonObject object;
  object.Set("name", context.name);
  object.Set("selected", selected);
  object.Set("server", context.server);
  object.Set("token_file", context.token_file);
  object.Set("api_key_file", context.api_key_file);
  object.Set("tls", context.tls || !context.tls_ca.empty() || !context.tls_cert.empty());
  object.Set("tls_ca", context.tls_ca);
  object.Set("tls_cert", context.tls_cert);
  object.Set("tls_key", context.tls_key);
  object.Set("allow_plaintext_credentials", context.allow_plaintext_credentials);
  return object;
}

std::string CredentialOf(const Context& context) {
  if (!context.token_file.empty()) return absl::StrCat("token in ", context.token_file);
  if (!context.api_key_file.empty()) return absl::StrCat("key in ", context.api_key_file);
  return "none";
}

absl::Status PrintContexts(Invocation& invocation, const ContextFile& file,
                           const std::vector<Context>& chosen) {
  Table table({{"selected"}, {"name"}, {"server"}, {"credential"}});
  JsonArray values;
  for (const Context& context : chosen) {
    const bool selected = context.name == file.current;
    const JsonObject value = ContextJson(context, selected);
    if (invocation.output() == OutputMode::kJsonl) {
      RETURN_IF_ERROR(invocation.Print(CanonicalJson(value) + "\n"));
    } else if (invocation.output() == OutputMode::kName) {
      RETURN_IF_ERROR(invocation.Print(context.name + "\n"));
    }
    table.AddRow({selected ? "*" : "", context.name, context.server, CredentialOf(context)});
    values.push_back(value);
  }
  switch (invocation.output()) {
    case OutputMode::kJson:
    case OutputMode::kYaml: {
      JsonObject root;
      root.Set("contexts", std::move(values));
      return invocation.PrintValue(std::move(root));
    }
    case OutputMode::kJsonl:
    case OutputMode::kName:
      return absl::OkStatus();
    default:
      return invocation.PrintTable(table);
  }
}

absl::Status RunList(Invocation& invocation) {
  ASSIGN_OR_RETURN(const ContextFile file, LoadContexts(ContextPath(invocation.host())));
  if (file.contexts.empty()) {
    invocation.Note("no contexts yet; run: modelrefctl context add NAME --server HOST:PORT");
  }
  return PrintContexts(invocation, file, file.contexts);
}

absl::Status RunShow(Invocation& invocation) {
  ASSIGN_OR_RETURN(const ContextFile file, LoadContexts(ContextPath(invocation.host())));
  const std::string name =
      invocation.arguments().empty() ? file.current : invocation.arguments()[0];
  if (name.empty()) return absl::NotFoundError("no context is selected");
  const Context* context = file.Find(name);
  if (context == nullptr) return NoSuchContext(file, name);
  return PrintContexts(invocation, file, {*context});
}

CommandSpec Spec(absl::string_view path, absl::string_view summary,
                 absl::Status (*run)(Invocation&)) {
  CommandSpec spec;
  spec.path = path;
  spec.summary = summary;
  spec.offline = true;
  spec.run = run;
  return spec;
}

void TakesName(CommandSpec* spec) {
  spec->arguments = "NAME";
  spec->min_arguments = spec->max_arguments = 1;
  spec->argument_kinds = {ArgumentKind::kContext};
}

std::vector<OutputMode> PrintModes() {
  return {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
          OutputMode::kJsonl, OutputMode::kYaml,  OutputMode::kName};
}

}  // namespace

std::vector<CommandSpec> ContextCommands() {
  CommandSpec add = Spec("context add", "Save a server under a name", &RunAdd);
  TakesName(&add);
  add.argument_kinds.clear();
  add.details =
      "Keeps --server and, by their file names, --token-file, --api-key-file and the --tls\n"
      "flags. Secrets stay in their files. The first context is selected at once.";
  add.first_example = "modelrefctl context add home --server 127.0.0.1:50051";
  add.second_example =
      "modelrefctl context add fleet --server ref.example.net:443 --tls --token-file ~/.modelref";
  CommandSpec select = Spec("context select", "Use a saved server from now on", &RunSelect);
  TakesName(&select);
  select.details = "The name \"-\" selects the one before.";
  select.first_example = "modelrefctl context select home";
  select.second_example = "modelrefctl context select -";
  CommandSpec show =
      Spec("context show", "Show a saved server; default the selected one", &RunShow);
  TakesName(&show);
  show.arguments = "[NAME]";
  show.min_arguments = 0;
  show.first_example = "modelrefctl context show";
  show.second_example = "modelrefctl context show home -o json";
  CommandSpec list = Spec("context list", "List the saved servers", &RunList);
  list.first_example = "modelrefctl context list";
  list.second_example = "modelrefctl context list -o name";
  show.outputs = list.outputs = PrintModes();
  CommandSpec remove = Spec("context delete", "Forget a saved server", &RunDelete);
  TakesName(&remove);
  remove.first_example = "modelrefctl context delete home";
  remove.second_example = "modelrefctl context delete fleet --quiet";
  return {add, select, show, list, remove};
}

}  // namespace modelref::ctl
