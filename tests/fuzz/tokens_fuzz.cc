// A tokens file that is read is written so that it reads the same; what is not, tells none of its
// text.

#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "service/auth/token_entry.h"
#include "tests/fuzz/fuzz_check.h"

namespace modelref {
namespace {

void CheckEntries(const std::vector<TokenEntry>& entries) {
  const absl::StatusOr<std::vector<TokenEntry>> again = ParseTokens(FormatTokens(entries));
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->size() == entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    FUZZ_CHECK((*again)[i].sha256 == entries[i].sha256);
    FUZZ_CHECK((*again)[i].id == entries[i].id);
    FUZZ_CHECK((*again)[i].name == entries[i].name);
    FUZZ_CHECK((*again)[i].role == entries[i].role);
    FUZZ_CHECK((*again)[i].role != Role::kNone);
    FUZZ_CHECK(!entries[i].id.empty());
  }
}

}  // namespace
}  // namespace modelref

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entries = modelref::ParseTokens(text);
  if (entries.ok()) {
    modelref::CheckEntries(*entries);
    return 0;
  }
  FUZZ_CHECK(absl::IsInvalidArgument(entries.status()));
  FUZZ_CHECK(absl::StartsWith(entries.status().message(), "line "));
  return 0;
}
