#include "backends/convert/record_write.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/convert/text_record.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::StatusIs;

JsonObject Object(absl::string_view text) {
  const absl::StatusOr<Json> json = ParseJson(text);
  EXPECT_TRUE(json.ok()) << json.status() << " in " << text;
  return *json->AsObject();
}

std::string Prepared(absl::string_view category, Format format, absl::string_view text) {
  JsonObject record = Object(text);
  const RecordCheck check = PrepareRecord(*FindBuiltInCategory(category), format, "m", &record);
  EXPECT_TRUE(check.ok()) << ViolationError(check, "m", "");
  return CanonicalJson(Json(record));
}

TEST(PrepareRecordTest, AMissingNameIsTheModels) {
  EXPECT_EQ(Prepared("blip", Format::kV2, R"({"version":null})"), R"({"name":"m","version":null})");
  EXPECT_EQ(Prepared("blip", Format::kLegacy, R"({"name":null,"x":1})"), R"({"name":"m","x":1})");
}

// H 1.7: the original's clients send them, older readers do not expect them.
TEST(PrepareRecordTest, NullsThatSayNothingAreDroppedFromLegacyRecords) {
  EXPECT_EQ(Prepared("image_generation", Format::kLegacy,
                     R"({"name":"m","baseline":"infer","type":null,"inpainting":null,"tags":null,
                   "csam_whitelist":null,"min_bridge_version":7,"mine":{"x":null},
                   "config":{"files":[{"path":"a","md5sum":null,"mine":null}],"download":[
                       {"file_name":"a","file_path":null,"file_url":"u"}],
                       "embedded_component_hashes":null,"mine":null}})"),
            R"({"name":"m","baseline":"infer","csam_whitelist":null,"min_bridge_version":7,)"
            R"("mine":{"x":null},"config":{"files":[{"path":"a","mine":null}],)"
            R"("download":[{"file_name":"a","file_url":"u"}],"mine":null}})");
}

// H 1.4.
TEST(PrepareRecordTest, StyleAndTagsOfImagesAreStoredAsTheyAreJudged) {
  EXPECT_EQ(Prepared("image_generation", Format::kV2,
                     R"({"name":"m","baseline":"infer","nsfw":false,"style":" anime\t",
                         "tags":["a b"," c ","\u2003d"],"trigger":[" x "]})"),
            R"({"name":"m","baseline":"infer","nsfw":false,"style":"anime",)"
            R"("tags":["a b","c","d"],"trigger":[" x "]})");
}

// H 1.7, 3.8.
TEST(PrepareRecordTest, BaselinesOfLegacyImagesHaveTheirLegacyNames) {
  const auto stored = [](absl::string_view baseline) {
    return Prepared("image_generation", Format::kLegacy,
                    absl::StrCat(R"({"name":"m","baseline":")", baseline, "\"}"));
  };
  EXPECT_EQ(stored("stable_diffusion_1"), R"({"name":"m","baseline":"stable diffusion 1"})");
  EXPECT_EQ(stored("stable_diffusion_2_768"), R"({"name":"m","baseline":"stable diffusion 2"})");
  EXPECT_EQ(stored("stable_diffusion_2_512"),
            R"({"name":"m","baseline":"stable diffusion 2 512"})");
  for (const char* same : {"stable diffusion 1", "stable_diffusion_xl", "stable_cascade"}) {
    EXPECT_EQ(stored(same), absl::StrCat(R"({"name":"m","baseline":")", same, "\"}"));
  }
}

TEST(PrepareRecordTest, ReportsWhatTheProcessorAndTheCheckFindOncePerField) {
  JsonObject record = Object(R"({"parameters":true,"settings":{"x":1},"url":5,"tags":[7]})");
  const RecordCheck check =
      PrepareRecord(*FindBuiltInCategory("text_generation"), Format::kV2, "koboldcpp/M", &record);
  std::vector<std::string> fields;
  for (const RecordViolation& violation : check.violations) fields.push_back(violation.field);
  EXPECT_EQ(fields,
            (std::vector<std::string>{"name", "parameters", "settings.x", "tags[0]", "url"}));
  EXPECT_EQ(ReasonOf(ViolationError(check, "koboldcpp/M", "")), "BACKEND_PREFIXED_NAME");
}

std::string Derived(absl::string_view category, absl::string_view legacy,
                    absl::string_view stored) {
  const JsonObject stored_v2 = Object(stored);
  const absl::StatusOr<Json> v2 = DeriveV2Record(*FindBuiltInCategory(category), "m",
                                                 Json(Object(legacy)), &stored_v2, nullptr);
  EXPECT_TRUE(v2.ok()) << v2.status();
  return v2.ok() ? CanonicalJson(*v2) : "";
}

