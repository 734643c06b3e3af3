#include "backends/convert/legacy_to_v2.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::StatusIs;

// The v2 form of one record called "m" on one line, or "error: " and why there is none.
std::string Convert(absl::string_view category, absl::string_view record) {
  const absl::StatusOr<Json> legacy = ParseJson(record);
  if (!legacy.ok()) return std::string(legacy.status().message());
  std::vector<std::string> remarks;
  const absl::StatusOr<Json> converted =
      ConvertLegacyRecord(*FindBuiltInCategory(category), "m", *legacy, &remarks);
  if (!converted.ok()) return absl::StrCat("error: ", converted.status().message());
  return CanonicalJson(*converted);
}

std::vector<std::string> Remarks(absl::string_view category, absl::string_view record) {
  std::vector<std::string> remarks;
  (void)ConvertLegacyRecord(*FindBuiltInCategory(category), "m", *ParseJson(record), &remarks);
  return remarks;
}

constexpr absl::string_view kEmptyBlip =
    R"({"record_type":"blip","name":"m","metadata":{"schema_version":"2.0.0"},)"
    R"("config":{"download":[]},)"
    R"("model_classification":{"domain":"image","purpose":"feature_extractor"}})";

TEST(LegacyRecordTest, GenericRecordsKeepNamesDescriptionsVersionsAndFiles) {
  EXPECT_EQ(Convert("blip", R"({"name":"m"})"), kEmptyBlip);
  EXPECT_EQ(Convert("blip", R"({"name":"m","config":null,"extra":{"a":1},"type":null})"),
            kEmptyBlip);
  EXPECT_EQ(Convert("esrgan", R"({"version":"1","description":"d","name":"n","type":"any"})"),
            R"({"record_type":"esrgan","name":"n","description":"d","version":"1",)"
            R"("metadata":{"schema_version":"2.0.0"},"config":{"download":[]},)"
            R"("model_classification":{"domain":"image","purpose":"post_processing"}})");
}

TEST(LegacyRecordTest, FilesBecomeDownloadsInTheirOrder) {
  EXPECT_EQ(
      Convert("image_generation", R"({"name":"m","baseline":"infer","config":{
          "files":[{"path":"b","sha256sum":"s","md5sum":"x","file_type":"vae","content_hash":"h"},
                   {"path":"V1.YAML"},{"path":""},{"path":"a"},{"path":"Civitai.bin"}],
          "download":[{"file_name":"a","file_url":"u1"},{"file_name":"a","file_url":"u2"}],
          "embedded_component_hashes":{"vae":"e"}}})"),
      R"({"name":"m","config":{"download":[)"
      R"({"file_name":"b","file_url":"","sha256sum":"s","content_hash":"h","file_purpose":"vae",)"
      R"("known_slow_download":false},)"
      R"({"file_name":"a","file_url":"u2","known_slow_download":false},)"
      R"({"file_name":"Civitai.bin","file_url":"","known_slow_download":true}],)"
      R"("embedded_component_hashes":{"vae":"e"}},"baseline":"infer","tags":[],"showcases":[],)"
      R"("trigger":[],"nsfw":false})");
}

TEST(LegacyRecordTest, OtherCategoriesWriteUnknownHashes) {
  EXPECT_EQ(Convert("safety_checker", R"({"name":"m","config":{"files":[{"path":"a"}]}})"),
            R"({"record_type":"safety_checker","name":"m","metadata":{"schema_version":"2.0.0"},)"
            R"("config":{"download":[{"file_name":"a","file_url":"","sha256sum":"FIXME",)"
            R"("known_slow_download":false}]},)"
            R"("model_classification":{"domain":"image","purpose":"safety_checker"}})");
}

