#pragma once

// The one description of commands and flags: parsing, help, completion and did-you-mean are made
// from it.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref::ctl {

class Invocation;

enum class OutputMode { kTable, kPlain, kWide, kJson, kJsonl, kYaml, kName };

// "table", "plain", …; what -o takes.
absl::string_view OutputModeName(OutputMode mode);

// What a command prints when -o is not given.
enum class DefaultOutput {
  kTableOrPlain,  // Table on a terminal, plain when piped.
  kTableOrJsonl,  // Table on a terminal, JSON lines when piped.
  kJson,
};

// One flag. All flags of one name take a value, or none does.
struct FlagSpec {
  absl::string_view name;        // Without the dashes.
  absl::string_view value_name;  // Empty: a switch.
  absl::string_view help;
  absl::string_view choices = "";   // "a|b|c": the only values; also what completion offers.
  absl::string_view variable = "";  // The variable that sets it when the flag is absent.
  char letter = 0;                  // The short form.
};

// What completion offers for an argument.
enum class ArgumentKind {
  kOther,
  kCategory,
  kModel,
  kContext,
  kShell,
  kTopic,
  kDirectory,
  kHeldEdit,
};

struct CommandSpec {
  absl::string_view path;       // "category list".
  absl::string_view arguments;  // "CATEGORY NAME", for the usage line.
  int min_arguments = 0;
  int max_arguments = 0;                     // Negative: any number.
  std::vector<ArgumentKind> argument_kinds;  // The last one stands for all that follow.
  absl::string_view summary;
  absl::string_view details;  // Lines of at most 96 columns, or empty.
  // Two command lines that work as they are, beginning with "modelrefctl".
  absl::string_view first_example;
  absl::string_view second_example;
  std::vector<FlagSpec> flags;
  std::vector<OutputMode> outputs;
  DefaultOutput default_output = DefaultOutput::kTableOrPlain;
  // Changes the catalogue by calls that may be repeated: they are, until --timeout.
  bool writes = false;
  // Never speaks to a server: contexts are not looked at.
  bool offline = false;
  absl::Status (*run)(Invocation& invocation) = nullptr;
};

// Flags that every command takes.
const std::vector<FlagSpec>& GlobalFlags();

// All commands in the order of help.
const std::vector<CommandSpec>& Commands();

// The command of these words, or null; `used` tells how many of them name it.
const CommandSpec* FindCommand(const std::vector<std::string>& words, size_t* used);

// The first words of all commands, and the second words of one noun; empty when it has none.
std::vector<std::string> Nouns();
std::vector<std::string> VerbsOf(absl::string_view noun);

// The flag of a command or of all, by name; null when there is none.
const FlagSpec* FindFlag(const CommandSpec* command, absl::string_view name);

}  // namespace modelref::ctl
