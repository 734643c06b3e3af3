#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/modelrefctl/command_table.h"

namespace modelref::ctl {

// A command line taken apart by the table.
struct CommandLine {
  const CommandSpec* command = nullptr;  // Null: help was asked for about `words`.
  std::vector<std::string> words;        // Everything that is no flag.
  std::vector<std::string> arguments;    // The words behind the command's name.
  std::vector<std::pair<std::string, std::string>> flags;  // Name and value, in order.

  bool Has(absl::string_view flag) const { return Value(flag).has_value(); }
  // The last value given.
  std::optional<std::string> Value(absl::string_view flag) const;
  // All values given; of a repeated flag each may be a list with commas.
  std::vector<std::string> Values(absl::string_view flag) const;
};

// Takes the words behind the program's name apart. Flags may stand anywhere; "--" ends them.
// Accepts --flag VALUE, --flag=VALUE, -f VALUE and -fVALUE.
//   INVALID_ARGUMENT (UsageError)  with what to write instead.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// The value of -o in a command line that may be wrong otherwise, for printing the error.
std::string GuessOutputMode(const std::vector<std::string>& arguments);

}  // namespace modelref::ctl
