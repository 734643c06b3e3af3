#include "service/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "backends/base/json.h"

namespace modelref {
namespace {

using ::testing::ElementsAre;

constexpr absl::string_view kRecord =
    R"({"name":"a \"quoted\\\" one","tags":["x",["}",{"k":"]"}],{}],"big":1e400,"no":null,)"
    R"("flag":true,"deep":{"a":{"b":[[],[[]]]}},"lone":"\ud800","count":-12,"":"empty"})";

// Reads every value the way listings do; returns the keys.
std::vector<std::string> ReadAll(JsonReader* reader) {
  std::vector<std::string> keys;
  int turn = 0;
  reader->ReadObject([&](absl::string_view key) {
    keys.emplace_back(key);
    switch (turn++ % 5) {
      case 0:
        reader->ReadText();
        break;
      case 1:
        reader->ReadArray([&] { reader->ReadInteger(); });
        break;
      case 2:
        reader->ReadInteger();
        break;
      case 3:
        reader->Skip();
        break;
      default:
        reader->ReadBool();
    }
  });
  return keys;
}

TEST(JsonReaderTest, EveryReadConsumesItsValueWhateverItIs) {
  JsonReader reader(kRecord);
  EXPECT_THAT(ReadAll(&reader),
              ElementsAre("name", "tags", "big", "no", "flag", "deep", "lone", "count", ""));
  EXPECT_TRUE(reader.ok());
}

TEST(JsonReaderTest, ValuesOfAnotherTypeAreNothing) {
  for (const absl::string_view json : {"null", "\"1\"", "[1]", "{\"a\":1}", "true", "1.0", "1e3"}) {
    EXPECT_EQ(JsonReader(json).ReadInteger(), std::nullopt) << json;
  }
  for (const absl::string_view json : {"null", "\"true\"", "[true]", "0", "{}"}) {
    EXPECT_EQ(JsonReader(json).ReadBool(), std::nullopt) << json;
  }
  for (const absl::string_view json : {"null", "1", "[\"a\"]", "{\"a\":\"b\"}", "true"}) {
    EXPECT_EQ(JsonReader(json).ReadText(), std::nullopt) << json;
  }
}

TEST(JsonReaderTest, IntegersAreExactOrNothing) {
  EXPECT_EQ(JsonReader("9223372036854775807").ReadInteger(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(JsonReader("-9223372036854775808").ReadInteger(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(JsonReader("9223372036854775808").ReadInteger(), std::nullopt);
  EXPECT_EQ(JsonReader("-0").ReadInteger(), 0);
}

TEST(JsonReaderTest, TextsAreWhatTheTreeSays) {
  for (const absl::string_view json :
       {R"("")", R"("plain")", R"("\"\\\/\b\f\n\r\t")", R"("\u0000\u001f\u007f\u00e9\u20AC")",
        R"("\ud83d\ude00 and 😀")", R"("ends in a backslash\\")", R"("é€")"}) {
    JsonReader reader(json);
    const auto text = reader.ReadText();
    ASSERT_TRUE(text.has_value()) << json;
    EXPECT_EQ(std::string(*text), *ParseJson(json)->AsString()) << json;
  }
}

TEST(JsonReaderTest, TextThatIsNotUtf8IsNothing) {
  for (const absl::string_view json :
       {R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"("a\udfffb")", R"("\ud83dx")",
        R"("\ud83d\n")", "\"\xED\xA0\x80\"", "\"\xFF\""}) {
    JsonReader reader(json);
    EXPECT_EQ(reader.ReadText(), std::nullopt) << json;
    EXPECT_TRUE(reader.ok()) << "the next member is still read";
  }
}

TEST(JsonReaderTest, ReadsWhatIsNotCompact) {
  JsonReader reader(" {\n \"a\" :\t[ 1 , 2 ] , \"b\" : { } } ");
  std::vector<int64_t> numbers;
  EXPECT_TRUE(reader.ReadObject([&](absl::string_view) {
    reader.ReadArray([&] { numbers.push_back(reader.ReadInteger().value_or(-1)); });
  }));
  EXPECT_THAT(numbers, ElementsAre(1, 2));
  EXPECT_TRUE(reader.ok());
}

TEST(JsonReaderTest, EveryCutTextEndsInFailure) {
  for (size_t size = 0; size < kRecord.size(); ++size) {
    // A copy of its own, so that a sanitizer sees a read past the end.
    const std::vector<char> cut(kRecord.begin(), kRecord.begin() + static_cast<ptrdiff_t>(size));
    JsonReader reader(absl::string_view(cut.data(), cut.size()));
    ReadAll(&reader);
    EXPECT_FALSE(reader.ok()) << size;
  }
}

TEST(JsonReaderTest, DamagedTextNeitherHangsNorReadsOutside) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr absl::string_view kBytes = "{}[]\",:\\u0dt-. \x00\xFF";
  size_t read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<char> text(kRecord.begin(), kRecord.end());
    for (int i = 0; i < 3; ++i) text[random() % text.size()] = kBytes[random() % kBytes.size()];
    JsonReader reader(absl::string_view(text.data(), text.size()));
    read += ReadAll(&reader).size();
  }
  EXPECT_GT(read, 20'000u);
}

TEST(JsonReaderTest, DeepNestingTakesNoStack) {
  const std::string deep =
      "{\"a\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + ",\"b\":7}";
  JsonReader reader(deep);
  std::optional<int64_t> last;
  EXPECT_TRUE(reader.ReadObject([&](absl::string_view) { last = reader.ReadInteger(); }));
  EXPECT_EQ(last, 7);
}

}  // namespace
}  // namespace modelref
