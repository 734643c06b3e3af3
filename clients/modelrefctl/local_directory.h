#pragma once

// The data directory that a command works on beside a server, as the server's configuration has it.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/category_registry.h"
#include "clients/modelrefctl/command_table.h"
#include "clients/modelrefctl/invocation.h"
#include "service/store/data_directory.h"

namespace modelref::ctl {

struct LocalDirectory {
  std::string path;
  std::vector<ExtraCategory> extra_categories;
  DataDirectory::Options options;  // `audit_root` is set.
};

// --data-dir alone, for commands that only look at the database.
FlagSpec DataDirFlag();
// --data-dir, --config and --audit-root.
std::vector<FlagSpec> DirectoryFlags();

// What --data-dir or MODELREF_DATA_DIR names. A usage error when neither does.
absl::StatusOr<std::string> FindDataDir(Invocation& invocation);

// What the flags say. Of a configuration counts what it says of the directory, its categories, its
// trail and its limits; the flags are stronger.
//   INVALID_ARGUMENT (USAGE)  no directory is named, or the configuration is wrong.
absl::StatusOr<LocalDirectory> FindDirectory(Invocation& invocation);

}  // namespace modelref::ctl
