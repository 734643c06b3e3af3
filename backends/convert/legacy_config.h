#pragma once

// The `config` of a legacy record: files and where to download them (H 1.7, H 3.8).

#include <optional>
#include <string>
#include <vector>

#include "backends/base/error.h"
#include "backends/base/json.h"

namespace modelref {

// One entry of a v2 record's config.download.
struct ConvertedDownload {
  std::string file_name;
  std::string file_url;
  std::string sha256sum;  // "FIXME" when the file has none.
  std::optional<std::string> content_hash;
  std::optional<std::string> file_purpose;
  bool known_slow_download = false;
};

struct ConvertedConfig {
  std::vector<ConvertedDownload> downloads;
  std::optional<JsonObject> embedded_component_hashes;
  bool has_addresses = false;  // The legacy config lists where to download something from.
};

// Converts the config of `record`; absent and null are an empty one. What makes the record invalid
// is added to `problems`, what is only remarkable to `remarks`.
ConvertedConfig ConvertLegacyConfig(const JsonObject& record, std::vector<FieldViolation>* problems,
                                    std::vector<std::string>* remarks);

}  // namespace modelref
