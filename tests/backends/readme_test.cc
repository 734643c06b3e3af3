// backends/README.md says what is true: its example is the compiled one, and what its tables name
// exists.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/testing/paths.h"

namespace modelref {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string ReadSource(const std::string& name) {
  std::ifstream file(absl::StrCat(testing::SourceDir(), "/", name), std::ios::binary);
  EXPECT_TRUE(file) << name;
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

std::string Readme() { return ReadSource("backends/README.md"); }

std::string Between(const std::string& text, const std::string& from, const std::string& to) {
  const size_t start = text.find(from);
  if (start == std::string::npos) return "no " + from;
  const size_t begin = start + from.size();
  return text.substr(begin, text.find(to, begin) - begin);
}

std::string AllFiles(const std::string& folder, const std::string& extension) {
  std::string all;
  const auto root = std::filesystem::path(testing::SourceDir()) / folder;
  for (const auto& file : std::filesystem::recursive_directory_iterator(root)) {
    if (file.path().extension() != extension) continue;
    absl::StrAppend(&all, ReadSource(std::filesystem::relative(file.path(), testing::SourceDir())));
  }
  return all;
}

// The text from the declaration of `type` to its closing brace, or empty.
std::string BodyOf(const std::string& headers, const std::string& type) {
  const std::regex declaration(
      absl::StrCat(R"(\n(template [^\n]*\n)?(class|struct|service) )", type, R"( [^;{]*\{)"));
  std::smatch found;
  if (!std::regex_search(headers, found, declaration)) return "";
  return Between(found.suffix().str().insert(0, 1, '\n'), "\n", "\n}");
}

bool Mentions(const std::string& text, const std::string& name) {
  return std::regex_search(text, std::regex(absl::StrCat("\\b", name, "\\b")));
}

// "Type::Member", "Service.Method" or a free name.
bool Exists(const std::string& name, const std::string& headers, const std::string& protos) {
  if (absl::StrContains(name, "::")) {
    const std::vector<std::string> parts = absl::StrSplit(name, "::");
    return Mentions(BodyOf(headers, parts[0]), parts[1]);
  }
  if (absl::StrContains(name, ".")) {
    const std::vector<std::string> parts = absl::StrSplit(name, '.');
    return Mentions(BodyOf(protos, parts[0]), absl::StrCat("rpc ", parts[1]));
  }
  return Mentions(headers, name);
}

// The names in backticks of one column of the table under `heading`.
std::vector<std::string> NamesInColumn(const std::string& heading, size_t column) {
  const std::string section = Between(Readme(), absl::StrCat("\n## ", heading, "\n"), "\n## ");
  const std::regex quoted("`([^`]+)`");
  std::vector<std::string> names;
  for (const absl::string_view line : absl::StrSplit(section, '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    if (cells.size() <= column + 1) continue;
    const std::string& cell = cells[column];
    for (std::sregex_iterator name(cell.begin(), cell.end(), quoted), end; name != end; ++name) {
      names.push_back((*name)[1]);
    }
  }
  return names;
}

constexpr char kMethods[] = "Every method of the original and where it is";

TEST(ReadmeTest, ShowsTheExampleThatIsCompiled) {
  const std::string source = ReadSource("tests/backends/readme_example_test.cc");
  EXPECT_EQ(Between(Readme(), "```cpp\n", "```"),
            Between(source, "// [example]\n", "// [/example]"));
}

TEST(ReadmeTest, EveryNameInTheTableOfMethodsExists) {
  const std::string headers = AllFiles("backends", ".h");
  const std::string protos = AllFiles("proto/modelref", ".proto");
  const std::vector<std::string> names = NamesInColumn(kMethods, 2);
  EXPECT_THAT(names, SizeIs(::testing::Gt(40)));
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!Exists(name, headers, protos)) missing.push_back(name);
  }
  EXPECT_THAT(missing, IsEmpty());
}

TEST(ReadmeTest, ANameThatDoesNotExistWouldBeFound) {
  const std::string headers = AllFiles("backends", ".h");
  const std::string protos = AllFiles("proto/modelref", ".proto");
  EXPECT_TRUE(Exists("CachingBackend::MarkStale", headers, protos));
  EXPECT_FALSE(Exists("CachingBackend::CurrentVersion", headers, protos));
  EXPECT_FALSE(Exists("NoSuchClass::Fetch", headers, protos));
  EXPECT_TRUE(Exists("WriteService.PutModel", headers, protos));
  EXPECT_FALSE(Exists("WriteService.GetModel", headers, protos));
}

TEST(ReadmeTest, TheTableKnowsEveryPublicMethodOfTheOriginal) {
  const std::vector<std::string> known = NamesInColumn(kMethods, 1);
  for (const char* method : {"fetch_category",
                             "fetch_all_categories",
                             "fetch_category_async",
                             "fetch_all_categories_async",
                             "get_legacy_json",
                             "get_legacy_json_string",
                             "get_category_file_path",
                             "get_all_category_file_paths",
                             "needs_refresh",
                             "mark_stale",
                             "register_invalidation_callback",
                             "has_cached_data",
                             "is_cache_valid",
                             "is_legacy_cache_valid",
                             "should_fetch_data",
                             "cache_ttl_seconds",
                             "replicate_mode",
                             "supports_writes",
                             "supports_legacy_writes",
                             "support_any_writes",
                             "supports_metadata",
                             "supports_cache_warming",
                             "supports_health_checks",
                             "supports_statistics",
                             "update_model",
                             "update_model_from_base_model",
                             "delete_model",
                             "update_model_legacy",
                             "update_model_legacy_from_base_model",
                             "delete_model_legacy",
                             "warm_cache",
                             "warm_cache_async",
                             "health_check",
                             "get_statistics",
                             "get_metadata",
                             "get_legacy_metadata",
                             "get_all_metadata",
                             "get_all_legacy_metadata"}) {
    EXPECT_THAT(known, Contains(method));
  }
}

TEST(ReadmeTest, EveryFileItMentionsExists) {
  const std::string readme = Readme();
  const std::regex path(R"(`((?:backends|tests|proto|service)/[a-z0-9_./]+\.(?:h|cc|md|proto))`)");
  std::vector<std::string> missing;
  for (std::sregex_iterator file(readme.begin(), readme.end(), path), end; file != end; ++file) {
    const std::string name = (*file)[1];
    if (!std::filesystem::exists(absl::StrCat(testing::SourceDir(), "/", name))) {
      missing.push_back(name);
    }
  }
  EXPECT_THAT(missing, IsEmpty());
}

}  // namespace
}  // namespace modelref
