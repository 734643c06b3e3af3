#include "clients/modelrefctl/hex.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "clients/modelrefctl/exit_codes.h"

namespace modelref::ctl {

absl::StatusOr<std::string> ParseHex(absl::string_view text, size_t bytes, absl::string_view what) {
  const bool digits_only = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
  if (text.size() == 2 * bytes && digits_only) return absl::HexStringToBytes(text);
  return UsageError(
      absl::StrCat(what, " \"", text, "\" is not ", 2 * bytes, " hexadecimal digits"));
}

absl::StatusOr<std::string> ParseEtag(absl::string_view text) { return ParseHex(text, 32, "etag"); }

}  // namespace modelref::ctl
