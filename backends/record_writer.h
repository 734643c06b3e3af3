#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref {

// Writes one JSON value in canonical form from the events of a parser, and notices what canonical
// form cannot say. Single-threaded, reusable.
class RecordWriter {
 public:
  RecordWriter(size_t max_bytes, size_t max_depth) : max_bytes_(max_bytes), max_depth_(max_depth) {}

  void Reset();

  void Scalar(absl::string_view lexeme) { Raw(lexeme); }
  void String(absl::string_view text);
  void Key(absl::string_view name);
  void Open(char bracket);
  void Close(char bracket);
  void Refuse(std::string reason);

  // True between values: the value is complete.
  bool complete() const { return depth_ == 0; }
  // Empty when the value can be represented.
  const std::string& refusal() const { return refusal_; }
  // Canonical but for repeated member names, which `has_duplicates` tells of.
  const std::string& json() const { return json_; }
  bool has_duplicates() const { return has_duplicates_; }

 private:
  // The member names of one open object, as hashes: equal ones are repeated, or so rarely not that
  // checking is cheap.
  void CheckDuplicates(size_t first);
  void Separate();
  void Raw(absl::string_view lexeme);

  const size_t max_bytes_;
  const size_t max_depth_;
  size_t depth_ = 0;
  std::string json_;
  std::string refusal_;
  bool has_duplicates_ = false;
  std::vector<uint64_t> key_hashes_;
  std::vector<size_t> object_starts_;  // Into key_hashes_, per open object.
};

}  // namespace modelref
