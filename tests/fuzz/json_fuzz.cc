// What is parsed is written so that it parses to the same tree, in every style.

#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "backends/base/json.h"
#include "tests/fuzz/fuzz_check.h"

namespace modelref {
namespace {

constexpr JsonStyle kStyles[] = {
    {.indent = 2},
    {.indent = 4, .ascii = true},
    {.indent = -1, .ascii = true, .compact = true},
};

void CheckTree(const Json& tree, const JsonLimits& limits) {
  const std::string canonical = CanonicalJson(tree);
  FUZZ_CHECK(IsValidUtf8(canonical));
  const absl::StatusOr<Json> again = ParseJson(canonical, limits);
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(*again == tree);
  FUZZ_CHECK(CanonicalJson(*again) == canonical);
  for (const JsonStyle& style : kStyles) {
    const absl::StatusOr<Json> styled = ParseJson(FormatJson(tree, style), limits);
    FUZZ_CHECK(styled.ok());
    FUZZ_CHECK(*styled == tree);
  }
}

void CheckText(absl::string_view text, const JsonLimits& limits) {
  const absl::StatusOr<Json> tree = ParseJson(text, limits);
  if (tree.ok()) {
    CheckTree(*tree, limits);
    return;
  }
  FUZZ_CHECK(absl::IsInvalidArgument(tree.status()));
  FUZZ_CHECK(absl::StartsWith(tree.status().message(), "line "));
}

void CheckNumber(absl::string_view text) {
  // What Python has written it writes again.
  const std::string python = PythonNumber(text);
  FUZZ_CHECK(PythonNumber(python) == python);
}

}  // namespace
}  // namespace modelref

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  modelref::CheckText(text, {});
  modelref::CheckText(text, {.depth = 3, .allow_nan_and_infinity = true});
  modelref::CheckNumber(text);
  return 0;
}
