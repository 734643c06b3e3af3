#include "tests/crash/failpoint_names.h"
#include "tests/testing/paths.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

namespace modelref::testing {
namespace {

namespace fs = std::filesystem;

const char* const kFolders[] = {"audit", "backends", "clients", "service"};

std::string ReadText(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// Who dies at these is shown by CrashCasesTest, on a directory of its own each.
const std::map<std::string, std::string>& Exceptions() {
  static const auto& exceptions = *new std::map<std::string, std::string>{
      {"adoption.after_commit", "only while a directory is adopted"},
      {"adoption.before_commit", "only while a directory is adopted"},
      {"audit.before_segment", "only where a series begins or a segment is full"},
      {"repair.after_install", "only in modelrefctl store repair"},
      {"repair.after_keep", "only in modelrefctl store repair"},
      {"repair.after_marker", "only in modelrefctl store repair"},
      {"schema.before_commit", "only while a store is made or migrated"},
  };
  return exceptions;
}

}  // namespace

std::vector<std::string> FailpointNames() {
  static const auto* const pattern =
      new std::regex(R"re(\bFAILPOINT(?:_STATUS)?\(\s*"([^"]+)"\))re");
  std::set<std::string> names;
  for (const char* folder : kFolders) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(testing::SourceDir()) / folder)) {
      if (entry.path().extension() != ".cc") continue;
      const std::string text = ReadText(entry.path());
      for (std::sregex_iterator it(text.begin(), text.end(), *pattern), end; it != end; ++it) {
        names.insert((*it)[1]);
      }
    }
  }
  return {names.begin(), names.end()};
}

std::string WhyNotKilled(const std::string& name) {
  const auto it = Exceptions().find(name);
  return it == Exceptions().end() ? "" : it->second;
}

}  // namespace modelref::testing
