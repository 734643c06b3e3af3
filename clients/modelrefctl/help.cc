#include "clients/modelrefctl/help.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "clients/modelrefctl/command_table.h"

namespace modelref::ctl {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

// Two columns: a term and what it means.
std::string TwoColumns(const Lines& lines) {
  size_t width = 0;
  for (const auto& [term, meaning] : lines) width = std::max(width, term.size());
  std::string out;
  for (const auto& [term, meaning] : lines) {
    absl::StrAppend(&out, "  ", term, std::string(width - term.size() + 2, ' '), meaning, "\n");
  }
  return out;
}

std::string Examples(absl::string_view first, absl::string_view second) {
  return absl::StrCat("Examples:\n  ", first, "\n  ", second, "\n\n");
}

std::string FlagTerm(const FlagSpec& flag) {
  std::string term = absl::StrCat("--", flag.name);
  if (flag.letter != 0) term = absl::StrCat("-", std::string(1, flag.letter), ", ", term);
  if (!flag.value_name.empty()) absl::StrAppend(&term, " ", flag.value_name);
  return term;
}

std::string FlagMeaning(const FlagSpec& flag) {
  std::string meaning(flag.help);
  if (!flag.choices.empty()) {
    absl::StrAppend(&meaning, " (", absl::StrReplaceAll(flag.choices, {{"|", ", "}}), ")");
  }
  return meaning;
}

std::string FlagLines(const std::vector<FlagSpec>& flags) {
  Lines lines;
  for (const FlagSpec& flag : flags) lines.emplace_back(FlagTerm(flag), FlagMeaning(flag));
  return TwoColumns(lines);
}

std::string CommandHelp(const CommandSpec& command) {
  std::string out = Examples(command.first_example, command.second_example);
  absl::StrAppend(&out, command.summary, ".\n\nUsage: modelrefctl ", command.path,
                  command.arguments.empty() ? "" : " ", command.arguments, " [flags]\n");
  if (!command.details.empty()) absl::StrAppend(&out, "\n", command.details, "\n");
  if (!command.flags.empty()) absl::StrAppend(&out, "\nFlags:\n", FlagLines(command.flags));
  std::vector<std::string> modes;
  for (const OutputMode mode : command.outputs) modes.emplace_back(OutputModeName(mode));
  if (!modes.empty()) absl::StrAppend(&out, "\nOutput (-o): ", absl::StrJoin(modes, ", "), "\n");
  absl::StrAppend(&out, "\nFlags of every command: modelrefctl help flags\n");
  return out;
}

Lines CommandLines(absl::string_view noun) {
  Lines lines;
  for (const CommandSpec& command : Commands()) {
    const bool wanted = noun.empty() || absl::StartsWith(command.path, absl::StrCat(noun, " "));
    if (!wanted) continue;
    lines.emplace_back(
        absl::StrCat(command.path, command.arguments.empty() ? "" : " ", command.arguments),
        command.summary);
  }
  return lines;
}

std::string NounHelp(const std::string& noun) {
  std::string out;
  for (const CommandSpec& command : Commands()) {
    if (!absl::StartsWith(command.path, absl::StrCat(noun, " "))) continue;
    out = Examples(command.first_example, command.second_example);
    break;
  }
  return absl::StrCat(out, "Commands:\n", TwoColumns(CommandLines(noun)),
                      "\nMore about one: modelrefctl help ", noun, " COMMAND\n");
}

std::string Overview() {
  return absl::StrCat(Examples("modelrefctl category list", "modelrefctl watch"),
                      "modelrefctl reads and watches the catalogue of a modelref server.\n\n",
                      "Usage: modelrefctl COMMAND [flags]\n\nCommands:\n",
                      TwoColumns(CommandLines("")), "\nTopics: modelrefctl help ",
                      absl::StrJoin(HelpTopics(), " | "), "\n",
                      "More about a command: modelrefctl help COMMAND\n");
}

}  // namespace

std::string HelpFor(const std::vector<std::string>& words) {
  size_t used = 0;
  if (const CommandSpec* command = FindCommand(words, &used); command != nullptr) {
    return CommandHelp(*command);
  }
  if (!words.empty() && !VerbsOf(words[0]).empty()) return NounHelp(words[0]);
  return Overview();
}

}  // namespace modelref::ctl
