#include "backends/convert/text_names.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/convert/python_text.h"
#include "backends/convert/text_name_patterns.h"

namespace modelref {
namespace {

constexpr absl::string_view kAphrodite = "aphrodite/";
constexpr absl::string_view kKoboldcpp = "koboldcpp/";
constexpr absl::string_view kSeparators = "-_ .";

// How many separated parts stand before `end`.
size_t CountParts(absl::string_view text, size_t end) {
  size_t parts = 0;
  bool in_part = false;
  for (const char c : text.substr(0, end)) {
    const bool separator = absl::StrContains("-_ ", c);
    if (!separator && !in_part) ++parts;
    in_part = !separator;
  }
  return parts;
}

std::string CleanedBase(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!out.empty() && out.back() == c && absl::StrContains(kSeparators, c)) continue;
    out.push_back(c);
  }
  const size_t first = out.find_first_not_of(std::string(kSeparators));
  if (first == std::string::npos) return "";
  return out.substr(first, out.find_last_not_of(std::string(kSeparators)) - first + 1);
}

std::string Normalized(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool separator = absl::StrContains(kSeparators, c);
    if (separator && (out.empty() || out.back() == '_')) continue;
    out.push_back(separator ? '_' : absl::ascii_tolower(c));
  }
  if (!out.empty() && out.back() == '_') out.pop_back();
  return out;
}

std::optional<std::string> TextOf(std::optional<TakenPart> found) {
  if (!found.has_value()) return std::nullopt;
  return std::move(found->text);
}

std::optional<std::string> UpperTextOf(std::optional<TakenPart> found) {
  if (!found.has_value()) return std::nullopt;
  return absl::AsciiStrToUpper(found->text);
}

}  // namespace

TextNameParts ParseTextName(absl::string_view name) {
  absl::string_view model = StripTextBackendPrefix(name);
  if (const size_t slash = model.find('/'); slash != absl::string_view::npos) {
    model.remove_prefix(slash + 1);
  }
  TextNameParts parts;
  std::string rest(model);
  if (std::optional<std::string> leading = TakeLeadingVersion(&rest); leading.has_value()) {
    parts.extras.push_back({*std::move(leading), 0, "LEADING_VERSION"});
  }
  parts.size = UpperTextOf(TakeSize(&rest));
  parts.version = TextOf(TakeVersion(&rest));
  parts.quant = UpperTextOf(TakeQuant(&rest));
  parts.variant = TextOf(TakeVariant(&rest));
  if (std::optional<TakenPart> date = TakeDate(&rest); date.has_value()) {
    parts.extras.push_back({std::move(date->text), CountParts(rest, date->position), "DATE"});
  }
  parts.base = CleanedBase(rest);
  if (parts.base.empty()) parts.base = std::string(model);
  parts.normalized = Normalized(model);
  return parts;
}

bool HasTextEntries(const DocumentKey& key) {
  return key.format == Format::kLegacy && key.category == kTextCategory;
}

bool IsTextEntry(const DocumentKey& key, absl::string_view name) {
  return HasTextEntries(key) && HasTextBackendPrefix(name);
}

bool HasTextBackendPrefix(absl::string_view name) {
  return absl::StartsWith(name, kAphrodite) || absl::StartsWith(name, kKoboldcpp);
}

absl::string_view StripTextBackendPrefix(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kAphrodite)) absl::ConsumePrefix(&name, kKoboldcpp);
  return name;
}

absl::string_view TextModelName(absl::string_view name) {
  const size_t slash = name.find('/');
  if (slash == absl::string_view::npos) return name;
  const absl::string_view rest = name.substr(slash + 1);
  return rest.substr(0, rest.find('/'));
}

std::vector<std::string> TextNameVariants(absl::string_view name) {
  TextEntryNames entries = TextEntryNamesOf(name);
  return {std::string(name), std::move(entries.own), std::move(entries.shared)};
}

TextEntryNames TextEntryNamesOf(absl::string_view name) {
  return {absl::StrCat(kAphrodite, name), absl::StrCat(kKoboldcpp, TextModelName(name))};
}

std::string GeneratedDisplayName(absl::string_view model_name) {
  std::string out;
  for (const char c : model_name) {
    const bool separator = c == '-' || c == '_' || c == ' ';
    if (separator && !out.empty() && out.back() == ' ') continue;
    out.push_back(separator ? ' ' : c);
  }
  return std::string(PythonStrip(out));
}

}  // namespace modelref
