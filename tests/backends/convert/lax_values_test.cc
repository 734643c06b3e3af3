#include <gtest/gtest.h>

#include "backends/convert/legacy_fields.h"

namespace modelref {
namespace {

struct ScalarCase {
  const char* json;
  const char* as_int;   // Null: refused.
  const char* as_bool;  // Null: refused.
};

// What pydantic 2.13 makes of the value in lax mode.
constexpr ScalarCase kScalars[] = {
    // clang-format off
    {R"(true)", R"(1)", R"(true)"},
    {R"(false)", R"(0)", R"(false)"},
    {R"(null)", nullptr, nullptr},
    {R"(0)", R"(0)", R"(false)"},
    {R"(1)", R"(1)", R"(true)"},
    {R"(-1)", R"(-1)", nullptr},
    {R"(2)", R"(2)", nullptr},
    {R"(5)", R"(5)", nullptr},
    {R"(1.0)", R"(1)", R"(true)"},
    {R"(1.5)", nullptr, nullptr},
    {R"(2.0)", R"(2)", nullptr},
    {R"(1e+18)", R"(1000000000000000000)", nullptr},
    {R"(1e+20)", nullptr, nullptr},
    {R"(-9.2e+18)", R"(-9200000000000000000)", nullptr},
    {R"(1000000000000000000000000000000)", R"(1000000000000000000000000000000)", nullptr},
    {R"("")", nullptr, nullptr},
    {R"("0")", R"(0)", R"(false)"},
    {R"("1")", R"(1)", R"(true)"},
    {R"("TRUE")", nullptr, R"(true)"},
    {R"("Yes")", nullptr, R"(true)"},
    {R"("no")", nullptr, R"(false)"},
    {R"("off")", nullptr, R"(false)"},
    {R"("T")", nullptr, R"(true)"},
    {R"(" 5 ")", R"(5)", nullptr},
    {R"("+5")", R"(5)", nullptr},
    {R"("-5")", R"(-5)", nullptr},
    {R"("05")", R"(5)", nullptr},
    {R"("-0")", R"(0)", nullptr},
    {R"("5.00")", R"(5)", nullptr},
    {R"("5.5")", nullptr, nullptr},
    {R"("5.")", nullptr, nullptr},
    {R"("1_000")", R"(1000)", nullptr},
    {R"("1__0")", nullptr, nullptr},
    {R"("_1")", nullptr, nullptr},
    {R"("1e3")", nullptr, nullptr},
    {R"("abc")", nullptr, nullptr},
    {R"(" true")", nullptr, nullptr},
    {R"("0x1")", nullptr, nullptr},
    {R"("--5")", nullptr, nullptr},
    {R"("\u00a05")", R"(5)", nullptr},
    {R"("00")", R"(0)", nullptr},
    {R"([])", nullptr, nullptr},
    {R"({})", nullptr, nullptr},
    // clang-format on
};

TEST(LaxValuesTest, IntsAndBoolsConvertAsTheOriginalConvertsThem) {
  for (const ScalarCase& scalar : kScalars) {
    const absl::StatusOr<Json> value = ParseJson(scalar.json);
    ASSERT_TRUE(value.ok()) << scalar.json;
    const std::optional<std::string> integer = LaxInt(*value);
    ASSERT_EQ(integer.has_value(), scalar.as_int != nullptr) << scalar.json;
    if (integer.has_value()) {
      EXPECT_EQ(*integer, scalar.as_int) << scalar.json;
    }
    const std::optional<bool> boolean = LaxBool(*value);
    ASSERT_EQ(boolean.has_value(), scalar.as_bool != nullptr) << scalar.json;
    if (boolean.has_value()) {
      EXPECT_EQ(*boolean ? "true" : "false", std::string(scalar.as_bool)) << scalar.json;
    }
  }
}

struct UnionCase {
  const char* json;
  const char* result;  // Null: refused.
};

// The same for the union of scalars and lists, where infinities are refused as well.
constexpr UnionCase kUnions[] = {
    // clang-format off
    {R"(0)", R"(0)"},
    {R"(-1.5)", R"(-1.5)"},
    {R"(100000.0)", R"(100000.0)"},
    {R"("x")", R"("x")"},
    {R"(true)", R"(true)"},
    {R"(null)", nullptr},
    {R"({})", nullptr},
    {R"([])", R"([])"},
    {R"([1, 2])", R"([1, 2])"},
    {R"([1, 2.5])", R"([1.0, 2.5])"},
    {R"([1.0, 2])", R"([1.0, 2.0])"},
    {R"([true, false])", R"([1, 0])"},
    {R"([true, 2.0])", R"([1, 2])"},
    {R"(["a", "b"])", R"(["a", "b"])"},
    {R"(["a", 1])", nullptr},
    {R"(["1", "2"])", R"(["1", "2"])"},
    {R"([1, "2"])", R"([1, 2])"},
    {R"(["0.5", 1])", R"([0.5, 1.0])"},
    {R"([1.5, true])", R"([1.5, 1.0])"},
    {R"([null])", nullptr},
    {R"([[1]])", nullptr},
    {R"(["0x1", 1])", nullptr},
    {R"(["inf", 1.5])", nullptr},
    // clang-format on
};

TEST(LaxValuesTest, ListsTakeTheFirstTypeThatFitsAllItems) {
  for (const UnionCase& item : kUnions) {
    const absl::StatusOr<Json> value = ParseJson(item.json);
    ASSERT_TRUE(value.ok()) << item.json;
    const std::optional<Json> result = ScalarOrList(*value);
    ASSERT_EQ(result.has_value(), item.result != nullptr) << item.json;
    if (result.has_value()) {
      EXPECT_EQ(FormatJson(*result, {.indent = -1}), item.result) << item.json;
    }
  }
}

TEST(LaxValuesTest, NumbersBeyondDoubleAreRefusedUnlessTheyAreInts) {
  EXPECT_FALSE(ScalarOrList(*ParseJson("1e400")).has_value());
  EXPECT_FALSE(ScalarOrList(*ParseJson("[1.5, -1e400]")).has_value());
  const std::string digits(400, '9');
  EXPECT_EQ(*ScalarOrList(*ParseJson(digits)), Json(JsonNumber{digits}));
}

TEST(LegacyFieldsTest, CollectsEveryProblemWithItsPath) {
  const absl::StatusOr<Json> record =
      ParseJson(R"({"a": 1, "b": "maybe", "c": ["x", 2], "d": {"e": 3}, "f": null})");
  ASSERT_TRUE(record.ok());
  std::vector<FieldViolation> problems;
  LegacyFields fields(*record->AsObject(), "config.", &problems);
  EXPECT_EQ(fields.OptionalString("a"), std::nullopt);
  EXPECT_EQ(fields.OptionalBool("b"), std::nullopt);
  (void)fields.OptionalStrings("c");
  (void)fields.OptionalStringMap("d");
  EXPECT_EQ(fields.OptionalString("f"), std::nullopt);
  EXPECT_EQ(fields.RequiredString("f"), "");
  EXPECT_EQ(fields.RequiredString("g"), "");
  fields.CheckLiteral("a", {"x", "y"});
  const std::vector<FieldViolation> expected = {
      {"config.a", "a string is expected, not a number"},
      {"config.b", "true or false is expected, not a string"},
      {"config.c[1]", "a string is expected, not a number"},
      {"config.d.e", "a string is expected, not a number"},
      {"config.f", "a string is expected, not null"},
      {"config.g", "is missing"},
      {"config.a", "must be x or y"},
  };
  EXPECT_EQ(problems, expected);
}

}  // namespace
}  // namespace modelref
