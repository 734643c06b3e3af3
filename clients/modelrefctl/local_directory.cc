#include "clients/modelrefctl/local_directory.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/exit_codes.h"
#include "service/config.h"
#include "service/config_directory.h"

namespace modelref::ctl {
namespace {

constexpr char kDefaultTrail[] = "/audit";

std::optional<std::string> NamedDataDir(Invocation& invocation) {
  std::optional<std::string> dir = invocation.line().Value("data-dir");
  if (!dir.has_value()) dir = invocation.host().variable("MODELREF_DATA_DIR");
  return dir.has_value() && !dir->empty() ? dir : std::nullopt;
}

absl::StatusOr<LocalDirectory> FromConfig(Invocation& invocation, const std::string& file) {
  ConfigInput input;
  input.arguments = {absl::StrCat("--config=", file)};
  if (const std::optional<std::string> dir = NamedDataDir(invocation); dir.has_value()) {
    input.arguments.push_back(absl::StrCat("--data-dir=", *dir));
  }
  const StartDecision decision = LoadConfig(input);
  if (!decision.config.has_value()) {
    return UsageError(absl::StripTrailingAsciiWhitespace(decision.err));
  }
  LocalDirectory directory;
  directory.path = decision.config->data_dir();
  directory.extra_categories = ExtraCategories(*decision.config);
  const DataDirectory::Options server = MakeDirectoryOptions(*decision.config);
  directory.options.audit_root = server.audit_root;
  directory.options.audit = server.audit;
  directory.options.sync.held_removals = server.sync.held_removals;
  directory.options.store.allow_network_file_system = server.store.allow_network_file_system;
  directory.options.projector.files.document_bytes = server.projector.files.document_bytes;
  directory.options.backends.document_bytes = server.backends.document_bytes;
  directory.options.backends.limits = server.backends.limits;
  return directory;
}

}  // namespace

FlagSpec DataDirFlag() { return {"data-dir", "DIR", "The data directory of modelrefd"}; }

std::vector<FlagSpec> DirectoryFlags() {
  return {DataDirFlag(),
          {"config", "FILE", "The server's configuration: its categories, trail and limits"},
          {"audit-root", "DIR", "The audit trail, where the server's configuration moves it"}};
}

absl::StatusOr<std::string> FindDataDir(Invocation& invocation) {
  const std::optional<std::string> dir = NamedDataDir(invocation);
  if (!dir.has_value()) return UsageError("name the data directory: --data-dir DIR");
  return *dir;
}

absl::StatusOr<LocalDirectory> FindDirectory(Invocation& invocation) {
  LocalDirectory directory;
  if (const auto file = invocation.line().Value("config"); file.has_value()) {
    ASSIGN_OR_RETURN(directory, FromConfig(invocation, *file));
  } else {
    ASSIGN_OR_RETURN(directory.path, FindDataDir(invocation));
  }
  if (const auto root = invocation.line().Value("audit-root"); root.has_value()) {
    directory.options.audit_root = *root;
  }
  if (directory.options.audit_root.empty()) {
    directory.options.audit_root = directory.path + kDefaultTrail;
  }
  directory.options.backends.data_dir = directory.path;
  return directory;
}

}  // namespace modelref::ctl