// W-C6.
TEST(DeriveV2RecordTest, KeepsMetadataAndWhatOnlyV2CanSayInItsPlace) {
  EXPECT_EQ(Derived("image_generation",
                    R"({"name":"m","baseline":"stable diffusion 1","nsfw":true,"homepage":"new"})",
                    R"({"record_type":"image_generation","name":"m","description":"gone",
                  "finetune_series":{"name":"s"},"metadata":{"created_at":1,"updated_at":2,"x":3},
                  "config":{"download":[{"file_name":"gone"}],"mine":1},"baseline":"infer",
                  "tags":["gone"],"min_bridge_version":9,"nsfw":false,"mine":[1.0],
                  "style":"anime"})"),
            R"({"record_type":"image_generation","name":"m","finetune_series":{"name":"s"},)"
            R"("metadata":{"created_at":1,"updated_at":2,"x":3},"baseline":"stable_diffusion_1",)"
            R"("tags":[],"showcases":[],"trigger":[],"homepage":"new","nsfw":true,"mine":[1.0],)"
            R"("config":{"mine":1}})");
  EXPECT_EQ(Derived("codeformer", R"({"name":"m","version":"2"})",
                    R"({"record_type":"codeformer","name":"m","version":"1",
                        "metadata":{"created_at":1},"config":{"download":[]},
                        "model_classification":{"domain":"image","purpose":"post_processing"},
                        "size_on_disk_bytes":7})"),
            R"({"record_type":"codeformer","name":"m","version":"2","metadata":{"created_at":1},)"
            R"("config":{"download":[]},"model_classification":{"domain":"image",)"
            R"("purpose":"post_processing"},"size_on_disk_bytes":7})");
}

constexpr char kTwoFiles[] =
    R"({"name":"m","config":{"files":[{"path":"a","sha256sum":"AA"},{"path":"b"}],
        "download":[{"file_name":"a","file_url":"u2"},{"file_name":"b","file_url":"v"}]}})";

TEST(DeriveV2RecordTest, KeepsWhatIsKnownOfAFileWhileItIsTheSame) {
  const std::string record = Derived("blip", kTwoFiles,
                                     R"({"config":{"download":[
          {"file_name":"b","file_url":"v","size_bytes":5,"content_hash":"gone","mine":1},
          {"file_name":"a","file_url":"u1","sha256sum":"aa","known_slow_download":true,
           "size_bytes":6}]}})");
  EXPECT_NE(record.find(R"({"file_name":"a","file_url":"u2","sha256sum":"AA",)"
                        R"("known_slow_download":true,"size_bytes":6})"),
            std::string::npos)
      << record;
  EXPECT_NE(record.find(R"({"file_name":"b","file_url":"v","size_bytes":5,"mine":1,)"
                        R"("sha256sum":"FIXME","known_slow_download":false})"),
            std::string::npos)
      << record;
}

TEST(DeriveV2RecordTest, ForgetsWhatWasKnownOfAnotherFileOfTheName) {
  const std::string record = Derived("blip", kTwoFiles,
                                     R"({"config":{"download":[
          {"file_name":"a","file_url":"u2","sha256sum":"bb","known_slow_download":true,
           "size_bytes":6},
          {"file_name":"b","file_url":"elsewhere","size_bytes":5}]}})");
  EXPECT_EQ(record.find("size_bytes"), std::string::npos) << record;
  EXPECT_EQ(record.find("true"), std::string::npos) << record;
}

// W-C16.
TEST(DeriveV2RecordTest, SlowHostsAreKnownByTheAddress) {
  const std::string record =
      Derived("blip",
              R"({"name":"m","config":{"files":[{"path":"a"},{"path":"civitai_b"},{"path":"c"}],
                  "download":[{"file_name":"a","file_url":"https://Civitai.com/a"},
                              {"file_name":"c","file_url":"https://x/c"}]}})",
              "{}");
  std::vector<std::string> slow;
  const absl::StatusOr<Json> json = ParseJson(record);
  for (const Json& entry :
       *json->AsObject()->Find("config")->AsObject()->Find("download")->AsArray()) {
    if (*entry.AsObject()->Find("known_slow_download")->AsBool()) {
      slow.push_back(*entry.AsObject()->Find("file_name")->AsString());
    }
  }
  EXPECT_EQ(slow, (std::vector<std::string>{"a", "civitai_b"}));
}

