#include "service/json_reader.h"

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "backends/base/json.h"

namespace modelref {
namespace {

constexpr size_t kUnicodeEscapeSize = 6;  // \uXXXX

// The code unit of a \uXXXX escape at the front of `text`, or -1.
int EscapedUnit(absl::string_view text) {
  if (text.size() < kUnicodeEscapeSize || text[0] != '\\' || text[1] != 'u') return -1;
  int unit = 0;
  for (size_t i = 2; i < kUnicodeEscapeSize; ++i) {
    const char digit = absl::ascii_tolower(static_cast<unsigned char>(text[i]));
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(digit))) return -1;
    unit = unit * 16 + (digit <= '9' ? digit - '0' : digit - 'a' + 10);
  }
  return unit;
}

void AppendUtf8(unsigned code_point, std::string* out) {
  const auto continuation = [&](unsigned shift) {
    out->push_back(static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)));
  };
  if (code_point < 0x80) {
    out->push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code_point >> 6)));
    continuation(0);
  } else if (code_point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (code_point >> 12)));
    continuation(6);
    continuation(0);
  } else {
    out->push_back(static_cast<char>(0xF0 | (code_point >> 18)));
    continuation(12);
    continuation(6);
    continuation(0);
  }
}

// What a one-letter escape stands for, or 0.
char SimpleEscape(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

// The size of the escape at the front of `text` after appending what it stands for; 0 when it
// stands for nothing that UTF-8 can say.
size_t UnescapeOne(absl::string_view text, std::string* out) {
  if (text.size() >= 2 && SimpleEscape(text[1]) != 0) {
    out->push_back(SimpleEscape(text[1]));
    return 2;
  }
  const int unit = EscapedUnit(text);
  if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return 0;
  if (unit < 0xD800 || unit > 0xDBFF) {
    AppendUtf8(static_cast<unsigned>(unit), out);
    return kUnicodeEscapeSize;
  }
  const int low = EscapedUnit(text.substr(kUnicodeEscapeSize));
  if (low < 0xDC00 || low > 0xDFFF) return 0;
  AppendUtf8(static_cast<unsigned>(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), out);
  return 2 * kUnicodeEscapeSize;
}

bool Unescape(absl::string_view text, std::string* out) {
  out->clear();
  while (!text.empty()) {
    const size_t plain = std::min(text.find('\\'), text.size());
    out->append(text.data(), plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const size_t escape = UnescapeOne(text, out);
    if (escape == 0) return false;
    text.remove_prefix(escape);
  }
  return true;
}

}  // namespace

std::optional<bool> JsonReader::ReadBool() {
  const char first = Peek();
  if (first != 't' && first != 'f') {
    Skip();
    return std::nullopt;
  }
  const absl::string_view token = Token();
  if (token == "true") return true;
  if (token == "false") return false;
  Fail();
  return std::nullopt;
}

std::optional<int64_t> JsonReader::ReadInteger() {
  const char first = Peek();
  if (first != '-' && !absl::ascii_isdigit(static_cast<unsigned char>(first))) {
    Skip();
    return std::nullopt;
  }
  int64_t value = 0;
  if (!absl::SimpleAtoi(Token(), &value)) return std::nullopt;
  return value;
}

std::optional<absl::string_view> JsonReader::ReadText() {
  if (Peek() != '"') {
    Skip();
    return std::nullopt;
  }
  absl::string_view text = RawString();
  if (text.find('\\') != absl::string_view::npos) {
    if (!Unescape(text, &unescaped_)) return std::nullopt;
    text = unescaped_;
  }
  if (!ok_ || !IsValidUtf8(text)) return std::nullopt;
  return text;
}

void JsonReader::Skip() {
  size_t depth = 0;
  do {
    switch (Peek()) {
      case '"':
        RawString();
        break;
      case '{':
      case '[':
        ++depth;
        ++at_;
        break;
      case '}':
      case ']':
        if (depth == 0) {
          Fail();
          return;
        }
        --depth;
        ++at_;
        break;
      case ',':
      case ':':
        if (depth == 0) {
          Fail();
          return;
        }
        ++at_;
        break;
      default:
        Token();
    }
  } while (ok_ && depth > 0);
}

void JsonReader::SkipSpace() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

char JsonReader::Peek() {
  SkipSpace();
  return at_ == end_ ? '\0' : *at_;
}

bool JsonReader::Consume(char expected) {
  if (Peek() != expected) return false;
  ++at_;
  return true;
}

bool JsonReader::Enter(char bracket) {
  if (Consume(bracket)) return true;
  Skip();
  return false;
}

absl::string_view JsonReader::RawString() {
  if (!Consume('"')) {
    Fail();
    return {};
  }
  const char* const begin = at_;
  while (at_ != end_) {
    const void* const found = std::memchr(at_, '"', static_cast<size_t>(end_ - at_));
    if (found == nullptr) break;
    const char* const quote = static_cast<const char*>(found);
    const char* before = quote;
    while (before != at_ && before[-1] == '\\') --before;
    at_ = quote + 1;
    // An odd number of backslashes escapes the quote.
    if ((quote - before) % 2 == 0) {
      return absl::string_view(begin, static_cast<size_t>(quote - begin));
    }
  }
  Fail();
  return {};
}

absl::string_view JsonReader::Token() {
  const char* const begin = at_;
  while (at_ != end_ && (absl::ascii_isalnum(static_cast<unsigned char>(*at_)) || *at_ == '-' ||
                         *at_ == '+' || *at_ == '.')) {
    ++at_;
  }
  if (at_ == begin) Fail();
  return absl::string_view(begin, static_cast<size_t>(at_ - begin));
}

bool JsonReader::Fail() {
  ok_ = false;
  at_ = end_;
  return false;
}

}  // namespace modelref
