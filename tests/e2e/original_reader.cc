#include "tests/e2e/original_reader.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"

namespace modelref::testing {
namespace {

namespace fs = std::filesystem;

std::string ReadBytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// The text with its white space outside strings laid out anew: by `indent` spaces a level, or, when
// that is negative, without any.
std::string LayOut(const std::string& text, int indent) {
  std::string out;
  int depth = 0;
  bool in_string = false;
  const auto line = [&] {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<size_t>(depth * indent), ' ');
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) out += text[++i];
      if (c == '"') in_string = false;
      continue;
    }
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r') continue;
    if (c == '}' || c == ']') {
      --depth;
      const bool is_empty = !out.empty() && (out.back() == '{' || out.back() == '[');
      if (!is_empty) line();
    } else if (!out.empty() && (out.back() == '{' || out.back() == '[')) {
      line();
    }
    out += c;
    in_string = c == '"';
    if (c == '{' || c == '[') ++depth;
    if (c == ',') line();
    if (c == ':' && indent >= 0) out += ' ';
  }
  return out;
}

bool HasEscapesOfCharacters(const std::string& text) {
  static const auto& pattern = *new std::regex(R"re(\\u(?!00[01])(?![dD][89a-fA-F]))re");
  return std::regex_search(text, pattern);
}

// The members of a line that the original writes, in its order.
const std::regex& LinePattern() {
  static const auto& pattern = *new std::regex(
      R"re(^\{"event_id":([0-9]+),"timestamp":[0-9]+,"domain":"(legacy|v2)",)re"
      R"re("category":"([a-z0-9_]+)","model_name":"(?:[^"\\]|\\.)*",)re"
      R"re("operation":"(create|update|delete)","logical_user_id":"(?:[^"\\]|\\.)*")re"
      R"re((?:,"request_id":"(?:[^"\\]|\\.)*")?,"payload":\{)re");
  return pattern;
}

std::string CheckLine(const std::string& line, const fs::path& path, uint64_t* id) {
  const bool is_ascii = std::all_of(line.begin(), line.end(),
                                    [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  std::smatch match;
  // Only the head: the engine recurses for each character.
  const std::string head = line.substr(0, 2000);
  if (!std::regex_search(head, match, LinePattern())) return "keys: " + head.substr(0, 200);
  if (!is_ascii) return "not ASCII";
  if (LayOut(line, -1) != line) return "not compact";
  const std::string category = path.parent_path().filename().string();
  const std::string domain = path.parent_path().parent_path().filename().string();
  if (match[2] != domain || match[3] != category) return "in the wrong folder";
  *id = std::stoull(match[1]);
  return "";
}

}  // namespace

std::string CheckCategoryFile(const std::string& bytes) {
  if (bytes.empty() || bytes.front() != '{' || bytes.back() != '}') return "no object alone";
  if (HasEscapesOfCharacters(bytes)) return "escapes characters";
  const std::string expected = LayOut(bytes, 2);
  if (bytes == expected) return "";
  const auto differs = std::mismatch(bytes.begin(), bytes.end(), expected.begin(), expected.end());
  return absl::StrCat("laid out otherwise at byte ", differs.first - bytes.begin());
}

std::string CheckMetadataFile(const std::string& bytes) {
  static const auto& pattern = *new std::regex(
      R"re(\{
  "category": "[a-z0-9_]+",
  "last_updated": [0-9]+,
  "last_operation_type": (?:"create"|"update"|"delete"|null),
  "last_operation_model": (?:"(?:[^"\\]|\\.)*"|null),
  "total_creates": [0-9]+,
  "total_updates": [0-9]+,
  "total_deletes": [0-9]+,
  "total_models": [0-9]+,
  "initialization_time": [0-9]+,
  "last_successful_operation": (?:[0-9]+|null),
  "error_count": [0-9]+,
  "metadata_schema_version": "1\.0\.0",
  "backend_type": "FileSystemBackend"
\})re");
  return std::regex_match(bytes, pattern) ? "" : "is not in the original's form: " + bytes;
}

std::string CheckTrail(const std::string& audit_root) {
  uint64_t newest = 0;
  std::set<uint64_t> ids;
  for (const auto& entry : fs::recursive_directory_iterator(audit_root)) {
    if (entry.path().extension() != ".jsonl") continue;
    const std::string bytes = ReadBytes(entry.path());
    if (bytes.empty() || bytes.back() != '\n') return entry.path().string() + ": torn";
    std::istringstream lines(bytes);
    uint64_t last = 0;
    for (std::string line; std::getline(lines, line);) {
      uint64_t id = 0;
      const std::string wrong = CheckLine(line, entry.path(), &id);
      if (!wrong.empty()) return absl::StrCat(entry.path().string(), ": ", wrong);
      if (id <= last || !ids.insert(id).second) return absl::StrCat("id ", id, " again");
      last = id;
      newest = std::max(newest, id);
    }
  }
  const std::string index = ReadBytes(fs::path(audit_root) / "index.json");
  std::smatch found;
  static const auto& form = *new std::regex("\\{\n  \"last_event_id\": ([0-9]{1,19})\n\\}");
  if (!std::regex_match(index, found, form)) return absl::StrCat("index.json is ", index);
  // Entries that follow from others have ids and no lines.
  return std::stoull(found[1]) >= newest ? "" : absl::StrCat("index.json is behind: ", index);
}

std::string CheckNames(const std::string& data_dir) {
  static const auto& known = *new std::regex(
      R"re((legacy/)?[a-z0-9_]+\.json|legacy/models\.csv|)re"
      R"re(meta/(v2|legacy)/[a-z0-9_]+_metadata\.json|)re"
      R"re(audit/index\.json|audit/(v2|legacy)/[a-z0-9_]+/audit-[0-9]{6}\.jsonl)re");
  for (auto it = fs::recursive_directory_iterator(data_dir); it != fs::end(it); ++it) {
    if (it->path().filename() == ".modelref") {
      it.disable_recursion_pending();
      continue;
    }
    const std::string name = fs::relative(it->path(), data_dir).string();
    if (!it->is_directory() && !std::regex_match(name, known)) return "unknown: " + name;
  }
  return "";
}

}  // namespace modelref::testing
