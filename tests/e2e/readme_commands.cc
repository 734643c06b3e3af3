#include "tests/e2e/readme_commands.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"

namespace modelref {
namespace {

constexpr absl::string_view kAnything = "…";

bool LineMatches(absl::string_view shown, absl::string_view actual) {
  const std::vector<absl::string_view> parts = absl::StrSplit(shown, kAnything);
  if (!absl::ConsumePrefix(&actual, parts.front())) return false;
  if (parts.size() == 1) return actual.empty();
  for (size_t i = 1; i + 1 < parts.size(); ++i) {
    const size_t found = actual.find(parts[i]);
    if (found == absl::string_view::npos) return false;
    actual.remove_prefix(found + parts[i].size());
  }
  return absl::EndsWith(actual, parts.back());
}

bool LinesMatch(absl::Span<const std::string> shown, absl::Span<const std::string> actual) {
  if (shown.empty()) return actual.empty();
  if (absl::StripAsciiWhitespace(shown[0]) == kAnything) {
    for (size_t skipped = 0; skipped <= actual.size(); ++skipped) {
      if (LinesMatch(shown.subspan(1), actual.subspan(skipped))) return true;
    }
    return false;
  }
  return !actual.empty() &&
         LineMatches(absl::StripTrailingAsciiWhitespace(shown[0]),
                     absl::StripTrailingAsciiWhitespace(actual[0])) &&
         LinesMatch(shown.subspan(1), actual.subspan(1));
}

}  // namespace

std::vector<ReadmeCommand> ReadCommands(absl::string_view markdown) {
  std::vector<ReadmeCommand> commands;
  bool in_block = false;
  bool continues = false;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(markdown, '\n')) {
    ++number;
    if (absl::StartsWith(line, "```")) {
      in_block = !in_block && line == "```console";
      continues = false;
    } else if (in_block && continues) {
      continues = absl::ConsumeSuffix(&line, "\\");
      commands.back().command.append(line.data(), line.size());
    } else if (in_block && absl::ConsumePrefix(&line, "$ ")) {
      continues = absl::ConsumeSuffix(&line, "\\");
      commands.push_back({std::string(line), {}, number});
    } else if (in_block && !commands.empty()) {
      commands.back().output.emplace_back(line);
    }
  }
  return commands;
}

bool OutputMatches(const std::vector<std::string>& shown, const std::vector<std::string>& actual) {
  return LinesMatch(shown, actual);
}

}  // namespace modelref
