#include "tests/tidy/size_rules.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace modelref::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Lines(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += "  f();\n";
  return out;
}

std::vector<std::string> Signatures(absl::string_view cpp) {
  std::vector<std::string> out;
  for (const Function& function : FindFunctions(cpp)) out.push_back(function.signature);
  return out;
}

TEST(FindFunctionsTest, FindsFreeFunctionsMethodsAndTests) {
  EXPECT_THAT(Signatures("namespace a {\n"
                         "class B final : public C {\n public:\n  int D() const { return 1; }\n};\n"
                         "enum class E { kF };\n"
                         "template <typename T = int>\nstruct G { void H() {} };\n"
                         "TEST(I, J) { if (k) { l(); } }\n"
                         "}  // namespace a\n"),
              ElementsAre("public:\n  int D() const", "void H()", "TEST(I, J)"));
}

TEST(FindFunctionsTest, MeasuresTheBodyBehindMemberInitializers) {
  const std::vector<Function> found =
      FindFunctions("A::A(int b) : b_{b}, c_(d{1}), e_{} {\n  f();\n}\n");
  ASSERT_EQ(found.size(), 1);
  EXPECT_EQ(found[0].first_line, 1);
  EXPECT_EQ(found[0].last_line, 3);
}

TEST(FindFunctionsTest, TablesMacrosAndDefaultArgumentsAreNoFunctions) {
  EXPECT_THAT(Signatures("constexpr Row kTable[] = {\n    {1},\n    {2},\n};\n"
                         "#define M(x) \\\n  if (x) { \\\n  }\n"
                         "void F(A a = {});\n"),
              IsEmpty());
}

TEST(FindFunctionsTest, BracesInStringsAndCommentsDoNotCount) {
  const std::vector<Function> found =
      FindFunctions("void F() {\n  g(\"}\");  // }\n  h('}');\n}\n");
  ASSERT_EQ(found.size(), 1);
  EXPECT_EQ(found[0].last_line, 4);
}

TEST(CheckSizesTest, AFunctionHasAtMostSeventyLines) {
  const std::string fits = absl::StrCat("void F() {\n", Lines(68), "}\n");
  const std::string long_one = absl::StrCat("void F() {\n", Lines(69), "}\n");
  EXPECT_THAT(CheckSizes({"a.cc", fits}), IsEmpty());
  EXPECT_THAT(Describe(CheckSizes({"a.cc", long_one})), HasSubstr("a function of 71 lines"));
}

TEST(CheckSizesTest, HeadersAndSourcesHaveTheirLimits) {
  EXPECT_THAT(CheckSizes({"a.h", Lines(300)}), IsEmpty());
  EXPECT_THAT(Describe(CheckSizes({"a.h", Lines(301)})), HasSubstr("301 lines"));
  EXPECT_THAT(CheckSizes({"a.cc", Lines(500)}), IsEmpty());
  EXPECT_THAT(Describe(CheckSizes({"a.cc", Lines(501)})), HasSubstr("501 lines"));
  EXPECT_THAT(CheckSizes({"a.md", Lines(501)}), IsEmpty());
}

TEST(CheckSizesTest, ColumnsAreCountedInCharacters) {
  const std::string hundred_umlauts = [] {
    std::string out = "//";
    for (int i = 0; i < 98; ++i) out += "ü";
    return out;
  }();
  EXPECT_THAT(CheckSizes({"a.cc", hundred_umlauts + "\n"}), IsEmpty());
  EXPECT_THAT(Describe(CheckSizes({"a.cc", "int a;\n" + hundred_umlauts + "x\n"})),
              HasSubstr("a.cc:2: 101 columns"));
}

}  // namespace
}  // namespace modelref::tidy
