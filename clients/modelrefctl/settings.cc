#include "clients/modelrefctl/settings.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/contexts.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/text.h"
#include "clients/modelrefctl/version.h"

namespace modelref::ctl {
namespace {

// The deadline ends them.
constexpr int kUnlimitedRetries = 1'000'000;

constexpr std::array<OutputMode, 7> kAllModes = {
    OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
    OutputMode::kJsonl, OutputMode::kYaml,  OutputMode::kName};

// Looks a setting up: flag, then variable.
class Lookup {
 public:
  Lookup(const CommandLine& line, const Host& host) : line_(line), host_(host) {}

  std::optional<std::string> Value(absl::string_view flag) const {
    if (std::optional<std::string> given = line_.Value(flag); given.has_value()) return given;
    for (const FlagSpec& spec : GlobalFlags()) {
      if (spec.name != flag || spec.variable.empty()) continue;
      std::optional<std::string> value = host_.variable(std::string(spec.variable));
      if (value.has_value() && !value->empty()) return value;
    }
    return std::nullopt;
  }
  bool IsOn(absl::string_view flag) const {
    const std::optional<std::string> value = Value(flag);
    return value.has_value() && *value != "0" && *value != "false";
  }

 private:
  const CommandLine& line_;
  const Host& host_;
};

absl::StatusOr<std::optional<Context>> FindContext(const Lookup& lookup, const Host& host) {
  const std::optional<std::string> wanted = lookup.Value("context");
  ASSIGN_OR_RETURN(ContextFile file, LoadContexts(ContextPath(host)));
  const std::string name = wanted.value_or(file.current);
  if (name.empty()) return std::optional<Context>();
  const Context* context = file.Find(name);
  if (context != nullptr) return std::optional<Context>(*context);
  return NoSuchContext(file, name);
}

OutputMode DefaultMode(const CommandSpec& command, const Host& host) {
  switch (command.default_output) {
    case DefaultOutput::kJson:
      return OutputMode::kJson;
    case DefaultOutput::kTableOrJsonl:
      return host.terminal.out ? OutputMode::kTable : OutputMode::kJsonl;
    case DefaultOutput::kTableOrPlain:
      break;
  }
  return host.terminal.out ? OutputMode::kTable : OutputMode::kPlain;
}

absl::Status ResolveOutput(const CommandLine& line, const Lookup& lookup, const Host& host,
                           Settings* settings) {
  settings->output = DefaultMode(*line.command, host);
  const std::optional<std::string> wanted = lookup.Value("output");
  if (!wanted.has_value()) return absl::OkStatus();
  std::vector<std::string> names;
  for (const OutputMode mode : line.command->outputs) {
    names.emplace_back(OutputModeName(mode));
    if (*wanted != names.back()) continue;
    settings->output = mode;
    settings->output_given = true;
    return absl::OkStatus();
  }
  // A variable is meant for many commands; where it does not fit it is no mistake.
  if (!line.Has("output")) {
    for (const OutputMode mode : kAllModes) {
      if (*wanted == OutputModeName(mode)) return absl::OkStatus();
    }
  }
  return UsageError(absl::StrCat("\"", line.command->path, "\" cannot print ", *wanted, "; choose ",
                                 names.empty() ? "no -o" : absl::StrJoin(names, ", ")));
}

void ResolveColor(const Lookup& lookup, const Host& host, Settings* settings) {
  const bool forced = host.variable("CLICOLOR_FORCE").value_or("0") != "0";
  const bool dumb = host.variable("TERM").value_or("") == "dumb";
  // NO_COLOR counts whatever its value is, unless it is empty (no-color.org).
  const bool refused = lookup.Value("no-color").has_value();
  settings->color = !refused && (forced || (host.terminal.out && !dumb));
  settings->progress = host.terminal.err && !dumb && !settings->quiet &&
                       host.variable("MODELREF_NO_PROGRESS").value_or("").empty();
}

absl::Status ResolveNumbers(const Lookup& lookup, Settings* settings) {
  if (const std::optional<std::string> text = lookup.Value("timeout"); text.has_value()) {
    settings->timeout = ParseUserDuration(*text);
    if (!settings->timeout.has_value() || *settings->timeout == absl::ZeroDuration()) {
      return UsageError(absl::StrCat("--timeout ", *text, ": write 500ms, 10s or 2m"));
    }
  }
  return absl::OkStatus();
}

absl::Status ResolveFormat(const CommandLine& line, const Lookup& lookup, Settings* settings) {
  const FlagSpec* flag = FindFlag(line.command, "format");
  // A command may give --format a meaning of its own.
  if (flag->variable.empty()) return absl::OkStatus();
  const std::optional<std::string> name = lookup.Value("format");
  if (!name.has_value()) return absl::OkStatus();
  settings->format = FormatFromName(*name);
  if (settings->format != v1::FORMAT_UNSPECIFIED) return absl::OkStatus();
  return UsageError(absl::StrCat("format ", *name, ": choose one of: legacy, v2"));
}

}  // namespace

v1::Format FormatFromName(absl::string_view name) {
  if (name == "legacy") return v1::FORMAT_LEGACY;
  if (name == "v2") return v1::FORMAT_V2;
  return v1::FORMAT_UNSPECIFIED;
}

std::string FormatLabel(v1::Format format) {
  if (format == v1::FORMAT_LEGACY) return "legacy";
  return format == v1::FORMAT_V2 ? "v2" : "-";
}

absl::StatusOr<Settings> ResolveSettings(const CommandLine& line, const Host& host) {
  const Lookup lookup(line, host);
  Settings settings;
  settings.quiet = line.Has("quiet");
  settings.grpc_exit = line.Has("grpc-exit");
  settings.truncate = !line.Has("no-truncate");
  settings.fields = line.Values("fields");
  ResolveColor(lookup, host, &settings);
  RETURN_IF_ERROR(ResolveOutput(line, lookup, host, &settings));
  RETURN_IF_ERROR(ResolveNumbers(lookup, &settings));
  RETURN_IF_ERROR(ResolveFormat(line, lookup, &settings));
  std::optional<Context> context;
  if (!line.command->offline) {
    ASSIGN_OR_RETURN(context, FindContext(lookup, host));
  }
  if (context.has_value()) settings.context = context->name;
  ClientOptions& client = settings.client;
  if (context.has_value() && !context->server.empty()) client.address = context->server;
  client.address = lookup.Value("server").value_or(client.address);
  client.allow_plaintext_credentials =
      line.Has("allow-plaintext-credentials") ||
      (context.has_value() && context->allow_plaintext_credentials);
  client.call_timeout = settings.timeout.value_or(client.call_timeout);
  client.transfer_timeout = settings.timeout.value_or(client.transfer_timeout);
  if (line.command->writes) {
    client.retry.max_attempts = kUnlimitedRetries;
    client.retry.max_backoff = absl::Seconds(1);
    client.retry.budget_tokens = kUnlimitedRetries;
  }
  // Somebody who types wants to hear at once that nothing listens there.
  client.wait_for_ready = false;
  client.user_agent = absl::StrCat("modelrefctl/", Version());
  client.clock = host.clock;
  return settings;
}

absl::StatusOr<SecretFiles> ResolveSecretFiles(const CommandLine& line, const Host& host) {
  const Lookup lookup(line, host);
  ASSIGN_OR_RETURN(const std::optional<Context> found, FindContext(lookup, host));
  const Context context = found.value_or(Context());
  SecretFiles files;
  // One credential: the more specific place wins as a whole.
  const bool is_flag = line.Has("token-file") || line.Has("api-key-file");
  const std::string token = host.variable("MODELREF_TOKEN").value_or("");
  if (!token.empty() && !is_flag) {
    if (lookup.Value("token-file").has_value() || lookup.Value("api-key-file").has_value()) {
      return UsageError("set MODELREF_TOKEN or the variable of a file, not both");
    }
    files.token = token;
  } else if (lookup.Value("token-file").has_value() || lookup.Value("api-key-file").has_value()) {
    files.token_file = lookup.Value("token-file").value_or("");
    files.api_key_file = lookup.Value("api-key-file").value_or("");
  } else {
    files.token_file = context.token_file;
    files.api_key_file = context.api_key_file;
  }
  if (!files.token_file.empty() && !files.api_key_file.empty()) {
    return UsageError("give --token-file or --api-key-file, not both");
  }
  files.tls_ca = lookup.Value("tls-ca").value_or(context.tls_ca);
  files.tls_cert = lookup.Value("tls-cert").value_or(context.tls_cert);
  files.tls_key = lookup.Value("tls-key").value_or(context.tls_key);
  files.tls = lookup.IsOn("tls") || context.tls || !files.tls_ca.empty() || !files.tls_cert.empty();
  if (files.tls_cert.empty() != files.tls_key.empty()) {
    return UsageError("--tls-cert and --tls-key need each other");
  }
  return files;
}

}  // namespace modelref::ctl
