#include "backends/convert/record_diff.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/convert/decimal.h"

namespace modelref {
namespace {

using Lines = std::vector<std::string>;

std::string Shown(const std::optional<Json>& value) {
  return value.has_value() ? CanonicalJson(*value) : "-";
}

// "path: before > after", with a "!" when it is critical.
Lines Diff(absl::string_view category, const char* before, const char* after) {
  const absl::StatusOr<Json> from = ParseJson(before);
  const absl::StatusOr<Json> to = ParseJson(after);
  EXPECT_TRUE(from.ok() && to.ok());
  Lines lines;
  for (const FieldDifference& field :
       DiffRecords(*FindBuiltInCategory(category), from->AsObject(), to->AsObject())) {
    lines.push_back(absl::StrCat(field.path, ": ", Shown(field.before), " > ", Shown(field.after),
                                 field.critical ? " !" : ""));
  }
  return lines;
}

struct DiffCase {
  const char* name;
  const char* before;  // null: no record.
  const char* after;
  Lines lines;
};

class DiffTest : public ::testing::TestWithParam<DiffCase> {};

TEST_P(DiffTest, TellsWhatDiffers) {
  EXPECT_EQ(Diff("video_generation", GetParam().before, GetParam().after), GetParam().lines);
}

const DiffCase kDiffs[] = {
    {"NothingAtAll", "null", "null", {}},
    {"Creation",
     "null",
     R"({"b":{"x":1,"y":{}},"a":[],"n":null})",
     {"a: - > []", "b.x: - > 1", "b.y: - > {}"}},
    {"Removal",
     R"({"b":{"x":1,"y":{}},"a":"z"})",
     "null",
     {"a: \"z\" > -", "b.x: 1 > -", "b.y: {} > -"}},
    {"EqualInAnotherOrderAndWriting",
     R"({"a":1,"b":{"c":[1,{"d":-0}],"e":null}})",
     R"({"b":{"c":[1.0,{"d":0.0e5,"f":null}]},"a":10e-1})",
     {}},
    {"NullIsAbsent", R"({"a":null,"b":1})", R"({"b":null})", {"b: 1 > -"}},
    {"TrueIsNotOne",
     R"({"a":true,"b":[false]})",
     R"({"a":1,"b":[0]})",
     {"a: true > 1", "b: [false] > [0]"}},
    {"ListsAsAWhole", R"({"a":[1,2,3]})", R"({"a":[1,2]})", {"a: [1,2,3] > [1,2]"}},
    {"AnotherType",
     R"({"a":{"b":1},"c":5})",
     R"({"a":[],"c":{"d":1}})",
     {"a: {\"b\":1} > []", "c: 5 > {\"d\":1}"}},
    {"AMemberThatMoves",
     R"({"a":{"b":{"c":1}}})",
     R"({"a":{"b":{"d":1}}})",
     {"a.b.c: 1 > -", "a.b.d: - > 1"}},
    {"NamesWithDotsAndMore",
     R"({"a.b":1,"a":{"b":1},"\\":1,"\"\ud800\n":1})",
     R"({})",
     {R"(\"\ud800\n: 1 > -)", R"(\\: 1 > -)", R"(a.b: 1 > -)", R"(a\.b: 1 > -)"}},
};

INSTANTIATE_TEST_SUITE_P(Records, DiffTest, ::testing::ValuesIn(kDiffs),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(DiffRecordsTest, ObjectsBelowLongPathsAreComparedAsAWhole) {
  const std::string name(300, 'x');
  JsonObject inner;
  for (int i = 0; i < 50'000; ++i) inner.members().emplace_back(absl::StrCat(i), Json(true));
  JsonObject record;
  record.Set(name, Json(inner));
  const auto diff = DiffRecords(*FindBuiltInCategory("lora"), nullptr, &record);
  ASSERT_EQ(diff.size(), 1u);
  EXPECT_EQ(diff[0].path, name);
  EXPECT_EQ(diff[0].after, Json(inner));
}

TEST(DiffRecordsTest, VeryManyMembersInAnotherOrderAreComparedQuickly) {
  JsonObject before;
  for (int i = 0; i < 150'000; ++i) before.members().emplace_back(absl::StrCat(i), Json());
  for (auto& member : before.members()) member.second = Json("x");
  JsonObject after;
  after.members().assign(before.members().rbegin(), before.members().rend());
  EXPECT_TRUE(DiffRecords(*FindBuiltInCategory("lora"), &before, &after).empty());
}

struct CriticalCase {
  const char* category;
  Lines critical;
  Lines other;
};

class CriticalFieldTest : public ::testing::TestWithParam<CriticalCase> {};

TEST_P(CriticalFieldTest, FollowsTheSetsOfTheCategory) {
  const Category& category = *FindBuiltInCategory(GetParam().category);
  for (const std::string& path : GetParam().critical) {
    EXPECT_TRUE(IsCriticalField(category, path)) << path;
  }
  for (const std::string& path : GetParam().other) {
    EXPECT_FALSE(IsCriticalField(category, path)) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Categories, CriticalFieldTest,
    ::testing::Values(
        CriticalCase{"image_generation",
                     {"baseline", "nsfw", "inpainting", "trigger", "homepage", "config.download",
                      "config.files", "config", "config.download.x", "baseline.x"},
                     {"style", "config.embedded_component_hashes", "config.downloads",
                      "baseline\\.x", "metadata.nsfw", "url", "description"}},
        CriticalCase{"text_generation",
                     {"baseline", "nsfw", "url", "parameters", "parameters_count"},
                     {"style", "tags", "homepage", "settings"}},
        CriticalCase{"controlnet",
                     {"style", "controlnet_style", "type", "nsfw", "config.download"},
                     {"baseline", "name"}},
        CriticalCase{"clip", {"style", "nsfw", "config.download"}, {"type", "pretrained_name"}},
        CriticalCase{"miscellaneous", {}, {"style", "nsfw", "config.download", "config"}},
        CriticalCase{"lora", {}, {"nsfw", "config.download"}}),
    [](const auto& param) { return std::string(param.param.category); });

TEST(DiffRecordsTest, CriticalOnesAreMarked) {
  EXPECT_EQ(Diff("image_generation", R"({"nsfw":false,"style":"a","config":{"download":[]}})",
                 R"({"nsfw":true,"style":"b","config":"none"})"),
            (Lines{R"(config: {"download":[]} > "none" !)", "nsfw: false > true !",
                   R"(style: "a" > "b")"}));
}

TEST(SameDecimalTest, ComparesValuesExactly) {
  const std::vector<Lines> same = {
      {"0", "-0", "0.0", "0e99", "-0.00E-5"},
      {"1", "1.0", "10e-1", "0.01e2", "1E0", "1e+0"},
      {"-12.5", "-125e-1", "-0.125E2"},
      {"9007199254740993", "9007199254740993.0"},
      {"1e400", "10e399"},
      {"NaN"},
      {"1e99999999999"},
      {"0.1"},
      {"0.1000000000000000055511151231257827"},
  };
  for (const Lines& group : same) {
    for (const std::string& a : group) {
      for (const Lines& other : same) {
        for (const std::string& b : other) EXPECT_EQ(SameDecimal(a, b), &group == &other) << a << b;
      }
    }
  }
}

}  // namespace
}  // namespace modelref
