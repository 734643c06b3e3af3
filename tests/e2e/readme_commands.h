#pragma once

// The commands that a README shows, and whether a program prints what it shows.
//
// In a fenced block marked `console`, a line that begins with "$ " is a command, and the lines up
// to the next one are its output. In output, "…" stands for any text within a line, and a line of
// "…" alone for any number of lines.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref {

struct ReadmeCommand {
  std::string command;
  std::vector<std::string> output;
  int line = 0;  // Of the command, from 1.
};

// All commands in their order. A command may go on in the next line after a backslash.
std::vector<ReadmeCommand> ReadCommands(absl::string_view markdown);

// True when `actual` is what `shown` stands for. White space at the end of a line does not count.
bool OutputMatches(const std::vector<std::string>& shown, const std::vector<std::string>& actual);

}  // namespace modelref
