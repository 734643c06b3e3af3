#pragma once

#include <compare>
#include <string>

#include "absl/strings/string_view.h"

namespace modelref {

// The two forms a category is kept in. The values are those of the proto enum and of the digest
// (DESIGN 3).
enum class Format { kLegacy = 1, kV2 = 2 };

// "legacy" or "v2", as in files, logs and the command line.
absl::string_view FormatName(Format format);

// Names one document: a category in one format. The unit of requests, events, etags and tokens.
struct DocumentKey {
  std::string category;
  Format format = Format::kV2;

  auto operator<=>(const DocumentKey&) const = default;
  // "image_generation/v2", for logs and messages.
  std::string ToString() const;
};

}  // namespace modelref
