#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/config_builder.h"

namespace modelref {

// One flag of modelrefd. Values are given as "--name value" or "--name=value"; "_" counts as "-".
struct FlagRow {
  absl::string_view name;      // Without the dashes.
  absl::string_view argument;  // What the help calls its value; empty for switches.
  absl::string_view path;      // The setting; empty for what the program does instead of serving.
  absl::string_view variable;  // The variable of the same setting; empty when it has none.
  absl::string_view help;
};
const std::vector<FlagRow>& FlagTable();

// What the command line asks for.
struct ParsedFlags {
  // Settings in order, by path; given more than once, the last one wins, but lists grow.
  struct Setting {
    std::string path;
    std::string text;
    std::string flag;  // "--listen"
  };
  std::vector<Setting> settings;
  std::string config_file;
  bool help = false;
  bool version = false;
  bool print_config = false;
  bool check_config = false;
  // What is wrong with it, one line each.
  std::vector<std::string> errors;
};

// `arguments` without the program's name. Unknown flags, missing values and stray words are errors
// with a suggestion; all are found.
ParsedFlags ParseFlags(const std::vector<std::string>& arguments);

// Variables of our own ("MODELREF_LISTEN"), which mean what their flag means. Unknown ones become
// warnings, because clients and tests have variables with the same prefix.
void ApplyOwnEnvironment(const std::map<std::string, std::string>& environment,
                         ConfigBuilder* builder, std::vector<std::string>* warnings);

void ApplyFlags(const ParsedFlags& flags, ConfigBuilder* builder);

// The text of --help.
std::string HelpText();

}  // namespace modelref
