#pragma once

// What a configuration must meet beyond the types of its fields. Each function adds violations to
// the builder; call them in this order after all layers are applied.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/config_builder.h"

namespace modelref {

// The smallest and largest value of a number (durations in their own table).
struct NumberRange {
  absl::string_view path;
  uint64_t min;
  uint64_t max;
};
struct DurationRange {
  absl::string_view path;
  absl::Duration min;
  absl::Duration max;
};
const std::vector<NumberRange>& NumberRanges();
const std::vector<DurationRange>& DurationRanges();

// A setting whose feature this version lacks: giving it another value than its default would mean
// nothing. `warn_from_seed`: variables of the original are only warned about, because its shipped
// deployments set them everywhere.
struct UnbuiltSetting {
  absl::string_view path;  // A field, or a message and everything in it. The first match counts.
  absl::string_view feature;
  bool warn_from_seed = false;
};
const std::vector<UnbuiltSetting>& UnbuiltSettings();

// Queue, Redis and seeding mean nothing on a replica or offline. From the seed's variables they are
// switched off with one warning; from anywhere else they are violations.
void CheckReplica(ConfigBuilder* builder, std::vector<std::string>* warnings);

void CheckRanges(ConfigBuilder* builder);

// Addresses, names, folders and settings that contradict each other.
void CheckSettings(ConfigBuilder* builder, std::vector<std::string>* warnings);

void CheckUnbuilt(ConfigBuilder* builder, std::vector<std::string>* warnings);

}  // namespace modelref
