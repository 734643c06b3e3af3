#pragma once

// The value sets of the original (H 1.2) that decide whether a record is valid or only remarkable.

#include "absl/strings/string_view.h"

namespace modelref {

// A baseline of image models by name or by one of its aliases ("SDXL", "stable diffusion 1").
bool IsKnownImageBaseline(absl::string_view baseline);

// The v2 name of a legacy baseline ("stable diffusion 2" is stable_diffusion_2_768); other text is
// returned as is.
absl::string_view NormalizedImageBaseline(absl::string_view legacy);
// The same back: what a legacy record says for that baseline.
absl::string_view LegacyImageBaseline(absl::string_view baseline);

bool IsKnownModelStyle(absl::string_view style);
bool IsKnownControlnetStyle(absl::string_view style);

// A setting of text generation that a record may preset (H 3.9).
bool IsKnownTextSetting(absl::string_view name);

}  // namespace modelref
