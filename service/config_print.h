#pragma once

#include <string>

#include "service/config_builder.h"

namespace modelref {

// One line per setting in the order of config.proto: "cache.ttl = \"1m\"  # file /etc/x.json".
// Values are written as the file would hold them; passwords inside URLs are replaced.
std::string PrintConfig(const ConfigBuilder& builder);

}  // namespace modelref
