#include "service/write/model_record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/categories.h"
#include "backends/document.h"
#include "service/model_fields.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::IsOk;

constexpr char kSha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

JsonObject Object(absl::string_view text) {
  const absl::StatusOr<Json> json = ParseJson(text);
  EXPECT_TRUE(json.ok()) << json.status() << " in " << text;
  return *json->AsObject();
}

std::string Text(const JsonObject& record) { return CanonicalJson(Json(record)); }

v1::Model Filled(const JsonObject& record, Format format) {
  Entry entry;
  entry.record = MakeRecord("m", Text(record));
  v1::Model model;
  FillModel(entry, format, ReadMask::All(), &model);
  model.clear_json();
  return model;
}

// Merging what was read changes nothing; merging it into nothing gives the same fields.
void ExpectRoundTrip(const std::string& name, const JsonObject& record, Format format) {
  SCOPED_TRACE(name);
  const v1::Model model = Filled(record, format);
  JsonObject merged = record;
  ASSERT_THAT(MergeModel(model, format, &merged), IsOk());
  EXPECT_EQ(Text(merged), Text(record));
  JsonObject fresh;
  ASSERT_THAT(MergeModel(model, format, &fresh), IsOk());
  v1::Model again = Filled(fresh, format);
  again.set_etag(model.etag());
  EXPECT_EQ(again.SerializeAsString(), model.SerializeAsString());
}

void ExpectRoundTrips(const std::string& path, Format format, size_t at_least) {
  const JsonObject records = Object(testing::ReadShared(path));
  EXPECT_GE(records.size(), at_least);
  for (const auto& [name, record] : records.members()) {
    ExpectRoundTrip(absl::StrCat(path, ": ", name), *record.AsObject(), format);
  }
}

TEST(ModelRecordTest, TheRealCataloguesSurviveTheWayThroughTheMessage) {
  SKIP_WITHOUT_SHARED_DATA();
  for (const Category& category : BuiltInCategories()) {
    if (!category.has_legacy() || category.domain == "text") continue;
    ExpectRoundTrips(absl::StrCat("data/AI-Horde-image-model-reference/", category.legacy_file),
                     Format::kLegacy, 1);
    // Those that the original refused to convert.
    if (category.name == "esrgan" || category.name == "safety_checker") continue;
    ExpectRoundTrips(absl::StrCat("golden/v2/", category.v2_file), Format::kV2, 1);
  }
  ExpectRoundTrips("golden/text_legacy_from_csv.json", Format::kLegacy, 2157);
  ExpectRoundTrips("golden/v2/text_generation.every_third_model.json", Format::kV2, 240);
}

TEST(ModelRecordTest, OnlySetFieldsAreWritten) {
  JsonObject record = Object(
      R"({"mine":[1.0],"nsfw":true,"description":"d","tags":["a"],"config":{"mine":1},
          "style":null})");
  ASSERT_THAT(MergeModel(v1::Model(), Format::kV2, &record), IsOk());
  EXPECT_EQ(Text(record),
            R"({"mine":[1.0],"nsfw":true,"description":"d","tags":["a"],"config":{"mine":1},)"
            R"("style":null})");
  v1::Model model;
  model.set_name("other");
  model.set_nsfw(false);
  model.set_description("");
  model.add_trigger("t");
  model.set_parameters(7);
  ASSERT_THAT(MergeModel(model, Format::kV2, &record), IsOk());
  EXPECT_EQ(Text(record),
            R"({"mine":[1.0],"nsfw":false,"description":"","tags":["a"],"config":{"mine":1},)"
            R"("style":null,"trigger":["t"],"parameters":7})");
}

TEST(ModelRecordTest, EveryFieldIsWritten) {
  v1::Model model;
  model.set_description("1");
  model.set_version("2");
  model.set_baseline("3");
  model.set_nsfw(true);
  model.set_style("4");
  model.add_tags("5");
  model.add_trigger("6");
  model.add_showcases("7");
  model.set_homepage("8");
  model.set_parameters(-9);
  model.set_size_on_disk_bytes(10);
  model.set_inpainting(true);
  model.set_display_name("11");
  model.set_url("12");
  v1::Download* const download = model.add_downloads();
  download->set_file_name("f");
  download->set_file_url("u");
  download->set_sha256sum(kSha);
  download->set_file_purpose("vae");
  download->set_size_bytes(13);
  download->set_known_slow_download(true);
  JsonObject record;
  ASSERT_THAT(MergeModel(model, Format::kV2, &record), IsOk());
  v1::Model read = Filled(record, Format::kV2);
  read.clear_name();
  read.clear_etag();
  EXPECT_EQ(read.SerializeAsString(), model.SerializeAsString());
}

