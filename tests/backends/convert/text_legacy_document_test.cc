#include "backends/convert/text_legacy_document.h"

#include <gtest/gtest.h>

namespace modelref {
namespace {

TextModelRow Row(const std::string& name, double billions) {
  TextModelRow row;
  row.name = name;
  row.parameters_bn = billions;
  row.parameters = *Json::Number(static_cast<int64_t>(billions * 1e9)).AsNumber();
  return row;
}

std::string Tags(const TextModelRow& row) {
  const JsonObject document = TextLegacyBaseDocument({row});
  return CanonicalJson(*document.members().at(0).second.AsObject()->Find("tags"));
}

TEST(TextLegacyDocumentTest, HasThreeEntriesPerRowInFieldOrder) {
  TextModelRow row = Row("x/Y-7B", 7);
  row.tags = {"z", "a", "z"};
  row.style = "chat";
  row.settings = *ParseJson(R"({"t":0.70})")->AsObject();
  const JsonObject document = TextLegacyDocument({row});
  ASSERT_EQ(document.size(), 3u);
  EXPECT_EQ(document.members()[1].first, "aphrodite/x/Y-7B");
  EXPECT_EQ(CanonicalJson(document.members()[2].second),
            R"({"name":"koboldcpp/Y-7B","model_name":"Y-7B","baseline":"","parameters":7000000000,)"
            R"("description":"","version":"1","style":"chat","nsfw":false,)"
            R"("tags":["7B","a","chat","z"],"settings":{"t":0.7},"display_name":"Y 7B"})");
}

TEST(TextLegacyDocumentTest, EmptyFieldsFallBackToTheDefaults) {
  EXPECT_EQ(CanonicalJson(TextLegacyBaseDocument({Row("-", 0)}).members().at(0).second),
            R"({"name":"-","model_name":"-","baseline":"","parameters":null,"description":"",)"
            R"("version":"1","style":"generalist","nsfw":false,"tags":["0B"]})");
}

TEST(TextLegacyDocumentTest, SizeTagsAreRoundedHalfToEven) {
  EXPECT_EQ(Tags(Row("m", 0.5)), R"(["0B"])");
  EXPECT_EQ(Tags(Row("m", 1.5)), R"(["2B"])");
  EXPECT_EQ(Tags(Row("m", 2.5)), R"(["2B"])");
  EXPECT_EQ(Tags(Row("m", 6.7)), R"(["7B"])");
}

TEST(TextLegacyDocumentTest, AddressesAreSkipped) {
  EXPECT_TRUE(TextLegacyDocument({Row("http://x/y", 1)}).empty());
}

TEST(TextLegacyDocumentTest, LaterRowsOfANameReplaceEarlierOnesInPlace) {
  const JsonObject document = TextLegacyDocument({Row("x/Y", 1), Row("m", 2), Row("z/Y", 3)});
  ASSERT_EQ(document.size(), 8u);
  EXPECT_EQ(document.members()[2].first, "koboldcpp/Y");
  EXPECT_EQ(document.members()[2].second.AsObject()->Find("parameters")->AsNumber()->lexeme,
            "3000000000");
}

TEST(TextRowOfLegacyRecordTest, DropsWhatWasGenerated) {
  TextModelRow row = Row("x/Y-7B", 7);
  row.tags = {"a"};
  row.style = "chat";
  const JsonObject document = TextLegacyBaseDocument({row});
  const TextModelRow back =
      TextRowOfLegacyRecord("x/Y-7B", *document.members().at(0).second.AsObject());
  EXPECT_EQ(back.tags, row.tags);
  EXPECT_EQ(back.style, "chat");
  EXPECT_EQ(back.display_name, "");
  EXPECT_EQ(back.parameters, row.parameters);
}

TEST(TextRowOfLegacyRecordTest, TheDefaultStyleIsNotMaterialised) {
  TextModelRow row = Row("m", 1);
  const auto style_after = [](const TextModelRow& before) {
    const JsonObject document = TextLegacyBaseDocument({before});
    return TextRowOfLegacyRecord("m", *document.members().at(0).second.AsObject()).style;
  };
  EXPECT_EQ(style_after(row), "");
  row.style = "generalist";
  EXPECT_EQ(style_after(row), "generalist");
}

}  // namespace
}  // namespace modelref
