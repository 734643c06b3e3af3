#include "service/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "backends/base/failpoint.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/config_builder.h"
#include "service/config_flags.h"
#include "service/config_print.h"
#include "service/config_rules.h"
#include "service/env_table.h"

#ifndef MODELREF_VERSION
#define MODELREF_VERSION "0.1.0"
#endif

namespace modelref {
namespace {

constexpr off_t kMaxFileBytes = 1 << 20;

absl::StatusOr<std::string> ReadWhole(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) return absl::UnknownError(std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError("not a regular file");
  if (info.st_size > kMaxFileBytes) return absl::InvalidArgumentError("larger than 1 MiB");
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = read(fd, &text[length], text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::UnknownError(std::strerror(errno));
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  text.resize(length);
  return text;
}

absl::StatusOr<Json> ReadConfigFile(const std::string& path) {
  // Without O_NONBLOCK a FIFO in the file's place would hang the start.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return absl::NotFoundError(std::strerror(errno));
  absl::StatusOr<std::string> text = ReadWhole(fd);
  close(fd);
  if (!text.ok()) return text.status();
  return ParseJson(*text);
}

std::string RandomNodeId() {
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  std::string name;
  for (const char c : std::string(host)) {
    const bool allowed = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.';
    if (name.size() < 50) name.push_back(allowed ? c : '-');
  }
  std::random_device random;
  return absl::StrCat(name.empty() ? "node" : name, "-", absl::StrFormat("%08x", random()));
}

std::string ConfigFileOf(const ParsedFlags& flags, const ConfigInput& input) {
  if (!flags.config_file.empty()) return flags.config_file;
  const auto found = input.environment.find("MODELREF_CONFIG");
  return found == input.environment.end() ? "" : found->second;
}

StartDecision Ended(int exit_code, std::string out, std::string err = "") {
  StartDecision decision;
  decision.exit_code = exit_code;
  decision.out = std::move(out);
  decision.err = std::move(err);
  return decision;
}

std::string DescribeErrors(const std::vector<std::string>& errors,
                           const std::vector<FieldViolation>& violations) {
  std::string text;
  for (const std::string& error : errors) absl::StrAppend(&text, "modelrefd: ", error, "\n");
  for (const FieldViolation& violation : violations) {
    absl::StrAppend(&text, "modelrefd: ", violation.field, violation.field.empty() ? "" : ": ",
                    violation.description, "\n");
  }
  absl::StrAppend(&text, "modelrefd: not started; see modelrefd --help\n");
  return text;
}

void ApplyConfigFile(const std::string& path, ConfigBuilder* builder,
                     std::vector<std::string>* errors) {
  if (path.empty()) return;
  const absl::StatusOr<Json> root = ReadConfigFile(path);
  if (root.ok()) {
    builder->ApplyFile(*root, {ConfigLayer::kFile, path});
  } else {
    errors->push_back(absl::StrCat("configuration file ", path, ": ", root.status().message()));
  }
}

}  // namespace

ConfigInput ConfigInput::FromProcess(int argc, char** argv) {
  ConfigInput input;
  for (int i = 1; i < argc; ++i) input.arguments.emplace_back(argv[i]);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const char* equals = std::strchr(*entry, '=');
    if (equals == nullptr) continue;
    input.environment[std::string(*entry, static_cast<size_t>(equals - *entry))] = equals + 1;
  }
  return input;
}

StartDecision LoadConfig(const ConfigInput& input) {
  const ParsedFlags flags = ParseFlags(input.arguments);
  if (flags.help) return Ended(0, HelpText());
  if (flags.version) {
    return Ended(0, absl::StrCat("modelrefd ", ProgramVersion(),
                                 FailpointsBuilt() ? " with failpoints" : "", "\n"));
  }

  ConfigBuilder builder(DefaultConfig());
  std::vector<std::string> errors = flags.errors;
  std::vector<std::string> warnings;
  ApplyConfigFile(ConfigFileOf(flags, input), &builder, &errors);
  ApplySeedEnvironment(input.environment, &builder, &warnings);
  ApplyOwnEnvironment(input.environment, &builder, &warnings);
  ApplyFlags(flags, &builder);

  CheckReplica(&builder, &warnings);
  CheckRanges(&builder);
  CheckSettings(&builder, &warnings);
  CheckUnbuilt(&builder, &warnings);
  if (!errors.empty() || !builder.violations().empty()) {
    return Ended(2, "", DescribeErrors(errors, builder.violations()));
  }
  if (flags.print_config) return Ended(0, PrintConfig(builder));
  if (flags.check_config) {
    StartDecision good = Ended(0, "modelrefd: the configuration is good\n");
    for (const std::string& warning : warnings) {
      absl::StrAppend(&good.err, "modelrefd: warning: ", warning, "\n");
    }
    return good;
  }
  StartDecision decision;
  decision.config = builder.config();
  if (decision.config->node_id().empty()) decision.config->set_node_id(RandomNodeId());
  if (decision.config->admin_listen() == "none") decision.config->clear_admin_listen();
  decision.warnings = std::move(warnings);
  return decision;
}

absl::string_view ProgramVersion() { return MODELREF_VERSION; }

}  // namespace modelref
