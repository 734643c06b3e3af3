#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/json_surrogates.h"

namespace modelref {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

void AppendUnicodeEscape(unsigned unit, std::string* out) {
  out->append("\\u");
  for (int shift = 12; shift >= 0; shift -= 4) out->push_back(kHexDigits[(unit >> shift) & 0xF]);
}

void AppendEscapedAscii(char c, std::string* out) {
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\b':
      out->append("\\b");
      return;
    case '\t':
      out->append("\\t");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\f':
      out->append("\\f");
      return;
    case '\r':
      out->append("\\r");
      return;
    default:
      AppendUnicodeEscape(static_cast<unsigned char>(c), out);
  }
}

// The code point at `*position`, which is not ASCII, and moves past it. A byte that starts no
// complete sequence stands for itself.
unsigned TakeCodePoint(absl::string_view text, size_t* position) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[*position + i]); };
  const unsigned lead = byte(0);
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (length == 1 || *position + length > text.size()) {
    ++*position;
    return lead;
  }
  unsigned code_point = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) code_point = (code_point << 6) | (byte(i) & 0x3Fu);
  *position += length;
  return code_point;
}

void AppendAsciiEscapes(unsigned code_point, std::string* out) {
  if (code_point < 0x10000) {
    AppendUnicodeEscape(code_point, out);
    return;
  }
  AppendUnicodeEscape(0xD800 + ((code_point - 0x10000) >> 10), out);
  AppendUnicodeEscape(0xDC00 + ((code_point - 0x10000) & 0x3FF), out);
}

// The offset from `i` of the first eight bytes that may hold something to escape, or bytes beyond
// ASCII; strings are mostly neither, so eight bytes are looked at in one step.
size_t SkipPlainWords(absl::string_view text, size_t i) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  constexpr uint64_t kHighBits = 0x8080808080808080u;
  const auto has_zero_byte = [](uint64_t word) { return (word - kOnes) & ~word & kHighBits; };
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    const uint64_t below_space = (word - kOnes * 0x20) & ~word & kHighBits;
    if ((below_space | has_zero_byte(word ^ (kOnes * '"')) | has_zero_byte(word ^ (kOnes * '\\')) |
         (word & kHighBits)) != 0) {
      break;
    }
  }
  return i;
}

void AppendString(absl::string_view text, bool ascii, std::string* out) {
  out->push_back('"');
  size_t copied = 0;
  size_t i = 0;
  while (i < text.size()) {
    if (!ascii) i = SkipPlainWords(text, i);
    if (i == text.size()) break;
    const auto c = static_cast<unsigned char>(text[i]);
    const unsigned surrogate = c == 0xED ? Wtf8SurrogateAt(text, i) : 0;
    const bool plain = c >= 0x20 && c != '"' && c != '\\' && surrogate == 0 && (!ascii || c < 0x7F);
    if (plain) {
      ++i;
      continue;
    }
    out->append(text.data() + copied, i - copied);
    if (surrogate != 0) {
      AppendUnicodeEscape(surrogate, out);
      i += 3;
    } else if (c <= 0x7F) {
      AppendEscapedAscii(text[i++], out);
    } else {
      AppendAsciiEscapes(TakeCodePoint(text, &i), out);
    }
    copied = i;
  }
  out->append(text.data() + copied, text.size() - copied);
  out->push_back('"');
}

// Walks a tree and writes it in one style. Trees are at most kMaxJsonDepth deep when parsed.
class Writer {
 public:
  Writer(const JsonStyle& style, std::string* out) : style_(style), out_(out) {
    const bool one_line = style.indent < 0;
    item_separator_ = one_line && !style.compact ? ", " : ",";
    name_separator_ = one_line && style.compact ? ":" : ": ";
  }

  void Write(const Json& value, int level) {
    if (const std::string* string = value.AsString(); string != nullptr) {
      AppendString(*string, style_.ascii, out_);
    } else if (const JsonNumber* number = value.AsNumber(); number != nullptr) {
      out_->append(number->lexeme);
    } else if (const bool* boolean = value.AsBool(); boolean != nullptr) {
      out_->append(*boolean ? "true" : "false");
    } else if (const JsonObject* object = value.AsObject(); object != nullptr) {
      WriteObject(*object, level);
    } else if (const JsonArray* array = value.AsArray(); array != nullptr) {
      WriteArray(*array, level);
    } else {
      out_->append("null");
    }
  }

 private:
  void WriteObject(const JsonObject& object, int level) {
    out_->push_back('{');
    bool first = true;
    for (const auto& [name, value] : object.members()) {
      StartItem(level + 1, &first);
      AppendString(name, style_.ascii, out_);
      out_->append(name_separator_.data(), name_separator_.size());
      Write(value, level + 1);
    }
    if (!first) BreakLine(level);
    out_->push_back('}');
  }

  void WriteArray(const JsonArray& array, int level) {
    out_->push_back('[');
    bool first = true;
    for (const Json& value : array) {
      StartItem(level + 1, &first);
      Write(value, level + 1);
    }
    if (!first) BreakLine(level);
    out_->push_back(']');
  }

  void StartItem(int level, bool* first) {
    if (!*first) out_->append(item_separator_.data(), item_separator_.size());
    *first = false;
    BreakLine(level);
  }

  void BreakLine(int level) {
    if (style_.indent < 0) return;
    out_->push_back('\n');
    out_->append(static_cast<size_t>(level) * static_cast<size_t>(style_.indent), ' ');
  }

  const JsonStyle style_;
  absl::string_view item_separator_;
  absl::string_view name_separator_;
  std::string* const out_;
};

}  // namespace

std::string CanonicalJson(const Json& value) {
  return FormatJson(value, {.indent = -1, .ascii = false, .compact = true});
}

std::string FormatJson(const Json& value, const JsonStyle& style) {
  std::string out;
  Writer(style, &out).Write(value, 0);
  return out;
}

void AppendCanonicalString(absl::string_view text, std::string* out) {
  AppendString(text, /*ascii=*/false, out);
}

}  // namespace modelref
