#include "tests/tidy/proto_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace modelref::tidy {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Find(const std::string& text) {
  return Describe(CheckProtoComments({"a.proto", text}));
}

TEST(ProtoRulesTest, CommentedDeclarationsPass) {
  EXPECT_THAT(Find("syntax = \"proto3\";\npackage a;\noption x = 1;\n"
                   "// A service.\nservice S {\n  // A method.\n  rpc M(Q) returns (stream P);\n}\n"
                   "// A message.\nmessage Q {\n  reserved 3;\n  // A field.\n  a.B f = 1;\n"
                   "  // A choice.\n  oneof c {\n    // One.\n    string s = 2;\n  }\n}\n"
                   "// An enum.\nenum E {\n  // None.\n  E_UNSPECIFIED = 0;\n}\n"),
              IsEmpty());
}

TEST(ProtoRulesTest, EveryKindOfDeclarationNeedsAComment) {
  EXPECT_THAT(Find("service S {\n"), HasSubstr("service S"));
  EXPECT_THAT(Find("  rpc M(Q) returns (P);\n"), HasSubstr("rpc M"));
  EXPECT_THAT(Find("message Q {}\n"), HasSubstr("message Q"));
  EXPECT_THAT(Find("enum E {\n"), HasSubstr("enum E"));
  EXPECT_THAT(Find("  oneof c {\n"), HasSubstr("oneof c"));
  EXPECT_THAT(Find("  E_ONE = 1;\n"), HasSubstr("value E_ONE"));
  EXPECT_THAT(Find("  bytes etag = 2;\n"), HasSubstr("field etag"));
  EXPECT_THAT(Find("  repeated a.b.C c = 2;\n"), HasSubstr("field c"));
  EXPECT_THAT(Find("  map<string, int64> counts = 3;\n"), HasSubstr("field counts"));
}

TEST(ProtoRulesTest, ACommentBelongsOnlyToTheLineBelow) {
  EXPECT_THAT(Find("  // First.\n  int32 a = 1;\n  int32 b = 2;\n"), HasSubstr("field b"));
  EXPECT_THAT(Find("  // Of a section.\n\n  int32 a = 1;\n"), HasSubstr("field a"));
}

TEST(ProtoRulesTest, OtherFilesAreNotRead) {
  EXPECT_THAT(CheckProtoComments({"a.md", "message Q {\n"}), IsEmpty());
}

}  // namespace
}  // namespace modelref::tidy
