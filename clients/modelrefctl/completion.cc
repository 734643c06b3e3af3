#include "clients/modelrefctl/completion.h"

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "clients/modelrefctl/command_table.h"
#include "clients/modelrefctl/help.h"

namespace modelref::ctl {
namespace {

// What the shell runs to learn the words for an argument; $category is the first one.
std::string WordsCommand(ArgumentKind kind) {
  constexpr char kQuiet[] = "--quiet --timeout 1s 2>/dev/null";
  switch (kind) {
    case ArgumentKind::kCategory:
      return absl::StrCat("modelrefctl category list -o name ", kQuiet);
    case ArgumentKind::kModel:
      return absl::StrCat("modelrefctl model list \"$category\" -o name ", kQuiet);
    case ArgumentKind::kHeldEdit:
      return absl::StrCat("modelrefctl category held -o name ", kQuiet);
    case ArgumentKind::kContext:
      return "modelrefctl context list -o name 2>/dev/null";
    case ArgumentKind::kShell:
      return "printf '%s\\n' bash zsh fish";
    case ArgumentKind::kTopic:
      return absl::StrCat("printf '%s\\n' ", absl::StrJoin(HelpTopics(), " "), " ",
                          absl::StrJoin(Nouns(), " "));
    case ArgumentKind::kDirectory:
    case ArgumentKind::kOther:
      break;
  }
  return "";
}

std::vector<FlagSpec> FlagsOf(const CommandSpec& command) {
  std::vector<FlagSpec> flags = command.flags;
  for (const FlagSpec& flag : GlobalFlags()) {
    if (FindFlag(&command, flag.name) == &flag) flags.push_back(flag);
  }
  return flags;
}

std::string FlagWords(const CommandSpec& command) {
  std::vector<std::string> words;
  for (const FlagSpec& flag : FlagsOf(command)) words.push_back(absl::StrCat("--", flag.name));
  return absl::StrJoin(words, " ");
}

// "--server|-s|--timeout": every flag with a value, as a pattern of `case`.
std::string ValueFlagPattern() {
  std::set<std::string> names;
  const auto add = [&names](const std::vector<FlagSpec>& flags) {
    for (const FlagSpec& flag : flags) {
      if (flag.value_name.empty()) continue;
      names.insert(absl::StrCat("--", flag.name));
      if (flag.letter != 0) names.insert(absl::StrCat("-", std::string(1, flag.letter)));
    }
  };
  add(GlobalFlags());
  for (const CommandSpec& command : Commands()) add(command.flags);
  return absl::StrJoin(names, "|");
}

std::string ChoicePattern(const FlagSpec& flag) {
  std::string pattern = absl::StrCat("--", flag.name);
  if (flag.letter != 0) absl::StrAppend(&pattern, "|-", std::string(1, flag.letter));
  return pattern;
}

// The branches of a `case` over the command's path: what follows it. bash and zsh share them.
std::string CommandBranches() {
  std::string out;
  for (const CommandSpec& command : Commands()) {
    absl::StrAppend(&out, "    '", command.path, "')\n      flags='", FlagWords(command), "'\n");
    for (const FlagSpec& flag : FlagsOf(command)) {
      if (flag.choices.empty()) continue;
      absl::StrAppend(&out, "      case $previous in ", ChoicePattern(flag), ") choices='",
                      absl::StrReplaceAll(flag.choices, {{"|", " "}}), "' ;; esac\n");
    }
    for (size_t i = 0; i < command.argument_kinds.size(); ++i) {
      const std::string words = WordsCommand(command.argument_kinds[i]);
      if (words.empty()) continue;
      const bool last = i + 1 == command.argument_kinds.size() && command.max_arguments < 0;
      absl::StrAppend(&out, "      [ \"$count\" ", last ? "-ge" : "-eq", " ", i,
                      " ] && candidates=$(", words, ")\n");
    }
    absl::StrAppend(&out, "      ;;\n");
  }
  for (const std::string& noun : Nouns()) {
    const std::vector<std::string> verbs = VerbsOf(noun);
    if (verbs.empty()) continue;
    absl::StrAppend(&out, "    '", noun, "') candidates='", absl::StrJoin(verbs, "\n"), "' ;;\n");
  }
  absl::StrAppend(&out, "    '') candidates='", absl::StrJoin(Nouns(), "\n"), "' ;;\n");
  return out;
}

// "category|model": nouns whose second word belongs to the command's name.
std::string NounPattern() {
  std::vector<std::string> nouns;
  for (const std::string& noun : Nouns()) {
    if (!VerbsOf(noun).empty()) nouns.push_back(noun);
  }
  return absl::StrJoin(nouns, "|");
}

// Finds the command and its arguments among the words before the cursor; sets flags, choices and
// candidates. Plain enough for bash and zsh.
std::string SharedFunction() {
  return absl::StrCat(
      "_modelrefctl_words() {\n"
      "  previous=$1; shift\n"
      "  command= count=0 category= flags= choices= candidates=\n"
      "  local skip= word\n"
      "  for word in \"$@\"; do\n"
      "    if [ -n \"$skip\" ]; then skip=; continue; fi\n"
      "    case $word in\n"
      "      ",
      ValueFlagPattern(),
      ") skip=1; continue ;;\n"
      "      -*) continue ;;\n"
      "    esac\n"
      "    case $command in\n"
      "      '') command=$word ;;\n"
      "      ",
      NounPattern(),
      ") command=\"$command $word\" ;;\n"
      "      *) [ \"$count\" -eq 0 ] && category=$word; count=$((count + 1)) ;;\n"
      "    esac\n"
      "  done\n"
      "  case $command in\n",
      CommandBranches(),
      "  esac\n"
      "}\n\n");
}

std::string BashScript() {
  return absl::StrCat(
      "# Completion of modelrefctl for bash; made by `modelrefctl completion bash`.\n",
      SharedFunction(),
      "_modelrefctl() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous command count category flags\n"
      "  local choices candidates candidate IFS=$'\\n'\n"
      "  _modelrefctl_words \"${COMP_WORDS[COMP_CWORD-1]}\" \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"\n"
      "  COMPREPLY=()\n"
      "  if [ -n \"$choices\" ]; then candidates=${choices// /$'\\n'}\n"
      "  elif [[ $current == -* ]]; then candidates=${flags// /$'\\n'}\n"
      "  else case $previous in ",
      ValueFlagPattern(),
      ") return ;; esac; fi\n"
      "  for candidate in $candidates; do\n"
      "    [[ $candidate == \"$current\"* ]] && COMPREPLY+=(\"$(printf %q \"$candidate\")\")\n"
      "  done\n"
      "}\n"
      "complete -o default -F _modelrefctl modelrefctl\n");
}

std::string ZshScript() {
  return absl::StrCat(
      "#compdef modelrefctl\n"
      "# Completion of modelrefctl for zsh; made by `modelrefctl completion zsh`.\n",
      SharedFunction(),
      "_modelrefctl() {\n"
      "  local previous command count category flags choices candidates\n"
      "  _modelrefctl_words \"${words[CURRENT-1]}\" \"${(@)words[2,CURRENT-1]}\"\n"
      "  if [[ -n $choices ]]; then compadd -- ${(s: :)choices}\n"
      "  elif [[ $words[CURRENT] == -* ]]; then compadd -- ${(s: :)flags}\n"
      "  else case $previous in ",
      ValueFlagPattern(),
      ") _files; return ;; esac\n"
      "    if [[ -n $candidates ]]; then compadd -- ${(f)candidates}; else _files; fi\n"
      "  fi\n"
      "}\n"
      "compdef _modelrefctl modelrefctl\n");
}

std::string FishQuote(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string FishFlag(absl::string_view condition, const FlagSpec& flag) {
  std::string line = absl::StrCat("complete -c modelrefctl ", condition, "-l ", flag.name);
  if (flag.letter != 0) absl::StrAppend(&line, " -s ", std::string(1, flag.letter));
  if (!flag.choices.empty()) {
    absl::StrAppend(&line, " -x -a ", FishQuote(absl::StrReplaceAll(flag.choices, {{"|", " "}})));
  } else if (!flag.value_name.empty()) {
    absl::StrAppend(&line, " -r");
  }
  return absl::StrCat(line, " -d ", FishQuote(flag.help), "\n");
}

std::string FishCondition(absl::string_view path) {
  std::string test;
  const size_t space = path.find(' ');
  test = absl::StrCat("__fish_seen_subcommand_from ", path.substr(0, space));
  if (space != absl::string_view::npos) {
    absl::StrAppend(&test, "; and __fish_seen_subcommand_from ", path.substr(space + 1));
  }
  return test;
}

std::string FishScript() {
  std::string out =
      "# Completion of modelrefctl for fish; made by `modelrefctl completion fish`.\n"
      "complete -c modelrefctl -f\n";
  for (const std::string& noun : Nouns()) {
    absl::StrAppend(&out, "complete -c modelrefctl -n __fish_use_subcommand -a ", noun, "\n");
    const std::string verbs = absl::StrJoin(VerbsOf(noun), " ");
    if (verbs.empty()) continue;
    absl::StrAppend(&out, "complete -c modelrefctl -n '__fish_seen_subcommand_from ", noun,
                    "; and not __fish_seen_subcommand_from ", verbs, "' -a '", verbs, "'\n");
  }
  for (const FlagSpec& flag : GlobalFlags()) out += FishFlag("", flag);
  for (const CommandSpec& command : Commands()) {
    const std::string condition = absl::StrCat("-n '", FishCondition(command.path), "' ");
    for (const FlagSpec& flag : command.flags) out += FishFlag(condition, flag);
    if (command.argument_kinds.empty()) continue;
    const std::string words = WordsCommand(command.argument_kinds[0]);
    if (words.empty()) continue;
    absl::StrAppend(&out, "complete -c modelrefctl ", condition, "-a ",
                    FishQuote(absl::StrCat("(", words, ")")), "\n");
  }
  return out;
}

}  // namespace

std::string CompletionScript(absl::string_view shell) {
  if (shell == "bash") return BashScript();
  if (shell == "zsh") return ZshScript();
  if (shell == "fish") return FishScript();
  return "";
}

}  // namespace modelref::ctl
