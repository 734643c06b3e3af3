#include "backends/convert/text_name_patterns.h"

#include <array>
#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace modelref {
namespace {

bool IsDigit(absl::string_view text, size_t i) {
  return i < text.size() && absl::ascii_isdigit(text[i]);
}
bool IsLetter(absl::string_view text, size_t i) {
  return i < text.size() && absl::ascii_isalpha(text[i]);
}
bool IsAlnum(absl::string_view text, size_t i) { return IsDigit(text, i) || IsLetter(text, i); }
bool IsWord(absl::string_view text, size_t i) {
  return IsAlnum(text, i) ||
         (i < text.size() && (text[i] == '_' || static_cast<unsigned char>(text[i]) >= 0x80));
}
size_t SkipDigits(absl::string_view text, size_t i) {
  while (IsDigit(text, i)) ++i;
  return i;
}
bool IsOneOf(absl::string_view text, size_t i, absl::string_view lower) {
  return i < text.size() && absl::StrContains(lower, absl::ascii_tolower(text[i]));
}

// A matcher returns the end of its pattern at `start`, or `start` when it does not match there.
using Matcher = size_t (*)(absl::string_view text, size_t start);

// \d+\.?\d*[BMK]\d* and no letter before or after.
size_t MatchSize(absl::string_view text, size_t start) {
  if (start > 0 && IsLetter(text, start - 1)) return start;
  size_t i = SkipDigits(text, start);
  if (i == start) return start;
  if (i < text.size() && text[i] == '.') i = SkipDigits(text, i + 1);
  if (!IsOneOf(text, i, "bmk")) return start;
  const size_t unit_end = i + 1;
  i = SkipDigits(text, unit_end);
  if (!IsLetter(text, i)) return i;
  return i > unit_end ? i - 1 : start;  // The pattern gives back a digit, as a regex would.
}

// \d+x\d+[BMK] and no letter before or after.
size_t MatchExpertSize(absl::string_view text, size_t start) {
  if (start > 0 && IsLetter(text, start - 1)) return start;
  size_t i = SkipDigits(text, start);
  if (i == start || !IsOneOf(text, i, "x")) return start;
  const size_t second = i + 1;
  i = SkipDigits(text, second);
  if (i == second || !IsOneOf(text, i, "bmk")) return start;
  return IsLetter(text, i + 1) ? start : i + 1;
}

// v\d+(\.\d+)+
size_t MatchDottedVersion(absl::string_view text, size_t start) {
  if (!IsOneOf(text, start, "v")) return start;
  size_t i = SkipDigits(text, start + 1);
  if (i == start + 1) return start;
  size_t end = start;
  while (i < text.size() && text[i] == '.' && IsDigit(text, i + 1)) {
    i = SkipDigits(text, i + 1);
    end = i;
  }
  return end;
}

// v\d+ and neither letter, digit nor dot after it.
size_t MatchVersion(absl::string_view text, size_t start) {
  if (!IsOneOf(text, start, "v")) return start;
  const size_t i = SkipDigits(text, start + 1);
  if (i == start + 1 || IsAlnum(text, i) || (i < text.size() && text[i] == '.')) return start;
  return i;
}

bool AtWordBoundary(absl::string_view text, size_t i) {
  return (i > 0 && IsWord(text, i - 1)) != IsWord(text, i);
}

// One of `words` (lower case, in order of preference) as a whole word.
template <size_t N>
size_t MatchWord(absl::string_view text, size_t start,
                 const std::array<absl::string_view, N>& words) {
  if (!AtWordBoundary(text, start)) return start;
  for (const absl::string_view word : words) {
    if (absl::StartsWithIgnoreCase(text.substr(start), word) &&
        AtWordBoundary(text, start + word.size())) {
      return start + word.size();
    }
  }
  return start;
}

// The end of Q[2-8] at `start`, or `start`.
size_t MatchQ(absl::string_view text, size_t start) {
  const bool matches = AtWordBoundary(text, start) && IsOneOf(text, start, "q") &&
                       IsOneOf(text, start + 1, "2345678");
  return matches ? start + 2 : start;
}

// Q[2-8]_K(_[SMLH])? as a whole word.
size_t MatchKQuant(absl::string_view text, size_t start) {
  const size_t i = MatchQ(text, start);
  if (i == start || !IsOneOf(text, i, "_") || !IsOneOf(text, i + 1, "k")) return start;
  const bool sized = IsOneOf(text, i + 2, "_") && IsOneOf(text, i + 3, "smlh");
  if (sized && AtWordBoundary(text, i + 4)) return i + 4;
  return AtWordBoundary(text, i + 2) ? i + 2 : start;
}

// Q[2-8]_[01] as a whole word.
size_t MatchLegacyQuant(absl::string_view text, size_t start) {
  const size_t i = MatchQ(text, start);
  if (i == start || !IsOneOf(text, i, "_") || !IsOneOf(text, i + 1, "01")) return start;
  return AtWordBoundary(text, i + 2) ? i + 2 : start;
}

size_t MatchBareQuant(absl::string_view text, size_t start) {
  const size_t i = MatchQ(text, start);
  return AtWordBoundary(text, i) ? i : start;
}

size_t MatchQuantFormat(absl::string_view text, size_t start) {
  return MatchWord<5>(text, start, {"gguf", "ggml", "gptq", "awq", "exl2"});
}

size_t MatchPrecision(absl::string_view text, size_t start) {
  return MatchWord<4>(text, start, {"fp16", "fp32", "int8", "int4"});
}

size_t MatchTuning(absl::string_view text, size_t start) {
  return MatchWord<7>(text, start,
                      {"instruct", "chat", "code", "base", "uncensored", "finetune", "ft"});
}

size_t MatchReasoning(absl::string_view text, size_t start) {
  return MatchWord<2>(text, start, {"thinking", "reasoning"});
}

size_t MatchRelease(absl::string_view text, size_t start) {
  return MatchWord<3>(text, start, {"turbo", "preview", "latest"});
}

// `first` digits, then "-" and `second` digits when there are any, with neither letter nor digit
// around.
size_t MatchDigitGroups(absl::string_view text, size_t start, size_t first, size_t second) {
  if (start > 0 && IsAlnum(text, start - 1)) return start;
  size_t end = SkipDigits(text, start);
  if (end - start != first) return start;
  if (second > 0) {
    if (end >= text.size() || text[end] != '-') return start;
    const size_t begin = end + 1;
    end = SkipDigits(text, begin);
    if (end - begin != second) return start;
  }
  return IsLetter(text, end) ? start : end;
}

size_t MatchMonthYear(absl::string_view text, size_t start) {
  return MatchDigitGroups(text, start, 2, 4);
}
size_t MatchYearMonth(absl::string_view text, size_t start) {
  return MatchDigitGroups(text, start, 4, 2);
}
size_t MatchFourDigits(absl::string_view text, size_t start) {
  return MatchDigitGroups(text, start, 4, 0);
}

// Cuts the first match of the first matcher that matches anywhere.
std::optional<TakenPart> TakeFirst(std::initializer_list<Matcher> matchers, std::string* text) {
  for (const Matcher matcher : matchers) {
    for (size_t start = 0; start < text->size(); ++start) {
      const size_t end = matcher(*text, start);
      if (end == start) continue;
      TakenPart found = {text->substr(start, end - start), start};
      text->erase(start, end - start);
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> TakeLeadingVersion(std::string* text) {
  size_t i = SkipDigits(*text, 0);
  if (i == 0) return std::nullopt;
  size_t groups = 1;
  while (groups < 3 && i < text->size() && (*text)[i] == '.' && IsDigit(*text, i + 1)) {
    i = SkipDigits(*text, i + 1);
    ++groups;
  }
  if (groups < 2 || !IsOneOf(*text, i, "-_")) return std::nullopt;
  std::string version = text->substr(0, i);
  text->erase(0, i + 1);
  return version;
}

std::optional<TakenPart> TakeSize(std::string* text) {
  return TakeFirst({MatchSize, MatchExpertSize}, text);
}

std::optional<TakenPart> TakeVersion(std::string* text) {
  return TakeFirst({MatchDottedVersion, MatchVersion}, text);
}

std::optional<TakenPart> TakeQuant(std::string* text) {
  return TakeFirst(
      {MatchKQuant, MatchLegacyQuant, MatchBareQuant, MatchQuantFormat, MatchPrecision}, text);
}

std::optional<TakenPart> TakeVariant(std::string* text) {
  return TakeFirst({MatchTuning, MatchReasoning, MatchRelease}, text);
}

std::optional<TakenPart> TakeDate(std::string* text) {
  return TakeFirst({MatchMonthYear, MatchYearMonth, MatchFourDigits}, text);
}

}  // namespace modelref