TEST(ModelRecordTest, ParametersGoUnderTheNameThatTheRecordHas) {
  v1::Model model;
  model.set_parameters(8);
  JsonObject alias = Object(R"({"parameters_count":7})");
  ASSERT_THAT(MergeModel(model, Format::kV2, &alias), IsOk());
  EXPECT_EQ(Text(alias), R"({"parameters_count":8})");
  JsonObject both = Object(R"({"parameters_count":7,"parameters":7})");
  ASSERT_THAT(MergeModel(model, Format::kV2, &both), IsOk());
  EXPECT_EQ(Text(both), R"({"parameters":8})");
}

v1::Model TwoDownloads() {
  v1::Model model;
  v1::Download* download = model.add_downloads();
  download->set_file_name("b");
  download->set_file_url("new");
  download = model.add_downloads();
  download->set_file_name("c");
  download->set_file_url("u");
  download->set_sha256sum(kSha);
  return model;
}

TEST(ModelRecordTest, DownloadsReplaceTheListAndKeepWhatIsNotSaid) {
  JsonObject record = Object(
      R"({"config":{"mine":1,"download":[{"file_name":"a"},
          {"file_name":"b","file_url":"old","sha256sum":"AB","content_hash":"h","mine":2}]}})");
  ASSERT_THAT(MergeModel(TwoDownloads(), Format::kV2, &record), IsOk());
  EXPECT_EQ(Text(record),
            absl::StrCat(R"({"config":{"mine":1,"download":[{"file_name":"b","file_url":"new",)"
                         R"("sha256sum":"AB","content_hash":"h","mine":2},{"file_name":"c",)"
                         R"("file_url":"u","sha256sum":")",
                         kSha, R"("}]}})"));
}

TEST(ModelRecordTest, LegacyDownloadsAreFilesToo) {
  JsonObject record = Object(
      R"({"config":{"files":[{"path":"a","sha256sum":"x"},{"path":"v1.yaml"},
                             {"path":"b","md5sum":"5"}],
                    "download":[{"file_name":"a"},
                                {"file_name":"b","file_path":"p","file_url":"old"}]}})");
  ASSERT_THAT(MergeModel(TwoDownloads(), Format::kLegacy, &record), IsOk());
  EXPECT_EQ(Text(record),
            absl::StrCat(R"({"config":{"files":[{"path":"v1.yaml"},{"path":"b","md5sum":"5"},)"
                         R"({"path":"c","sha256sum":")",
                         kSha,
                         R"("}],"download":[{"file_name":"b","file_path":"p","file_url":"new"},)"
                         R"({"file_name":"c","file_path":"","file_url":"u"}]}})"));
}

TEST(ModelRecordTest, WhatCannotBeWrittenIsNamedAndNothingIsChanged) {
  v1::Model model = TwoDownloads();
  model.set_json("{}");
  model.set_description("d");
  model.mutable_downloads(0)->set_size_bytes(5);
  model.mutable_downloads(1)->set_known_slow_download(true);
  model.add_downloads()->set_file_name("c");
  model.add_downloads()->set_file_url("u");
  JsonObject record = Object(R"({"config":{"download":[{"file_name":"c",)"
                             R"("known_slow_download":true}]}})");
  const std::string before = Text(record);
  const absl::Status status = MergeModel(model, Format::kLegacy, &record);
  EXPECT_EQ(ReasonOf(status), "BAD_FIELD");
  const std::vector<FieldViolation> expected = {
      {"json", "must be empty where fields are written"},
      {"downloads[2].file_name", "is listed twice"},
      {"downloads[3].file_name", "is missing"},
      {"downloads[0].size_bytes", "the legacy format cannot hold it"},
  };
  EXPECT_EQ(ExtrasOf(status).field_violations, expected);
  EXPECT_EQ(Text(record), before);
}

TEST(ModelRecordTest, MembersOfOtherTypesAreReplaced) {
  for (const char* config : {"7", "[]", R"({"download":{},"files":5})", R"({"files":[7]})"}) {
    for (const Format format : {Format::kV2, Format::kLegacy}) {
      JsonObject record = Object(absl::StrCat(R"({"config":)", config, "}"));
      ASSERT_THAT(MergeModel(TwoDownloads(), format, &record), IsOk());
      EXPECT_EQ(Filled(record, format).downloads_size(), 2) << config;
    }
  }
}

}  // namespace
}  // namespace modelref
