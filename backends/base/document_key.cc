#include "backends/base/document_key.h"

#include "absl/strings/str_cat.h"

namespace modelref {

absl::string_view FormatName(Format format) { return format == Format::kLegacy ? "legacy" : "v2"; }

std::string DocumentKey::ToString() const {
  return absl::StrCat(category, "/", FormatName(format));
}

}  // namespace modelref
