#pragma once

// From command line, environment and file to one checked configuration.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "modelref/v1/config.pb.h"

namespace modelref {

struct ConfigInput {
  std::vector<std::string> arguments;  // Without the program's name.
  std::map<std::string, std::string> environment;

  // Of the running process.
  static ConfigInput FromProcess(int argc, char** argv);
};

// What the program does next. With a config it serves; without one it writes `out` to standard
// output and `err` to standard error and ends with `exit_code`: 0 for --help, --version,
// --print-config and a good --check-config; 2 when anything is wrong, which `err` lists completely,
// one line each. Secrets are in neither text.
struct StartDecision {
  std::optional<v1::ServerConfig> config;
  // Settings that have no effect, one line each, to be logged.
  std::vector<std::string> warnings;
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Applies defaults, file, environment and flags, weakest first, and checks the result as a whole.
// Every setting of the result has a value; `node_id` gets one when nobody chose it, and
// `admin_listen` is empty when it is "none". Reads the file and the host name, nothing else;
// thread-safe.
StartDecision LoadConfig(const ConfigInput& input);

// The version of the program ("0.1.0").
absl::string_view ProgramVersion();

}  // namespace modelref
