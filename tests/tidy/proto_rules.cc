#include "tests/tidy/proto_rules.h"

#include <algorithm>
#include <regex>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace modelref::tidy {
namespace {

// The kind and name that a line declares, such as "rpc GetModel", or empty.
std::string Declaration(const std::string& line) {
  static const auto* const block =
      new std::regex(R"(^\s*(service|rpc|message|enum|oneof)\s+(\w+))");
  static const auto* const field = new std::regex(
      R"(^\s*(?!option\b)(repeated\s+|optional\s+)?(map\s*<[^>]+>|[\w.]+)\s+(\w+)\s*=\s*\d+)");
  static const auto* const value = new std::regex(R"(^\s+([A-Z][A-Z0-9_]*)\s*=\s*-?\d+)");
  std::smatch match;
  if (std::regex_search(line, match, *block)) return absl::StrCat(match.str(1), " ", match.str(2));
  if (std::regex_search(line, match, *value)) return absl::StrCat("value ", match.str(1));
  if (std::regex_search(line, match, *field)) return absl::StrCat("field ", match.str(3));
  return "";
}

}  // namespace

std::vector<Finding> CheckProtoComments(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!absl::EndsWith(file.path, ".proto")) return findings;
  const std::vector<std::string> lines = SplitLines(file.text);
  bool commented = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const absl::string_view line = absl::StripAsciiWhitespace(lines[i]);
    if (absl::StartsWith(line, "//")) {
      commented = true;
      continue;
    }
    const std::string declaration = Declaration(lines[i]);
    if (!declaration.empty() && !commented) {
      findings.push_back(
          {file.path, static_cast<int>(i) + 1, absl::StrCat(declaration, " has no comment")});
    }
    commented = false;
  }
  return findings;
}

}  // namespace modelref::tidy
