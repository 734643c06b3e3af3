#include "tests/tidy/word_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace modelref::tidy {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Bans(const std::string& path, const std::string& line) {
  return Describe(CheckBans({path, line + "\n"}));
}

std::string Text(const std::string& line) { return Describe(CheckText({"a.md", line + "\n"})); }

TEST(WordRulesTest, EachBannedNameIsFound) {
  for (const std::string line :
       {"t = absl::Now();", "std::this_thread::sleep_for(x);", "void F(std::string_view s);",
        "std::cout << 1;", "absl::Mutex mu_;", "absl::MutexLock lock(&mu_);",
        "absl::flat_hash_map<int, int> m;", "std::atomic<std::shared_ptr<int>> p;",
        "for (const auto& [key, state] : store_.root()->documents) {",
        "const DocumentState* state = store_->root()->Find(key);",
        "const DocumentState& state = *store_.root()->Find(key);", "using namespace std;",
        "throw 1;", "auto t = std::chrono::steady_clock::now();"}) {
    EXPECT_THAT(Bans("service/a.cc", line), HasSubstr("is banned")) << line;
  }
}

TEST(WordRulesTest, CommentsAndStringsMayNameThem) {
  EXPECT_THAT(Bans("service/a.cc", "f(\"absl::Now\");  // not std::cout"), IsEmpty());
}

TEST(WordRulesTest, TheHomesOfBannedNamesMayUseThem) {
  EXPECT_THAT(Bans("backends/base/clock.cc", "return absl::Now();"), IsEmpty());
  EXPECT_THAT(Bans("service/main.cc", "std::cout << 1;"), IsEmpty());
  EXPECT_THAT(Bans("clients/modelrefctl/table.cc", "std::cout << 1;"), IsEmpty());
  EXPECT_THAT(Bans("clients/cpp/client.cc", "std::cout << 1;"), HasSubstr("is banned"));
}

TEST(WordRulesTest, HeadersNeedPragmaOnce) {
  EXPECT_THAT(Bans("a.h", "int a;"), HasSubstr("no #pragma once"));
  EXPECT_THAT(Bans("a.h", "#pragma once\nint a;"), IsEmpty());
  EXPECT_THAT(Bans("a.cc", "int a;"), IsEmpty());
}

TEST(WordRulesTest, PathsOfOneMachineAreFound) {
  EXPECT_THAT(Text("see /ro"
                   "ot/notes"),
              HasSubstr("a path of one machine"));
  EXPECT_THAT(Text("/wo"
                   "rk/main"),
              HasSubstr("a path of one machine"));
  EXPECT_THAT(Text("\"/ho"
                   "me/anna/src\""),
              HasSubstr("a path of one machine"));
  EXPECT_THAT(Text("$root/work/a and ./root/b, https://example.org/work/c"), IsEmpty());
}

TEST(WordRulesTest, OpenEndsNameAnIssue) {
  EXPECT_THAT(Text("// TO"
                   "DO: later"),
              HasSubstr("without an issue"));
  EXPECT_THAT(Text("// TO"
                   "DO(#12): later"),
              IsEmpty());
  EXPECT_THAT(Text("mkstemp(\"fileXXXXXX\")"), IsEmpty());
}

}  // namespace
}  // namespace modelref::tidy
