#include "clients/modelrefctl/yaml.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "backends/base/json_surrogates.h"
#include "clients/modelrefctl/code_points.h"

namespace modelref::ctl {
namespace {

constexpr int kIndent = 2;

// Words that YAML 1.1 or 1.2 resolves to something that is no string.
constexpr std::array<absl::string_view, 10> kReservedWords = {
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"};

bool IsReservedWord(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  return std::find(kReservedWords.begin(), kReservedWords.end(), lower) != kReservedWords.end();
}

// Plain only where no reader can disagree: it begins with a letter and has no special character.
bool IsPlainScalar(absl::string_view text) {
  if (text.empty() || !absl::ascii_isalpha(static_cast<unsigned char>(text[0]))) return false;
  for (const char c : text) {
    const bool safe = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ||
                      c == '.' || c == '/' || c == '+';
    if (!safe) return false;
  }
  return !IsReservedWord(text);
}

bool IsPrintable(char32_t c) {
  if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xFEFF) return false;
  return c != 0x2028 && c != 0x2029 && (c & 0xFFFE) != 0xFFFE;
}

void AppendEscaped(char32_t c, std::string* out) {
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\t':
      out->append("\\t");
      return;
    case '\r':
      out->append("\\r");
      return;
    default:
      break;
  }
  const auto value = static_cast<unsigned>(c);
  if (c <= 0xFF) {
    absl::StrAppendFormat(out, "\\x%02x", value);
  } else if (c <= 0xFFFF) {
    absl::StrAppendFormat(out, "\\u%04x", value);
  } else {
    absl::StrAppendFormat(out, "\\U%08x", value);
  }
}

void AppendQuoted(absl::string_view text, std::string* out) {
  out->push_back('"');
  for (size_t i = 0; i < text.size();) {
    if (const unsigned surrogate = Wtf8SurrogateAt(text, i); surrogate != 0) {
      AppendEscaped(surrogate, out);
      i += 3;
      continue;
    }
    const CodePoint point = FirstCodePoint(text.substr(i));
    const bool plain = IsPrintable(point.value) && point.value != '"' && point.value != '\\';
    if (plain && point.valid) {
      out->append(text.data() + i, point.size);
    } else {
      AppendEscaped(point.value, out);
    }
    i += point.size;
  }
  out->push_back('"');
}

void AppendScalar(absl::string_view text, std::string* out) {
  if (IsPlainScalar(text)) {
    out->append(text.data(), text.size());
  } else {
    AppendQuoted(text, out);
  }
}

class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}

  // Writes what stands behind "name:" or "-" at `level`, up to the end of its last line.
  void WriteValue(const Json& value, int level) {
    if (const JsonObject* object = value.AsObject(); object != nullptr && !object->empty()) {
      out_->push_back('\n');
      WriteMembers(*object, level + 1, /*first_indented=*/false);
    } else if (const JsonArray* array = value.AsArray(); array != nullptr && !array->empty()) {
      out_->push_back('\n');
      WriteItems(*array, level + 1);
    } else {
      out_->push_back(' ');
      WriteFlow(value);
    }
  }

  // `first_indented`: the first line has its indentation already ("- name: value").
  void WriteMembers(const JsonObject& object, int level, bool first_indented) {
    for (const auto& [name, value] : object.members()) {
      if (!first_indented) Indent(level);
      first_indented = false;
      AppendScalar(name, out_);
      out_->push_back(':');
      WriteValue(value, level);
    }
  }

  void WriteItems(const JsonArray& array, int level) {
    for (const Json& item : array) {
      Indent(level);
      out_->push_back('-');
      const JsonObject* object = item.AsObject();
      if (object != nullptr && !object->empty()) {
        out_->push_back(' ');
        WriteMembers(*object, level + 1, /*first_indented=*/true);
      } else {
        WriteValue(item, level);
      }
    }
  }

  // A scalar or an empty collection, and the end of the line.
  void WriteFlow(const Json& value) {
    if (const std::string* text = value.AsString(); text != nullptr) {
      AppendScalar(*text, out_);
    } else {
      out_->append(CanonicalJson(value));
    }
    out_->push_back('\n');
  }

 private:
  void Indent(int level) { out_->append(static_cast<size_t>(level * kIndent), ' '); }

  std::string* const out_;
};

}  // namespace

std::string FormatYaml(const Json& value) {
  std::string out;
  Writer writer(&out);
  if (const JsonObject* object = value.AsObject(); object != nullptr && !object->empty()) {
    writer.WriteMembers(*object, 0, /*first_indented=*/false);
  } else if (const JsonArray* array = value.AsArray(); array != nullptr && !array->empty()) {
    writer.WriteItems(*array, 0);
  } else {
    writer.WriteFlow(value);
  }
  return out;
}

std::string FormatYamlMember(absl::string_view name, const Json& value) {
  std::string out;
  AppendScalar(name, &out);
  out.push_back(':');
  Writer(&out).WriteValue(value, 0);
  return out;
}

}  // namespace modelref::ctl
