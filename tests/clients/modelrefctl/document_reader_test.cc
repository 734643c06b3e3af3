#include "clients/modelrefctl/document_reader.h"

#include <gmock/gmock.h>

#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class DocumentReaderTest : public ::testing::Test {
 protected:
  DocumentReaderTest() { host_.interrupts = &interrupts_; }

  DocumentReader Open(absl::string_view text, DocumentReader::Options options = {}) {
    dir_.Write("document.json", text);
    absl::StatusOr<Input> input = Input::Open(dir_.PathOf("document.json"), host_);
    EXPECT_THAT(input, IsOk());
    return DocumentReader(*std::move(input), std::move(options));
  }
  using Records = std::vector<std::pair<std::string, std::string>>;
  static absl::StatusOr<Records> ReadAll(DocumentReader& reader) {
    Records records;
    SourceRecord record;
    for (;;) {
      absl::StatusOr<bool> more = reader.Next(&record);
      if (!more.ok()) return more.status();
      if (!*more) return records;
      records.emplace_back(record.name, record.json);
    }
  }
  absl::Status ErrorOf(absl::string_view text) {
    DocumentReader reader = Open(text);
    return ReadAll(reader).status();
  }

  TempDir dir_;
  Interrupts interrupts_;
  Host host_;
};

TEST_F(DocumentReaderTest, RecordsComeInTheirOrderAndInCanonicalForm) {
  DocumentReader reader =
      Open("\n{ \"b\\u00e9\" : { \"x\" : 1.50, \"t\": \"},{\\\"\" } ,\r\n\"a\":{} }\n");
  EXPECT_THAT(*ReadAll(reader),
              ElementsAre(Pair("b\u00e9", R"({"x":1.50,"t":"},{\""})"), Pair("a", "{}")));
  ASSERT_THAT(reader.Rewind(), IsOk());
  EXPECT_EQ(ReadAll(reader)->size(), 2u);
  DocumentReader empty = Open("{}");
  EXPECT_TRUE(ReadAll(empty)->empty());
}

TEST_F(DocumentReaderTest, WhatIsNoDocumentIsToldWithItsLine) {
  for (const char* text : {"",
                           "  ",
                           "[]",
                           "{",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":{}",
                           "{\"a\":{},}",
                           "{,}",
                           "{\"a\" {}}",
                           "{\"a\":{}} x",
                           "{\"a\":{}}{}",
                           "{\"a\":}",
                           "{\"a\":{\"x\":nope}}",
                           "{\"a\":{\"x\":NaN}}",
                           "{\"a\":[}]}",
                           "{\"a\xFF\":{}}",
                           "{\"\\ud800\":{}}",
                           "{\"a\":{\"x\":\"",
                           "{\"a\n\":{}}",
                           "\xEF\xBB\xBF{}",
                           "{'a':{}}",
                           "{\"a\":{}\"b\":{}}",
                           "{\"a\":\"x\"\"y\"}"}) {
    EXPECT_THAT(ErrorOf(text), HasReason("BAD_JSON")) << text;
  }
  EXPECT_THAT(std::string(ErrorOf("{\n\"a\":{},\n\n\"b\":{\"x\":nope}}").message()),
              HasSubstr("document.json:4: the record of \"b\""));
}

TEST_F(DocumentReaderTest, ARecordThatNeverEndsIsRefusedBeforeItFillsTheMemory) {
  DocumentReader::Options options;
  options.max_record_bytes = 100;
  for (const std::string& text :
       {"{\"a\":" + std::string(1000, '['), "{\"a\":\"" + std::string(1000, 'x'),
        "{\"" + std::string(1000, 'n')}) {
    DocumentReader reader = Open(text, options);
    EXPECT_THAT(ReadAll(reader), HasReason("RECORD_TOO_LARGE"));
  }
}

TEST_F(DocumentReaderTest, InvalidRecordsAreKeptAsTheyAreWhenSomebodyElseJudges) {
  DocumentReader::Options options;
  options.keep_invalid = true;
  DocumentReader reader = Open("{\"a\": {\"x\": nope } , \"b\": {}}", options);
  SourceRecord record;
  ASSERT_THAT(reader.Next(&record), IsOk());
  EXPECT_FALSE(record.is_canonical);
  EXPECT_EQ(record.json, "{\"x\": nope }");
  ASSERT_THAT(reader.Next(&record), IsOk());
  EXPECT_TRUE(record.is_canonical);
}

TEST_F(DocumentReaderTest, DocumentsLargerThanABlockAreReadAsAParserReadsThem) {
  std::mt19937_64 random(20261121);
  JsonObject document;
  for (int i = 0; i < 3000; ++i) {
    JsonObject record;
    record.Set("name", absl::StrCat("m\"", i));
    record.Set("text", std::string(random() % 700, "x\\\"{}[],:é"[random() % 9]));
    record.Set("list", JsonArray{Json(JsonObject()), Json(JsonArray()), Json(nullptr), Json(true)});
    document.Set(absl::StrCat("m\"", i), std::move(record));
  }
  size_t read = 0;
  DocumentReader::Options options;
  options.on_read = [&read](size_t bytes) { read += bytes; };
  const std::string text = FormatJson(document, JsonStyle{});
  DocumentReader reader = Open(text, options);
  const absl::StatusOr<Records> records = ReadAll(reader);
  ASSERT_THAT(records, IsOk());
  ASSERT_EQ(records->size(), document.size());
  for (size_t i = 0; i < records->size(); ++i) {
    EXPECT_EQ((*records)[i].first, document.members()[i].first);
    EXPECT_EQ((*records)[i].second, CanonicalJson(document.members()[i].second));
  }
  EXPECT_EQ(read, text.size());
}

TEST_F(DocumentReaderTest, ADocumentCutAnywhereIsAnErrorAndNeverAShorterOne) {
  const std::string text = R"({"a":{"x":[1,"}"]},"b":{"y":{"z":null}}})";
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_THAT(ErrorOf(text.substr(0, size)), StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

}  // namespace
}  // namespace modelref::ctl