TEST(DeriveV2RecordTest, TextModelsAreWhatTheirRowSaysAndKeepNsfwVersionAndFiles) {
  const Category& text = *FindBuiltInCategory("text_generation");
  JsonObject legacy =
      Object(R"({"parameters":7000000000,"nsfw":true,"version":"3","style":"chat"})");
  ASSERT_TRUE(PrepareRecord(text, Format::kLegacy, "A/M", &legacy).ok());
  const JsonObject stored = Object(
      R"({"name":"A/M","config":{"download":[{"file_name":"f","file_url":"u"}]},
          "parameters_count":1,"model_name":"M","metadata":{"created_at":5}})");
  ASSERT_OK_AND_ASSIGN(const Json v2, DeriveV2Record(text, "A/M", Json(legacy), &stored, nullptr));
  EXPECT_EQ(CanonicalJson(v2),
            R"({"record_type":"text_generation","name":"A/M","description":"","version":"3",)"
            R"("metadata":{"created_at":5},"config":{"download":[{"file_name":"f",)"
            R"("file_url":"u"}]},"model_name":"M","model_classification":{"domain":"text",)"
            R"("purpose":"generation"},"baseline":"","parameters":7000000000,"nsfw":true,)"
            R"("style":"chat","display_name":"","url":"","tags":[],"text_model_group":"M"})");
}

// No table has columns for them: what it does not say is not a change.
TEST(DeriveV2RecordTest, NsfwAndVersionOfTextModelsChangeWhereTheWriteChangesThem) {
  const Category& text = *FindBuiltInCategory("text_generation");
  const JsonObject stored = Object(R"({"name":"M","nsfw":true,"version":"9","parameters":1})");
  const auto derived = [&](absl::string_view legacy, const JsonObject* before) {
    const absl::StatusOr<Json> v2 =
        DeriveV2Record(text, "M", Json(Object(legacy)), &stored, nullptr, before);
    EXPECT_TRUE(v2.ok()) << v2.status();
    const JsonObject& record = *v2->AsObject();
    return CanonicalJson(*record.Find("nsfw")) + CanonicalJson(*record.Find("version"));
  };
  constexpr char kDefaults[] = R"({"parameters":2,"nsfw":false,"version":"1"})";
  constexpr char kSaid[] = R"({"parameters":2,"nsfw":true,"version":"2"})";
  const JsonObject defaults = Object(kDefaults);
  const JsonObject said = Object(kSaid);
  EXPECT_EQ(derived(kDefaults, nullptr), R"(true"9")");
  EXPECT_EQ(derived(kDefaults, &defaults), R"(true"9")");
  EXPECT_EQ(derived(kSaid, &said), R"(true"9")");
  EXPECT_EQ(derived(kSaid, &defaults), R"(true"2")");
  EXPECT_EQ(derived(kDefaults, &said), R"(false"")");
  EXPECT_EQ(derived(R"({"parameters":2,"nsfw":true,"version":"3"})", &said), R"(true"3")");
}

TEST(DeriveV2RecordTest, StoredRubbishIsNotCopied) {
  EXPECT_EQ(Derived("text_generation", R"({"parameters":1})", R"({"nsfw":"x","version":5})"),
            Derived("text_generation", R"({"parameters":1})", "{}"));

  EXPECT_EQ(Derived("clip", R"({"name":"m"})", R"({"config":7,"metadata":[],"name":{}})"),
            Derived("clip", R"({"name":"m"})", "{}"));
  EXPECT_EQ(Derived("clip", kTwoFiles, R"({"config":{"download":{"a":1}}})"),
            Derived("clip", kTwoFiles, "{}"));
  EXPECT_EQ(Derived("clip", kTwoFiles, R"({"config":{"download":[7,{"file_name":7}]}})"),
            Derived("clip", kTwoFiles, "{}"));
}

TEST(DeriveV2RecordTest, WhatDoesNotConvertIsNamedFieldByField) {
  const Category& image = *FindBuiltInCategory("image_generation");
  std::vector<std::string> remarks;
  const absl::Status status =
      DeriveV2Record(image, "m", Json(Object(R"({"name":"m","baseline":"x","nsfw":"maybe"})")),
                     nullptr, &remarks)
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(ReasonOf(status), "INVALID_RECORD");
  EXPECT_EQ(ExtrasOf(status).field_violations.size(), 2u);
  EXPECT_THAT(DeriveV2Record(image, "m", Json::Number(7), nullptr, nullptr).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const absl::Status prefixed =
      DeriveV2Record(*FindBuiltInCategory("text_generation"), "koboldcpp/M",
                     Json(Object(R"({"parameters":1})")), nullptr, nullptr)
          .status();
  EXPECT_EQ(ReasonOf(prefixed), "BACKEND_PREFIXED_NAME");
}

TEST(DeriveV2RecordTest, RemarksTellWhatIsUnusual) {
  std::vector<std::string> remarks;
  ASSERT_TRUE(DeriveV2Record(*FindBuiltInCategory("blip"), "m", Json(Object(R"({"name":"m"})")),
                             nullptr, &remarks)
                  .ok());
  EXPECT_EQ(remarks, (std::vector<std::string>{"config lists no download", "has no description"}));
}

}  // namespace
}  // namespace modelref