TEST(LegacyRecordTest, ARepeatedPathKeepsItsPlaceAndTakesTheLastContent) {
  EXPECT_EQ(Convert("image_generation",
                    R"({"name":"m","baseline":"SDXL","config":{"files":[
                    {"path":"a","sha256sum":"1"},{"path":"b"},{"path":"a","sha256sum":"2"}]}})"),
            R"({"name":"m","config":{"download":[)"
            R"({"file_name":"a","file_url":"","sha256sum":"2","known_slow_download":false},)"
            R"({"file_name":"b","file_url":"","known_slow_download":false}]},)"
            R"("baseline":"SDXL","tags":[],"showcases":[],"trigger":[],"nsfw":false})");
}

TEST(LegacyRecordTest, ADownloadWithoutItsFileIsAnError) {
  EXPECT_EQ(Convert("blip", R"({"name":"m","config":{"download":[{"file_name":"a"}]}})"),
            "error: config.download[0].file_name: \"a\" is not among the files of the config");
  EXPECT_EQ(Convert("blip", R"({"name":"m","config":{"files":[{"path":"a.yaml"}],
                                "download":[{"file_name":"a.yaml"}]}})"),
            "error: config.download[0].file_name: \"a.yaml\" is not among the files of the config");
}

TEST(LegacyRecordTest, ImagesWriteEverythingThatIsNotADefault) {
  EXPECT_EQ(Convert("image_generation", R"({
      "requirements":{"clip_skip":2,"f":1.50,"l":[1,2.5]},"style":" anime ","nsfw":1,
      "homepage":"h","trigger":["t"],"min_bridge_version":"11","showcases":["s"],
      "tags":[" x "],"optimization":"o","baseline":"stable diffusion 2","inpainting":true,
      "type":"ckpt","size_on_disk_bytes":1.0,"version":"v","description":"d","name":"n"})"),
            R"({"name":"n","description":"d","version":"v","size_on_disk_bytes":1,)"
            R"("inpainting":true,"baseline":"stable_diffusion_2_768","optimization":"o",)"
            R"("tags":["x"],"showcases":["s"],"min_bridge_version":11,"trigger":["t"],)"
            R"("homepage":"h","nsfw":true,"style":"anime",)"
            R"("requirements":{"clip_skip":2,"f":1.5,"l":[1.0,2.5]}})");
}

TEST(LegacyRecordTest, ImagesAreRefusedForWhatTheOriginalRefuses) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"name":"m"})", "error: baseline: is missing"},
      {R"({"name":"m","baseline":"sd9"})", "error: baseline: unknown: \"sd9\""},
      {R"({"name":"m","baseline":"qwen","style":""})", "error: style: unknown: \"\""},
      {R"({"name":"m","baseline":"qwen","type":"safetensors"})", "error: type: must be ckpt"},
      {R"({"name":"m","baseline":"qwen","type":null})", "error: type: must be ckpt"},
      {R"({"name":"m","baseline":"qwen","inpainting":null})",
       "error: inpainting: true or false is expected, not null"},
      {R"({"name":"m","baseline":"qwen","showcases":["http://huggingface.co/x"]})",
       "error: showcases: must not be on huggingface"},
      {R"({"name":5,"baseline":"qwen","version":1.5})",
       "error: name: a string is expected, not a number; "
       "version: a string is expected, not a number"},
      {R"([])", "error: the record is not a JSON object"},
  };
  for (const auto& [record, expected] : cases) {
    EXPECT_EQ(Convert("image_generation", record), expected);
  }
}

TEST(LegacyRecordTest, ControlnetsUseTheTypeThenTheStyle) {
  const auto style_of = [](absl::string_view record) {
    const std::string text = Convert("controlnet", record);
    const size_t start = text.find("\"controlnet_style\"");
    return start == std::string::npos ? std::string("none") : text.substr(start);
  };
  EXPECT_EQ(style_of(R"({"name":"m","type":"control_hed","style":"x"})"),
            R"("controlnet_style":"control_hed"})");
  EXPECT_EQ(style_of(R"({"name":"m","type":"","style":"control_qr"})"),
            R"("controlnet_style":"control_qr"})");
  EXPECT_EQ(style_of(R"({"name":"m"})"), "none");
}

