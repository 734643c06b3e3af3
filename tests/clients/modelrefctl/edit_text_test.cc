#include "clients/modelrefctl/edit_text.h"

#include <gmock/gmock.h>

namespace modelref::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

JsonObject Parse(const char* text) { return *ParseJson(text)->AsObject(); }

TEST(EditTextTest, NotesStandAboveTheTextAndAreTakenOffAgain) {
  const std::string text = WithNotes({"one\ntwo", "three"}, "{\n  \"a\": \"# no note\"\n}\n");
  EXPECT_EQ(text, "# one\n# two\n# three\n{\n  \"a\": \"# no note\"\n}\n");
  EXPECT_EQ(WithoutNotes(text), "{\n  \"a\": \"# no note\"\n}\n");
  EXPECT_EQ(WithoutNotes("\n # x\n\n"), "");
  EXPECT_EQ(WithoutNotes("#"), "");
  EXPECT_EQ(WithoutNotes(""), "");
}

TEST(EditTextTest, ChangesOfDifferentMembersAreBothKept) {
  const MergedRecord merged =
      MergeRecords(Parse(R"({"a":1,"b":1,"c":1,"d":1})"), Parse(R"({"a":2,"b":1,"c":1,"e":5})"),
                   Parse(R"({"a":1,"b":3,"d":1,"f":6})"));
  EXPECT_EQ(CanonicalJson(merged.record), R"({"a":2,"b":3,"e":5,"f":6})");
  EXPECT_THAT(merged.clashes, IsEmpty());
}

TEST(EditTextTest, WhatBothChangedIsTheEditorsAndIsNamed) {
  const MergedRecord merged =
      MergeRecords(Parse(R"({"a":1,"b":1,"c":1,"same":1})"), Parse(R"({"a":2,"c":2,"same":2})"),
                   Parse(R"({"a":3,"b":3,"same":2})"));
  EXPECT_EQ(CanonicalJson(merged.record), R"({"a":2,"c":2,"same":2})");
  EXPECT_THAT(merged.clashes, ElementsAre("a", "c", "b"));
}

}  // namespace
}  // namespace modelref::ctl
