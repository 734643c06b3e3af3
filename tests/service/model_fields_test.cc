#include "service/model_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using v1::Model;

constexpr char kSha[] = "cc6cb27103417325ff94f52b7a5d2dde45a7515b25c255d8e396c90014281516";

Model Fill(absl::string_view json, Format format = Format::kV2,
           const ReadMask& mask = ReadMask::All()) {
  Model model;
  FillModel(Entry{RecordOf("m", json), 3, 7}, format, mask, &model);
  return model;
}

TEST(ModelFieldsTest, EveryFieldOfAV2RecordIsRead) {
  const Model model = Fill(R"({"name": "other", "description": "d \"é\"", "version": "1",
      "baseline": "b", "nsfw": false, "style": "", "tags": ["t", "t", ""], "trigger": ["w"],
      "showcases": ["s"], "homepage": "h", "parameters": 70000000000,
      "size_on_disk_bytes": 5214865159, "inpainting": true, "display_name": "D", "url": "u",
      "settings": {"tags": ["no"], "nsfw": true}})");
  EXPECT_EQ(model.name(), "m");
  EXPECT_EQ(model.description(), "d \"é\"");
  EXPECT_EQ(model.version(), "1");
  EXPECT_EQ(model.baseline(), "b");
  EXPECT_TRUE(model.has_nsfw());
  EXPECT_FALSE(model.nsfw());
  EXPECT_TRUE(model.has_style());
  EXPECT_THAT(model.tags(), ElementsAre("t", "t", ""));
  EXPECT_THAT(model.trigger(), ElementsAre("w"));
  EXPECT_THAT(model.showcases(), ElementsAre("s"));
  EXPECT_EQ(model.homepage(), "h");
  EXPECT_EQ(model.parameters(), 70'000'000'000);
  EXPECT_EQ(model.size_on_disk_bytes(), 5'214'865'159);
  EXPECT_TRUE(model.inpainting());
  EXPECT_EQ(model.display_name(), "D");
  EXPECT_EQ(model.url(), "u");
}

TEST(ModelFieldsTest, RevisionEtagAndJsonAreThoseOfTheEntry) {
  const Model model = Fill(R"({"a": 1.0})");
  EXPECT_EQ(model.json(), R"({"a":1.0})");
  EXPECT_EQ(model.mod_revision(), 7u);
  EXPECT_EQ(model.etag(), std::string(AsBytes(Sha256(R"({"a":1.0})"))));
}

TEST(ModelFieldsTest, AbsentMembersAreUnset) {
  const Model model = Fill("{}");
  Model expected;
  expected.set_name("m");
  expected.set_json("{}");
  expected.set_mod_revision(7);
  expected.set_etag(model.etag());
  EXPECT_EQ(model.SerializeAsString(), expected.SerializeAsString());
}

TEST(ModelFieldsTest, MembersOfAnotherTypeAreUnsetAndTheOthersStillRead) {
  for (const char* odd : {"null", "[[1]]", "{\"url\":\"no\"}", "1.5", "[\"a\",null]", "[{}]"}) {
    std::string json = "{";
    for (const char* member : {"description", "version", "baseline", "nsfw", "style", "tags",
                               "trigger", "showcases", "homepage", "parameters", "parameters_count",
                               "size_on_disk_bytes", "inpainting", "display_name", "config"}) {
      absl::StrAppend(&json, "\"", member, "\":", odd, ",");
    }
    Model model = Fill(absl::StrCat(json, "\"url\":\"last\"}"));
    EXPECT_EQ(model.url(), "last") << odd;
    Model expected;
    expected.set_name("m");
    expected.set_url("last");
    model.clear_json();
    model.clear_etag();
    model.clear_mod_revision();
    EXPECT_EQ(model.DebugString(), expected.DebugString()) << odd;
  }
}

TEST(ModelFieldsTest, OnlyExactIntegersAreNumbers) {
  for (const char* number : {"3e9", "3.0", "\"3\"", "9223372036854775808", "true", "1e400"}) {
    EXPECT_FALSE(Fill(absl::StrCat("{\"parameters\":", number, "}")).has_parameters()) << number;
  }
  EXPECT_EQ(Fill(R"({"parameters":9223372036854775807})").parameters(), INT64_MAX);
  EXPECT_FALSE(Fill(R"({"version":2.1})").has_version());
}

TEST(ModelFieldsTest, ParametersCountIsReadWhereParametersDoesNotSay) {
  EXPECT_EQ(Fill(R"({"parameters_count":5})").parameters(), 5);
  EXPECT_EQ(Fill(R"({"parameters_count":5,"parameters":7})").parameters(), 7);
  EXPECT_EQ(Fill(R"({"parameters":7,"parameters_count":5})").parameters(), 7);
  EXPECT_EQ(Fill(R"({"parameters":"7","parameters_count":5})").parameters(), 5);
  EXPECT_EQ(Fill(R"({"parameters_count":5,"parameters":null})").parameters(), 5);
}

TEST(ModelFieldsTest, LoneSurrogatesNeverReachAMessage) {
  const std::string json = R"({"description":"a\ud800","tags":["ok","\udfff"],"url":"u",)"
                           R"("config":{"download":[{"file_name":"f","file_url":"\ud83d"}]}})";
  const Model model = Fill(json);
  EXPECT_FALSE(model.has_description());
  EXPECT_THAT(model.tags(), IsEmpty());
  EXPECT_EQ(model.url(), "u");
  ASSERT_EQ(model.downloads_size(), 1);
  EXPECT_EQ(model.downloads(0).file_url(), "");
  EXPECT_EQ(model.json(), json);
  // A message with a broken string would not parse.
  EXPECT_TRUE(Model().ParseFromString(model.SerializeAsString()));
}

TEST(ModelFieldsTest, ANameThatIsNotUtf8StaysUnset) {
  Model model;
  FillModel(Entry{MakeRecord("bad \xED\xA0\x80", "{}"), 0, 0}, Format::kV2, ReadMask::All(),
            &model);
  EXPECT_EQ(model.name(), "");
  EXPECT_TRUE(Model().ParseFromString(model.SerializeAsString()));
}

TEST(ModelFieldsTest, MaskedFieldsAreLeftOut) {
  const Model model =
      Fill(absl::StrCat(R"({"nsfw":true,"tags":["t"],"config":{"download":[{"file_name":"f"}]}})"),
           Format::kV2, ReadMask::Of({Model::kTagsFieldNumber}));
  Model expected;
  expected.set_name("m");
  expected.add_tags("t");
  EXPECT_EQ(model.DebugString(), expected.DebugString());
}

TEST(ModelFieldsTest, DownloadsOfAV2Record) {
  const Model model = Fill(absl::StrCat(R"({"config":{"download":[
      {"file_name":"f","file_url":"u","sha256sum":")",
                                        absl::AsciiStrToUpper(kSha), R"(",
       "file_purpose":"vae","size_bytes":9,"known_slow_download":false,"extra":[1]},
      {"file_url":"u2","sha256sum":"unknown","size_bytes":"9"}],
      "files":[{"path":"f","file_type":"no"}]}})"));
  ASSERT_EQ(model.downloads_size(), 2);
  EXPECT_EQ(model.downloads(0).file_name(), "f");
  EXPECT_EQ(model.downloads(0).file_url(), "u");
  EXPECT_EQ(model.downloads(0).sha256sum(), kSha);
  EXPECT_EQ(model.downloads(0).file_purpose(), "vae");
  EXPECT_EQ(model.downloads(0).size_bytes(), 9);
  EXPECT_TRUE(model.downloads(0).has_known_slow_download());
  EXPECT_EQ(model.downloads(1).sha256sum(), "FIXME");
  EXPECT_FALSE(model.downloads(1).has_size_bytes());
  EXPECT_FALSE(model.downloads(1).has_file_purpose());
}

