#pragma once

// What the data directory of a server is opened with, from its configuration: by the server, and by
// commands beside it.

#include <vector>

#include "backends/category_registry.h"
#include "modelref/v1/config.pb.h"
#include "service/store/data_directory.h"

namespace modelref {

std::vector<ExtraCategory> ExtraCategories(const v1::ServerConfig& config);
DataDirectory::Options MakeDirectoryOptions(const v1::ServerConfig& config);
// Where the files of the queue of proposed changes are.
std::string QueueRoot(const v1::ServerConfig& config);

}  // namespace modelref
