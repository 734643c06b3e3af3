#include "clients/modelrefctl/command_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/modelrefctl/commands.h"

namespace modelref::ctl {
namespace {

std::vector<CommandSpec> CollectCommands() {
  std::vector<CommandSpec> all;
  for (auto* group :
       {&CategoryCommands, &HeldCommands, &CategoryImportCommands, &ModelCommands,
        &ModelWriteCommands, &WatchCommands, &SyncCommands, &ServerCommands, &ImportCommands,
        &AuditCommands, &StoreCommands, &TokenCommands, &ContextCommands, &HelpCommands}) {
    std::vector<CommandSpec> commands = (*group)();
    std::move(commands.begin(), commands.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace

absl::string_view OutputModeName(OutputMode mode) {
  switch (mode) {
    case OutputMode::kTable:
      return "table";
    case OutputMode::kPlain:
      return "plain";
    case OutputMode::kWide:
      return "wide";
    case OutputMode::kJson:
      return "json";
    case OutputMode::kJsonl:
      return "jsonl";
    case OutputMode::kYaml:
      return "yaml";
    case OutputMode::kName:
      return "name";
  }
  return "";
}

const std::vector<FlagSpec>& GlobalFlags() {
  static const auto* const flags = new std::vector<FlagSpec>{
      {"server", "ADDRESS", "host:port, [ipv6]:port or unix:/path; default 127.0.0.1:50051", "",
       "MODELREF_SERVER", 's'},
      {"context", "NAME", "Use this saved context instead of the selected one", "",
       "MODELREF_CONTEXT"},
      {"timeout", "DURATION", "Longest wait, such as 500ms, 10s or 2m; default 10s", "",
       "MODELREF_TIMEOUT"},
      {"output", "MODE", "How to print; see: modelrefctl help formatting",
       "table|plain|wide|json|jsonl|yaml|name", "MODELREF_OUTPUT", 'o'},
      {"format", "FORMAT", "The form of the category; default: the server's own", "legacy|v2",
       "MODELREF_FORMAT"},
      {"token-file", "FILE", "Send the bearer token in this file", "", "MODELREF_TOKEN_FILE"},
      {"api-key-file", "FILE", "Send the API key in this file", "", "MODELREF_API_KEY_FILE"},
      {"tls", "", "Use TLS with the system's certificate authorities", "", "MODELREF_TLS"},
      {"tls-ca", "FILE", "Use TLS and trust the authorities in this PEM file", "",
       "MODELREF_TLS_CA"},
      {"tls-cert", "FILE", "Identify by this PEM certificate chain", "", "MODELREF_TLS_CERT"},
      {"tls-key", "FILE", "The PEM key of --tls-cert", "", "MODELREF_TLS_KEY"},
      {"allow-plaintext-credentials", "", "Send the token or key to another machine without TLS"},
      {"no-truncate", "", "Never cut columns of a table"},
      {"no-color", "", "No colours", "", "NO_COLOR"},
      {"quiet", "", "No hints and no progress on stderr; errors only", "", "", 'q'},
      {"grpc-exit", "", "Exit with 64 plus the gRPC code when the server fails a call"},
      {"help", "", "Print help", "", "", 'h'},
  };
  return *flags;
}

const std::vector<CommandSpec>& Commands() {
  static const auto* const commands = new std::vector<CommandSpec>(CollectCommands());
  return *commands;
}

const CommandSpec* FindCommand(const std::vector<std::string>& words, size_t* used) {
  for (size_t count = std::min<size_t>(2, words.size()); count > 0; --count) {
    const std::string path = count == 2 ? absl::StrCat(words[0], " ", words[1]) : words[0];
    for (const CommandSpec& command : Commands()) {
      if (command.path != path) continue;
      *used = count;
      return &command;
    }
  }
  return nullptr;
}

std::vector<std::string> Nouns() {
  std::vector<std::string> nouns;
  for (const CommandSpec& command : Commands()) {
    std::string noun(command.path.substr(0, command.path.find(' ')));
    if (nouns.empty() || nouns.back() != noun) nouns.push_back(std::move(noun));
  }
  return nouns;
}

std::vector<std::string> VerbsOf(absl::string_view noun) {
  std::vector<std::string> verbs;
  const std::string prefix = absl::StrCat(noun, " ");
  for (const CommandSpec& command : Commands()) {
    if (!absl::StartsWith(command.path, prefix)) continue;
    verbs.emplace_back(command.path.substr(prefix.size()));
  }
  return verbs;
}

const FlagSpec* FindFlag(const CommandSpec* command, absl::string_view name) {
  const auto find = [name](const std::vector<FlagSpec>& flags) -> const FlagSpec* {
    const auto found = std::find_if(flags.begin(), flags.end(),
                                    [name](const FlagSpec& flag) { return flag.name == name; });
    return found == flags.end() ? nullptr : &*found;
  };
  // A command's own flag comes first: `health --format` is not the global one.
  const FlagSpec* own = command != nullptr ? find(command->flags) : nullptr;
  return own != nullptr ? own : find(GlobalFlags());
}

}  // namespace modelref::ctl
