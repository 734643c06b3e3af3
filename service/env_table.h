#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/config_builder.h"

namespace modelref {

// How a variable of the succeeded systems writes its value.
enum class EnvForm {
  kText,         // As a flag of the same setting would.
  kSeconds,      // A span of time as a number of seconds.
  kJsonList,     // A JSON array of strings or numbers.
  kProxy,        // A URL, or a JSON object with one in its only member.
  kCacheHome,    // The folder that the data directory lies in.
  kAlwaysOn,     // A switch that may only be on.
  kRegistry,     // The store of the lifecycle registry, by the names of that system.
  kMeaningless,  // Understood, but nothing here does that: a warning.
};

struct EnvRow {
  // The variable; a trailing "*" stands for every variable that begins so.
  absl::string_view name;
  // The setting; empty when it has none.
  absl::string_view path;
  EnvForm form = EnvForm::kText;
  // Why it means nothing, for the warning.
  absl::string_view note = {};
};

// Every variable of H 6 and M 5.4 that a server may meet.
const std::vector<EnvRow>& EnvTable();

// Applies the variables of the table that are set and not empty. Unknown variables with the prefix
// of the original, and those without a meaning here, become warnings; bad values become violations.
void ApplySeedEnvironment(const std::map<std::string, std::string>& environment,
                          ConfigBuilder* builder, std::vector<std::string>* warnings);

}  // namespace modelref
