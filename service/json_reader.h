#pragma once

// Reads the JSON of a record forward, without a tree and without copies: for listings, which look
// at a few members of very many records. Trees are backends/base/json.h.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace modelref {

// A cursor that stands before a value. Every Read method consumes that value whatever it is, and
// returns nothing when it is of another type.
//
// Made for the JSON of a Record, which is valid; of other text it reads what it can, and where that
// ends ok() turns false and nothing more is read. Never recurses. Single-threaded; the text must
// outlive the reader.
class JsonReader {
 public:
  explicit JsonReader(absl::string_view json) : at_(json.data()), end_(json.data() + json.size()) {}

  // Calls fn(key) before each member's value, which fn must consume once. The key is as written,
  // escapes included. False when the value is no object.
  template <typename Fn>
  bool ReadObject(Fn fn) {
    if (!Enter('{')) return false;
    if (Consume('}')) return true;
    do {
      const absl::string_view key = RawString();
      if (!Consume(':')) return Fail();
      fn(key);
    } while (Consume(','));
    return Consume('}') || Fail();
  }

  // Calls fn() before each element, which fn must consume once. False when the value is no array.
  template <typename Fn>
  bool ReadArray(Fn fn) {
    if (!Enter('[')) return false;
    if (Consume(']')) return true;
    do {
      fn();
    } while (Consume(','));
    return Consume(']') || Fail();
  }

  std::optional<bool> ReadBool();
  // Of a number written without fraction and exponent that fits.
  std::optional<int64_t> ReadInteger();
  // Of a string that is UTF-8; one with a lone surrogate is not. The view is good until the next
  // call.
  std::optional<absl::string_view> ReadText();
  void Skip();

  bool ok() const { return ok_; }

 private:
  void SkipSpace();
  // The next character that is not white space; 0 at the end.
  char Peek();
  bool Consume(char expected);
  // Consumes the bracket, or the whole value when it is something else.
  bool Enter(char bracket);
  // The text between the quotes.
  absl::string_view RawString();
  // A number or a literal.
  absl::string_view Token();
  bool Fail();

  const char* at_;
  const char* end_;
  bool ok_ = true;
  std::string unescaped_;
};

}  // namespace modelref
