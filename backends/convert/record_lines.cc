#include "backends/convert/record_lines.h"

#include <algorithm>

#include "backends/base/json.h"

namespace modelref {
namespace {

// The offset after the string that starts at `start`.
size_t EndOfString(absl::string_view json, size_t start) {
  size_t i = start + 1;
  while (i < json.size() && json[i] != '"') i += json[i] == '\\' ? 2 : 1;
  return std::min(i + 1, json.size());
}

bool IsName(absl::string_view json, size_t end_of_string) {
  const size_t next = json.find_first_not_of(" \t\r\n", end_of_string);
  return next != absl::string_view::npos && json[next] == ':';
}

}  // namespace

RecordLines FindRecordLines(absl::string_view json) {
  RecordLines lines;
  size_t line = 1;
  size_t depth = 0;
  size_t i = 0;
  while (i < json.size()) {
    const char c = json[i];
    size_t next = i + 1;
    if (c == '"') {
      next = EndOfString(json, i);
      if (depth == 1 && IsName(json, next)) {
        if (absl::StatusOr<Json> name = ParseJson(json.substr(i, next - i)); name.ok()) {
          lines[*name->AsString()] = line;
        }
      }
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == '\n') {
      ++line;
    }
    i = next;
  }
  return lines;
}

}  // namespace modelref