TEST(ModelFieldsTest, DownloadsThatAreNotAllDownloadsAreUnset) {
  for (const char* list : {"{}", "null", R"([{"file_name":"f"},1])", R"([{"file_name":"f"},{}])",
                           R"([{"file_name":"f"},{"file_name":7,"file_url":null}])"}) {
    EXPECT_EQ(Fill(absl::StrCat(R"({"config":{"download":)", list, "}}")).downloads_size(), 0)
        << list;
  }
}

TEST(ModelFieldsTest, LegacyDownloadsAreMatchedWithTheirFiles) {
  const std::string before = absl::StrCat(R"("files":[{"path":"a.ckpt","sha256sum":")", kSha,
                                          R"(","file_type":"vae"},{"path":"b.yaml"},1])");
  const std::string after = R"("download":[{"file_name":"a.ckpt","file_path":"","file_url":"u"},
      {"file_name":"b.yaml","file_url":"v"},{"file_name":"c","file_url":"w"}])";
  for (const bool files_first : {true, false}) {
    const std::string config =
        files_first ? absl::StrCat(before, ",", after) : absl::StrCat(after, ",", before);
    const Model model = Fill(absl::StrCat("{\"config\":{", config, "}}"), Format::kLegacy);
    ASSERT_EQ(model.downloads_size(), 3);
    EXPECT_EQ(model.downloads(0).sha256sum(), kSha);
    EXPECT_EQ(model.downloads(0).file_purpose(), "vae");
    EXPECT_EQ(model.downloads(1).sha256sum(), "FIXME");
    EXPECT_FALSE(model.downloads(1).has_file_purpose());
    EXPECT_EQ(model.downloads(2).sha256sum(), "FIXME");
    EXPECT_EQ(model.downloads(2).file_url(), "w");
  }
}

TEST(ModelFieldsTest, ALegacyDownloadsOwnHashCountsBeforeThatOfItsFile) {
  const std::string other(64, 'a');
  const Model model =
      Fill(absl::StrCat(R"({"config":{"download":[{"file_name":"f","sha256sum":")", kSha,
                        R"("}],"files":[{"path":"f","sha256sum":")", other, R"("}]}})"),
           Format::kLegacy);
  ASSERT_EQ(model.downloads_size(), 1);
  EXPECT_EQ(model.downloads(0).sha256sum(), kSha);
}

TEST(ModelFieldsTest, DeclaredSizeIsTheSumOfTheFilesOrTheTotal) {
  const auto size = [](absl::string_view json) { return DeclaredSize(Fill(json)); };
  EXPECT_EQ(size(R"({"config":{"download":[{"file_name":"a","size_bytes":2},
      {"file_name":"b","size_bytes":3}]},"size_on_disk_bytes":9})"),
            5);
  EXPECT_EQ(size(R"({"config":{"download":[{"file_name":"a","size_bytes":2},
      {"file_name":"b"}]},"size_on_disk_bytes":9})"),
            9);
  EXPECT_EQ(size(R"({"config":{"download":[]},"size_on_disk_bytes":9})"), 9);
  EXPECT_EQ(size(R"({"config":{"download":[{"file_name":"a","size_bytes":9223372036854775807},
      {"file_name":"b","size_bytes":3}]}})"),
            std::nullopt);
  EXPECT_EQ(size(R"({"size_on_disk_bytes":-1})"), std::nullopt);
  EXPECT_EQ(size("{}"), std::nullopt);
}

}  // namespace
}  // namespace modelref
