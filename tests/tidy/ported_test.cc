// PORTED.md names tests; a name that no longer exists would claim what nothing shows.

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/paths.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;

std::string ReadText(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// "Suite.Name" of every test in the tree.
std::set<std::string> ExistingTests() {
  const std::regex test(R"(\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  std::set<std::string> names;
  for (const auto& file : fs::recursive_directory_iterator(testing::SourceDir() + "/tests")) {
    if (file.path().extension() != ".cc") continue;
    const std::string text = ReadText(file.path());
    for (std::sregex_iterator it(text.begin(), text.end(), test), end; it != end; ++it) {
      names.insert((*it)[1].str() + "." + (*it)[2].str());
    }
  }
  return names;
}

TEST(PortedTest, EveryNamedTestExists) {
  const std::string ported = ReadText(testing::SourceDir() + "/tests/PORTED.md");
  const std::set<std::string> existing = ExistingTests();
  const std::regex name(R"(`(\w+Test\.\w+)`)");
  int named = 0;
  for (std::sregex_iterator it(ported.begin(), ported.end(), name), end; it != end; ++it, ++named) {
    EXPECT_THAT(existing, ::testing::Contains((*it)[1].str()));
  }
  EXPECT_GT(named, 30);
}

}  // namespace
}  // namespace modelref
