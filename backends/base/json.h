#pragma once

// A lossless JSON tree: members keep their order, numbers their lexeme, strings every code unit.
// For records, files of the original and configuration; whole documents are loaded by
// backends/document_parser.h, which builds no tree.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modelref {

class Json;

// A number as it was written: 1.0, 1e5 and 12345678901234567890 stay what they are.
struct JsonNumber {
  std::string lexeme;
  bool operator==(const JsonNumber&) const = default;
};

// Members in order. Names are unique: a second one replaces the value and keeps the first one's
// place, as Python does. Lookups are linear.
class JsonObject {
 public:
  using Member = std::pair<std::string, Json>;

  // Null when there is no such member. The pointer is good until the object changes.
  const Json* Find(absl::string_view name) const;
  Json* Find(absl::string_view name);
  void Set(absl::string_view name, Json value);
  // False when there was none.
  bool Erase(absl::string_view name);

  const std::vector<Member>& members() const { return members_; }
  std::vector<Member>& members() { return members_; }
  bool empty() const;
  size_t size() const;
  bool operator==(const JsonObject&) const;

 private:
  std::vector<Member> members_;
};

using JsonArray = std::vector<Json>;

// Strings are UTF-8; a lone surrogate of the source (\ud800) is kept as its three-byte WTF-8 form
// (ED A0 80) and is written back as the lower-case escape. Value type, thread-compatible.
class Json {
 public:
  Json() = default;  // null
  // Out of line: a tree's copies and moves are too large to inline.
  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(JsonNumber value) : value_(std::move(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(absl::string_view value) : value_(std::string(value)) {}
  Json(JsonArray value) : value_(std::move(value)) {}
  Json(JsonObject value) : value_(std::move(value)) {}
  static Json Number(int64_t value);

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  // Null pointers when the value is of another type.
  const bool* AsBool() const { return std::get_if<bool>(&value_); }
  const JsonNumber* AsNumber() const { return std::get_if<JsonNumber>(&value_); }
  const std::string* AsString() const { return std::get_if<std::string>(&value_); }
  const JsonArray* AsArray() const { return std::get_if<JsonArray>(&value_); }
  const JsonObject* AsObject() const { return std::get_if<JsonObject>(&value_); }
  JsonArray* AsArray() { return std::get_if<JsonArray>(&value_); }
  JsonObject* AsObject() { return std::get_if<JsonObject>(&value_); }

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::nullptr_t, bool, JsonNumber, std::string, JsonArray, JsonObject> value_;
};

// Here because they need a complete Json.
inline bool JsonObject::empty() const { return members_.empty(); }
inline size_t JsonObject::size() const { return members_.size(); }

struct JsonLimits {
  // Nesting of arrays and objects; a scalar alone has depth 0. Values above kMaxJsonDepth count as
  // kMaxJsonDepth, because trees are walked recursively.
  size_t depth = 64;
  // NaN, Infinity, -Infinity: Python writes them; a record that holds one is invalid (DESIGN 3).
  bool allow_nan_and_infinity = false;
};
inline constexpr size_t kMaxJsonDepth = 1000;

// Parses exactly one value with nothing but white space around it.
//   INVALID_ARGUMENT  not UTF-8, not JSON, too deep, 2 GiB or more: the message names line, column
//                     and reason.
absl::StatusOr<Json> ParseJson(absl::string_view text, const JsonLimits& limits = {});

// Canonical form (DESIGN 3): compact; lexemes kept; strings escaped minimally as RFC 8785 3.2.2.2;
// lone surrogates as lower-case \udxxx; members in stored order. This is the form that etags hash.
std::string CanonicalJson(const Json& value);

// How Python's json.dumps lays a value out.
struct JsonStyle {
  int indent = 2;        // Spaces per level; negative: one line with ", " and ": ".
  bool ascii = false;    // \uXXXX for DEL and above (surrogate pairs above the BMP).
  bool compact = false;  // With a negative indent: "," and ":" without spaces.
};
std::string FormatJson(const Json& value, const JsonStyle& style);

// False for NaN, Infinity and what a lenient reader takes for one of them; the lexeme of any other
// number begins with a digit after its sign.
bool IsFiniteLexeme(absl::string_view lexeme);

// What Python prints for a number it has read, json.dumps(json.loads(lexeme)): -0 is 0, 1e5 is
// 100000.0, 0.70 is 0.7, 1e400 is Infinity; integers keep every digit. Other text is returned as
// is.
std::string PythonNumber(absl::string_view lexeme);

// Appends `text` (WTF-8) as a canonical JSON string, quotes included.
void AppendCanonicalString(absl::string_view text, std::string* out);

// True when `text` is well-formed UTF-8 (no surrogates, nothing overlong, nothing above U+10FFFF).
bool IsValidUtf8(absl::string_view text);
// Byte offset of the first ill-formed sequence, or text.size().
size_t FindInvalidUtf8(absl::string_view text);

// "line 3, column 14" (both from 1, columns in bytes) of a byte offset.
std::string DescribeOffset(absl::string_view text, size_t offset);

}  // namespace modelref