TEST(LegacyRecordTest, ClipsKnowTwoTypes) {
  EXPECT_EQ(Convert("clip", R"({"name":"m","type":"blip"})"), "error: type: must be clip or coca");
  EXPECT_NE(Convert("clip", R"({"name":"m","type":"coca","pretrained_name":"p"})")
                .find(R"("pretrained_name":"p"})"),
            std::string::npos);
}

TEST(LegacyRecordTest, RemarksNameWhatIsOdd) {
  EXPECT_EQ(absl::StrJoin(Remarks("blip", R"({"name":"n","available":true,"style":"","config":{
                "files":[{"path":"a.bin","sha256sum":"short"},{"path":"b.bin"},{"path":"c.json"}],
                "download":[{"file_name":"a.bin","file_path":"p"}]}})"),
                          "; "),
            "is flagged available; a.bin has a sha256sum of the wrong length; b.bin has no "
            "sha256sum; the download of a.bin has a file_path; the download of a.bin has no "
            "file_url; its name is \"n\"; has no description; has an empty style");
}

TEST(ConvertLegacyFileTest, OneBadRecordHidesOnlyItself) {
  const Category& blip = *FindBuiltInCategory("blip");
  ASSERT_OK_AND_ASSIGN(
      const ConvertedDocument converted,
      ConvertLegacyFile(
          blip, "blip.json",
          "{\"a\": {\"name\": \"a\"},\n \"b\": 5,\n\"c\": {\"name\": \"c\", \"x\": NaN},"
          "\n\"\\n\": {\"name\": \"d\"},\n\n\"m\": {\"name\": \"m\", \"x\": 1e400}}"));
  std::vector<std::string> names, errors;
  for (const auto& [name, record] : converted.records.members()) names.push_back(name);
  for (const RecordIssue& issue : converted.issues) {
    if (issue.severity != IssueSeverity::kError) continue;
    errors.push_back(absl::StrCat(issue.line, ": ", issue.reason));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a", "m"}));
  EXPECT_EQ(errors, (std::vector<std::string>{"2: the record is not a JSON object",
                                              "3: the record holds NaN",
                                              "4: the model name holds a control character"}));
  EXPECT_EQ(converted.rejected, 3u);
}

TEST(ConvertLegacyFileTest, RecordsThatAreTooDeepAreLeftOut) {
  const Category& blip = *FindBuiltInCategory("blip");
  const auto file = [](size_t depth) {
    return absl::StrCat(R"({"a":{"name":"a","x":)", std::string(depth, '['),
                        std::string(depth, ']'), "}}");
  };
  EXPECT_EQ(ConvertLegacyFile(blip, "blip.json", file(62))->rejected, 0u);
  EXPECT_EQ(ConvertLegacyFile(blip, "blip.json", file(63))->rejected, 1u);
}

TEST(ConvertLegacyFileTest, AFileThatIsNoDocumentIsAnError) {
  const Category& blip = *FindBuiltInCategory("blip");
  for (const absl::string_view text : {"", " \n", "[]", "null", "{", "\xFF"}) {
    EXPECT_THAT(ConvertLegacyFile(blip, "blip.json", text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
  EXPECT_THAT(ConvertLegacyFile(*FindBuiltInCategory("lora"), "lora.json", "{}"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(FormatConvertedDocumentTest, IsIndentedByFourAsciiWithAFinalLineEnd) {
  JsonObject records;
  records.Set("\xC3\xA9\xF0\x9F\x98\x80", JsonObject());
  EXPECT_EQ(FormatConvertedDocument(records), "{\n    \"\\u00e9\\ud83d\\ude00\": {}\n}\n");
  EXPECT_EQ(FormatConvertedDocument({}), "{}\n");
}

}  // namespace
}  // namespace modelref
