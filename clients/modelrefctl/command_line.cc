#include "clients/modelrefctl/command_line.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/suggestion.h"

namespace modelref::ctl {
namespace {

// Modes of the contract that come with later issues: a clear word beats "unknown".
constexpr absl::string_view kLaterModes[] = {"csv", "md", "template", "jq"};

const FlagSpec* FindFlagAnywhere(absl::string_view name) {
  for (const CommandSpec& command : Commands()) {
    if (const FlagSpec* flag = FindFlag(&command, name); flag != nullptr) return flag;
  }
  return nullptr;
}

const FlagSpec* FindFlagByLetter(char letter) {
  for (const FlagSpec& flag : GlobalFlags()) {
    if (flag.letter == letter) return &flag;
  }
  for (const CommandSpec& command : Commands()) {
    for (const FlagSpec& flag : command.flags) {
      if (flag.letter == letter) return &flag;
    }
  }
  return nullptr;
}

std::vector<std::string> FlagNamesOf(const CommandSpec* command) {
  std::vector<std::string> names;
  if (command != nullptr) {
    for (const FlagSpec& flag : command->flags) names.push_back(absl::StrCat("--", flag.name));
  }
  for (const FlagSpec& flag : GlobalFlags()) names.push_back(absl::StrCat("--", flag.name));
  return names;
}

absl::Status UnknownFlag(absl::string_view flag, const std::vector<std::string>& words) {
  size_t used = 0;
  const CommandSpec* command = FindCommand(words, &used);
  return UsageError(absl::StrCat("unknown flag ", flag, DidYouMean(flag, FlagNamesOf(command))));
}

// Walks through the arguments once.
class Parser {
 public:
  explicit Parser(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  absl::Status Run(CommandLine* line) {
    for (; next_ < arguments_.size(); ++next_) {
      const std::string& argument = arguments_[next_];
      if (argument == "--") {
        line->words.insert(line->words.end(), arguments_.begin() + next_ + 1, arguments_.end());
        return absl::OkStatus();
      }
      if (absl::StartsWith(argument, "--")) {
        RETURN_IF_ERROR(TakeLong(argument.substr(2), line));
      } else if (argument.size() > 1 && argument[0] == '-') {
        RETURN_IF_ERROR(TakeShort(argument, line));
      } else {
        line->words.push_back(argument);
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status TakeLong(absl::string_view text, CommandLine* line) {
    const size_t equals = text.find('=');
    const absl::string_view name = text.substr(0, equals);
    const FlagSpec* flag = FindFlagAnywhere(name);
    if (flag == nullptr) return UnknownFlag(absl::StrCat("--", name), line->words);
    if (equals == absl::string_view::npos) return TakeValue(*flag, line);
    if (flag->value_name.empty()) {
      return UsageError(absl::StrCat("--", name, " takes no value"));
    }
    line->flags.emplace_back(name, text.substr(equals + 1));
    return absl::OkStatus();
  }

  absl::Status TakeShort(const std::string& argument, CommandLine* line) {
    const FlagSpec* flag = FindFlagByLetter(argument[1]);
    if (flag == nullptr) return UnknownFlag(argument, line->words);
    if (argument.size() == 2) return TakeValue(*flag, line);
    if (flag->value_name.empty()) return UnknownFlag(argument, line->words);
    absl::string_view value = absl::string_view(argument).substr(2);
    absl::ConsumePrefix(&value, "=");
    line->flags.emplace_back(flag->name, value);
    return absl::OkStatus();
  }

  absl::Status TakeValue(const FlagSpec& flag, CommandLine* line) {
    if (flag.value_name.empty()) {
      line->flags.emplace_back(flag.name, "");
      return absl::OkStatus();
    }
    if (next_ + 1 == arguments_.size()) {
      return UsageError(absl::StrCat("--", flag.name, " needs a value: ", flag.value_name));
    }
    line->flags.emplace_back(flag.name, arguments_[++next_]);
    return absl::OkStatus();
  }

  const std::vector<std::string>& arguments_;
  size_t next_ = 0;
};

absl::Status UnknownCommand(const std::vector<std::string>& words) {
  if (words.empty()) return UsageError("no command; see: modelrefctl help");
  const std::vector<std::string> verbs = VerbsOf(words[0]);
  if (verbs.empty()) {
    return UsageError(absl::StrCat("unknown command \"", words[0], "\"",
                                   DidYouMean(words[0], Nouns()), "; see: modelrefctl help"));
  }
  const std::string choices = absl::StrJoin(verbs, ", ");
  if (words.size() == 1) {
    return UsageError(absl::StrCat("\"", words[0], "\" needs one of: ", choices));
  }
  return UsageError(absl::StrCat("unknown command \"", words[0], " ", words[1], "\"",
                                 DidYouMean(words[1], verbs), "; choose one of: ", choices));
}

absl::Status CheckChoice(const FlagSpec& flag, const std::string& value) {
  if (flag.choices.empty()) return absl::OkStatus();
  const std::vector<std::string> choices = absl::StrSplit(flag.choices, '|');
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return absl::OkStatus();
  if (flag.name == "output") {
    for (const absl::string_view later : kLaterModes) {
      if (value != later && !absl::StartsWith(value, absl::StrCat(later, "="))) continue;
      return UsageError(absl::StrCat("output mode ", later, " is not built yet; choose one of: ",
                                     absl::StrJoin(choices, ", ")));
    }
  }
  return UsageError(absl::StrCat("--", flag.name, " ", value, DidYouMean(value, choices),
                                 ": choose one of: ", absl::StrJoin(choices, ", ")));
}

absl::Status CheckFlags(const CommandLine& line) {
  for (const auto& [name, value] : line.flags) {
    const FlagSpec* flag = FindFlag(line.command, name);
    if (flag == nullptr) {
      return UsageError(absl::StrCat("--", name, " is no flag of \"", line.command->path,
                                     "\"; see: modelrefctl ", line.command->path, " --help"));
    }
    RETURN_IF_ERROR(CheckChoice(*flag, value));
  }
  return absl::OkStatus();
}

absl::Status CheckArgumentCount(const CommandLine& line) {
  const CommandSpec& command = *line.command;
  const int count = static_cast<int>(line.arguments.size());
  const bool too_many = command.max_arguments >= 0 && count > command.max_arguments;
  if (count >= command.min_arguments && !too_many) return absl::OkStatus();
  const std::string problem =
      too_many ? absl::StrCat("too many arguments: \"", line.arguments[command.max_arguments], "\"")
               : std::string("an argument is missing");
  return UsageError(absl::StrCat(problem, "; usage: modelrefctl ", command.path,
                                 command.arguments.empty() ? "" : " ", command.arguments));
}

}  // namespace

std::optional<std::string> CommandLine::Value(absl::string_view flag) const {
  for (auto it = flags.rbegin(); it != flags.rend(); ++it) {
    if (it->first == flag) return it->second;
  }
  return std::nullopt;
}

std::vector<std::string> CommandLine::Values(absl::string_view flag) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : flags) {
    if (name != flag) continue;
    for (const absl::string_view part : absl::StrSplit(value, ',', absl::SkipEmpty())) {
      values.emplace_back(part);
    }
  }
  return values;
}

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  RETURN_IF_ERROR(Parser(arguments).Run(&line));
  const bool help = line.Has("help");
  size_t used = 0;
  line.command = FindCommand(line.words, &used);
  if (line.command == nullptr) {
    const bool known = line.words.empty() || !VerbsOf(line.words[0]).empty();
    if (help && known) return line;
    return UnknownCommand(line.words);
  }
  line.arguments.assign(line.words.begin() + used, line.words.end());
  if (help) {
    line.command = nullptr;
    return line;
  }
  RETURN_IF_ERROR(CheckFlags(line));
  RETURN_IF_ERROR(CheckArgumentCount(line));
  return line;
}

std::string GuessOutputMode(const std::vector<std::string>& arguments) {
  std::string mode;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "--") break;
    const bool alone = argument == "-o" || argument == "--output";
    if (alone && i + 1 < arguments.size()) {
      mode = arguments[++i];
    } else if (absl::ConsumePrefix(&argument, "--output=") ||
               absl::ConsumePrefix(&argument, "-o")) {
      mode = std::string(argument);
    }
  }
  return mode;
}

}  // namespace modelref::ctl
