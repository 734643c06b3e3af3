#include "backends/convert/record_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

using Lines = std::vector<std::string>;

constexpr char kSha[] = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";

JsonObject Object(absl::string_view text) {
  const absl::StatusOr<Json> json = ParseJson(absl::StrReplaceAll(text, {{"$SHA", kSha}}));
  EXPECT_TRUE(json.ok()) << json.status() << " in " << text;
  return json.ok() && json->AsObject() != nullptr ? *json->AsObject() : JsonObject();
}

Lines Listed(const std::vector<RecordViolation>& violations) {
  Lines lines;
  for (const RecordViolation& violation : violations) {
    lines.push_back(absl::StrCat(violation.field, ": ", violation.description));
  }
  return lines;
}

struct CheckCase {
  const char* name;
  const char* category;
  const char* record;
  Lines violations;
  Lines warnings = {};
};

class V2RecordTest : public ::testing::TestWithParam<CheckCase> {};
class LegacyCheckTest : public ::testing::TestWithParam<CheckCase> {};

TEST_P(V2RecordTest, HasTheseViolationsAndWarnings) {
  const RecordCheck check =
      CheckV2Record(*FindBuiltInCategory(GetParam().category), "m", Object(GetParam().record));
  EXPECT_EQ(Listed(check.violations), GetParam().violations);
  EXPECT_EQ(Listed(check.warnings), GetParam().warnings);
}

TEST_P(LegacyCheckTest, HasTheseViolationsAndWarnings) {
  const RecordCheck check =
      CheckLegacyRecord(*FindBuiltInCategory(GetParam().category), "m", Object(GetParam().record));
  EXPECT_EQ(Listed(check.violations), GetParam().violations);
  EXPECT_EQ(Listed(check.warnings), GetParam().warnings);
}

const CheckCase kV2Cases[] = {
    {"Least", "blip", R"({"name":"m"})", {}},
    {"Whole",
     "image_generation",
     R"({"record_type":"image_generation","name":"m","description":"d","version":"1",
           "finetune_series":{"name":"s","author":null},
           "metadata":{"schema_version":"2.0.0","created_at":1,"updated_at":2,"created_by":"1",
                       "updated_by":null,"mine":{}},
           "config":{"download":[{"file_name":"f.safetensors","file_url":"https://x/f",
                                  "sha256sum":"$SHA","content_hash":"c","file_purpose":"vae",
                                  "known_slow_download":true,"size_bytes":5,"mine":1}],
                     "embedded_component_hashes":{"vae":"h"},"mine":2},
           "model_classification":{"domain":"image","purpose":"generation"},
           "size_on_disk_bytes":5,"inpainting":true,"baseline":"SDXL","optimization":"o",
           "tags":["t"],"showcases":[],"min_bridge_version":12,"trigger":null,"homepage":"h",
           "nsfw":false,"style":" anime ","mine":[null],
           "requirements":{"a":1,"b":1.5,"c":"x","d":true,"e":[1,2.5],"f":["x"],"g":[]}})",
     {}},
    {"NothingOfAnImage",
     "image_generation",
     R"({})",
     {"name: is missing", "baseline: is missing", "nsfw: is missing"}},
    {"NullsWhereNoneMayBe",
     "image_generation",
     R"({"record_type":null,"name":null,"metadata":null,"config":null,"baseline":null,
           "model_classification":null,"nsfw":null,"description":null,"style":null})",
     {"record_type: a string is expected, not null", "name: a string is expected, not null",
      "metadata: an object is expected, not null", "config: an object is expected, not null",
      "model_classification: an object is expected, not null",
      "baseline: a string is expected, not null", "nsfw: true or false is expected, not null"}},
    {"WrongTypesEverywhere",
     "image_generation",
     R"({"record_type":1,"name":"m","description":[],"version":2,"finetune_series":"s",
           "metadata":[],"config":"c","model_classification":true,"size_on_disk_bytes":"5",
           "inpainting":"yes","baseline":{},"optimization":false,"tags":"a,b","showcases":[1,"x"],
           "min_bridge_version":1.0,"trigger":{},"homepage":5,"nsfw":0,"style":[],
           "requirements":[]})",
     {"record_type: a string is expected, not this number",
      "description: a string is expected, not a list",
      "version: a string is expected, not this number",
      "finetune_series: an object is expected, not a string",
      "metadata: an object is expected, not a list", "config: an object is expected, not a string",
      "model_classification: an object is expected, not a boolean",
      "size_on_disk_bytes: an integer from 0 to 2^63 - 1 is expected, not a string",
      "inpainting: true or false is expected, not a string",
      "baseline: a string is expected, not an object",
      "optimization: a string is expected, not a boolean",
      "tags: a list of strings is expected, not a string",
      "showcases[0]: a string is expected, not this number",
      "min_bridge_version: an integer of at most 64 bits is expected, not this number",
      "trigger: a list of strings is expected, not an object",
      "homepage: a string is expected, not this number",
      "nsfw: true or false is expected, not this number", "style: a string is expected, not a list",
      "requirements: an object is expected, not a list"}},
    {"UnknownBaselineAndStyle",
     "image_generation",
     R"({"name":"m","baseline":"stable diffusion 9","nsfw":true,"style":"\ud800"})",
     {"style: is not Unicode text", "baseline: unknown: \"stable diffusion 9\"",
      "style: unknown: \"\\ud800\""}},
    {"RequirementsOfAllKindsThatAreNone",
     "image_generation",
     R"({"name":"m","baseline":"infer","nsfw":true,
           "requirements":{"a":null,"b":{},"c":[1,"x"],"d":[[]],"e":[true]}})",
     {"requirements.a: a finite number, a string, true, false or a list of numbers or of strings "
      "is expected",
      "requirements.b: a finite number, a string, true, false or a list of numbers or of strings "
      "is expected",
      "requirements.c: a finite number, a string, true, false or a list of numbers or of strings "
      "is expected",
      "requirements.d: a finite number, a string, true, false or a list of numbers or of strings "
      "is expected",
      "requirements.e: a finite number, a string, true, false or a list of numbers or of strings "
      "is expected"}},
    {"AnotherNameAndAnotherType",
     "clip",
     R"({"record_type":"blip","name":"n","pretrained_name":7})",
     {"name: \"n\" is not the name of the model, \"m\"",
      "pretrained_name: a string is expected, not this number", "record_type: must be \"clip\""}},
    {"NumbersBeyondSixtyFourBits",
     "blip",
     R"({"name":"m","size_on_disk_bytes":9223372036854775808,
           "metadata":{"created_at":-9223372036854775809,"updated_at":1e3},"mine":{"x":1e400}})",
     {"mine: holds a number that is not finite",
      "size_on_disk_bytes: an integer from 0 to 2^63 - 1 is expected, not this number",
      "metadata.created_at: an integer of at most 64 bits is expected, not this number",
      "metadata.updated_at: an integer of at most 64 bits is expected, not this number"}},
    {"HugeIntegersOfUnknownMembersAreKept",
     "blip",
     R"({"name":"m","mine":123456789012345678901234567890})",
     {}},
    {"Downloads",
     "esrgan",
     R"({"name":"m","config":{"embedded_component_hashes":{"vae":1},"download":[
           {},
           {"file_name":"a.bin","file_url":"u","sha256sum":"abc","size_bytes":-1},
           7,
           {"file_name":"../a.bin","file_url":"u","sha256sum":"$SHA"},
           {"file_name":"/etc/passwd","file_url":"u","sha256sum":null},
           {"file_name":"a\\..\\b","file_url":"u","sha256sum":"$SHA"},
           {"file_name":"C:x","file_url":"u","sha256sum":"$SHA"},
           {"file_name":"a\n","file_url":"u","sha256sum":"$SHA"},
           {"file_name":"","file_url":"u","sha256sum":"$SHA"}]}})",
     {"config.embedded_component_hashes.vae: a string is expected, not this number",
      "config.download[0].file_name: is missing", "config.download[0].file_url: is missing",
      "config.download[1].size_bytes: an integer from 0 to 2^63 - 1 is expected, not this number",
      "config.download[1].sha256sum: \"abc\" is not 64 hexadecimal digits",
      "config.download[2]: an object is expected, not this number",
      "config.download[3].file_name: \"../a.bin\" is outside of the folder of models",
      "config.download[4].sha256sum: a string is expected, not null",
      "config.download[4].file_name: \"/etc/passwd\" is outside of the folder of models",
      "config.download[5].file_name: \"a\\\\..\\\\b\" is outside of the folder of models",
      "config.download[6].file_name: \"C:x\" is outside of the folder of models",
      "config.download[7].file_name: has control characters",
      "config.download[8].file_name: is empty"},
     {"config.download[0].sha256sum: is not known: the file cannot be verified",
      "config.download[4].sha256sum: is not known: the file cannot be verified"}},
    {"UnknownHashesAreWarnings",
     "esrgan",
     R"({"name":"m","config":{"download":[
           {"file_name":"a..b/c.bin","file_url":"u","sha256sum":"FIXME"},
           {"file_name":"d","file_url":"","sha256sum":""},
           {"file_name":"d","file_url":"u"}]}})",
     {},
     {"config.download[0].sha256sum: is not known: the file cannot be verified",
      "config.download[1].sha256sum: is not known: the file cannot be verified",
      "config.download[1].file_url: is empty",
      "config.download[2].sha256sum: is not known: the file cannot be verified",
      "config.download[2].file_name: \"d\" is listed twice"}},
    {"DownloadsThatAreNoList",
     "esrgan",
     R"({"name":"m","config":{"download":{}}})",
     {"config.download: a list is expected, not an object"}},
    {"ASeriesWithoutName",
     "miscellaneous",
     R"({"name":"m","finetune_series":{"version":1}})",
     {"finetune_series.name: is missing",
      "finetune_series.version: a string is expected, not this number"}},
    {"ClassificationOfAnother",
     "lora",
     R"({"name":"m","model_classification":{"domain":"video"},"nsfw":null})",
     {"nsfw: true or false is expected, not null", "model_classification.purpose: is missing"},
     {"model_classification.domain: is not \"image\", as of the category"}},
    {"UnknownControlnetStyle",
     "controlnet",
     R"({"name":"m","controlnet_style":"control_me"})",
     {},
     {"controlnet_style: unknown: \"control_me\""}},
    {"Annotator",
     "controlnet_annotator",
     R"({"name":"m","control_types":null,"preprocessors":["a",{}]})",
     {"control_types: a list of strings is expected, not null",
      "preprocessors[1]: a string is expected, not an object"}},
    {"Text",
     "text_generation",
     R"({"name":"m","parameters":-1,"nsfw":null,"settings":{"any":[1,"x"]},"url":1})",
     {"parameters: an integer from 0 to 2^63 - 1 is expected, not this number",
      "nsfw: true or false is expected, not null", "url: a string is expected, not this number",
      "settings.any: a finite number, a string, true, false or a list of numbers or of strings "
      "is expected"}},
    {"TextWithoutParameters",
     "text_generation",
     R"({"name":"m","parameters_count":7})",
     {"parameters: is missing"}},
    {"Video",
     "video_generation",
     R"({"name":"m","tags":[null]})",
     {"tags[0]: a string is expected, not null"}},
};

INSTANTIATE_TEST_SUITE_P(Rules, V2RecordTest, ::testing::ValuesIn(kV2Cases),
                         [](const auto& param) { return std::string(param.param.name); });

const CheckCase kLegacyCases[] = {
    {"Whole",
     "image_generation",
     R"({"name":"m","baseline":"stable diffusion 2","type":"ckpt","inpainting":false,
           "description":"d","version":"1","style":"anime","nsfw":true,"download_all":false,
           "tags":["t"],"showcases":["https://x"],"trigger":[],"homepage":"h","optimization":"o",
           "min_bridge_version":7,"size_on_disk_bytes":8,"requirements":{"a":[1]},
           "features_not_supported":["hires_fix"],"available":true,"csam_whitelist":true,
           "config":{"files":[{"path":"a.ckpt","sha256sum":"$SHA","md5sum":"5","file_type":"f",
                               "content_hash":"c","mine":1},{"path":"v1.yaml"}],
                     "download":[{"file_name":"a.ckpt","file_path":"","file_url":"https://x/a"}],
                     "embedded_component_hashes":{"vae":"h"}}})",
     {}},
    {"NullsSayNothing",
     "codeformer",
     R"({"name":"m","type":null,"description":null,"version":null,"style":null,"nsfw":null,
           "download_all":null,"config":null,"available":null,"features_not_supported":null})",
     {}},
    {"CoercibleTypesAreRefused",
     "image_generation",
     R"({"name":"m","baseline":"stable diffusion 1","nsfw":"no","inpainting":0,
           "size_on_disk_bytes":"5","min_bridge_version":5.0,"tags":["a",1]})",
     {"inpainting: true or false is expected, not this number",
      "tags[1]: a string is expected, not this number",
      "min_bridge_version: an integer of at most 64 bits is expected, not this number",
      "size_on_disk_bytes: an integer from 0 to 2^63 - 1 is expected, not a string",
      "nsfw: true or false is expected, not a string"}},
    {"WhatTheConverterRefuses",
     "image_generation",
     R"({"name":"m","baseline":"stable diffusion 3","type":"safetensors","style":"fancy",
           "showcases":["https://huggingface.co/x"],
           "config":{"files":[{"path":"a"}],
                     "download":[{"file_name":"b","file_url":"u"},
                                 {"file_name":"a","file_url":"http://[x/"}]}})",
     {"config.download[0].file_name: \"b\" is not among the files of the config",
      "config.download[1].file_url: not an address", "type: must be ckpt",
      "baseline: unknown: \"stable diffusion 3\"", "style: unknown: \"fancy\"",
      "showcases: must not be on huggingface"},
     {"config.files[0].sha256sum: is not known: the file cannot be verified"}},
    {"Config",
     "gfpgan",
     R"({"name":"m","config":{"files":[{"sha256sum":"x"},5,{"path":"../up","sha256sum":"$SHA"}],
                                "download":[{"file_name":5},
                                            {"file_name":"z","file_path":"/root"}],
                                "embedded_component_hashes":[]}})",
     {"config.embedded_component_hashes: an object of strings is expected, not a list",
      "config.download[0].file_name: a string is expected, not this number",
      "config.download[1].file_path: \"/root\" is outside of the folder of models",
      "config.files[0].path: is missing",
      "config.files[0].sha256sum: \"x\" is not 64 hexadecimal digits",
      "config.files[1]: an object is expected, not this number",
      "config.files[2].path: \"../up\" is outside of the folder of models"},
     {"config.download[0].file_url: is empty", "config.download[1].file_url: is empty",
      "config.files[2].path: nothing says where to download it"}},
    {"ConfigThatIsNone",
     "gfpgan",
     R"({"name":"m","config":{"files":0,"download":"x"}})",
     {"config.files: a list is expected, not this number",
      "config.download: a list is expected, not a string"}},
    {"ControlnetsNeedATypeOfAnyKind", "controlnet", R"({"name":"m"})", {"type: is missing"}},
    {"UnusualTypesAreWarnings",
     "controlnet",
     R"({"name":"m","type":"control_x"})",
     {},
     {"type: unusual: \"control_x\""}},
    {"UnusualEsrganType",
     "esrgan",
     R"({"name":"m","type":"esrgan"})",
     {},
     {"type: unusual: \"esrgan\""}},
    {"ClipTypes", "clip", R"({"name":"m","type":"blip"})", {"type: must be clip or coca"}},
    {"Text",
     "text_generation",
     R"({"name":"m","model_name":"m","parameters":7.5,"settings":[]})",
     {"parameters: an integer from 0 to 2^63 - 1 is expected, not this number",
      "settings: an object is expected, not a list"}},
    {"DownloadsBesideEntriesThatCannotBeRead",
     "blip",
     R"({"name":"m","config":{"files":[{"path":"a","md5sum":5},{"path":"b"}],
           "download":[{"file_name":"b","file_url":7},{"file_name":"a","file_url":"https://[x"},
                       {"file_name":"c","file_url":"https://x"}]}})",
     {"config.download[0].file_url: a string is expected, not this number",
      "config.files[0].md5sum: a string is expected, not this number",
      "config.download[1].file_url: not an address"},
     {"config.download[0].file_url: is empty",
      "config.files[0].sha256sum: is not known: the file cannot be verified",
      "config.files[1].sha256sum: is not known: the file cannot be verified"}},
    {"NumbersThatAreNotFinite",
     "blip",
     R"({"name":"m","mine":[[1e999]]})",
     {"mine: holds a number that is not finite"}},
};

INSTANTIATE_TEST_SUITE_P(Rules, LegacyCheckTest, ::testing::ValuesIn(kLegacyCases),
                         [](const auto& param) { return std::string(param.param.name); });

// A file with a longer one cannot be read in Python at all.
TEST(RecordCheckTest, IntegersHaveAsManyDigitsAsPythonReads) {
  const auto check = [](const std::string& lexeme) {
    JsonObject inner, record;
    record.Set("name", "m");
    inner.Set("x", JsonArray{Json(JsonNumber{lexeme})});
    record.Set("mine", Json(std::move(inner)));
    const Category& blip = *FindBuiltInCategory("blip");
    const RecordCheck legacy = CheckLegacyRecord(blip, "m", record);
    EXPECT_EQ(legacy.ok(), CheckV2Record(blip, "m", record).ok());
    return legacy.ok() ? "" : legacy.violations[0].field + ": " + legacy.violations[0].description;
  };
  EXPECT_EQ(check(std::string(4300, '7')), "");
  EXPECT_EQ(check("-" + std::string(4300, '7')), "");
  EXPECT_EQ(check("0." + std::string(9000, '7')), "");
  for (const char* sign : {"", "-"}) {
    EXPECT_EQ(check(sign + std::string(4301, '7')),
              "mine: holds an integer of more than 4300 digits");
  }
}

struct NameCase {
  const char* category;
  const char* name;
  const char* reason;
  const char* description;
};

class ModelNameTest : public ::testing::TestWithParam<NameCase> {};

TEST_P(ModelNameTest, IsRefusedWithItsReasonInBothForms) {
  const Category& category = *FindBuiltInCategory(GetParam().category);
  JsonObject record;
  record.Set("name", GetParam().name);
  for (const RecordCheck& check : {CheckV2Record(category, GetParam().name, record),
                                   CheckLegacyRecord(category, GetParam().name, record)}) {
    ASSERT_FALSE(check.ok());
    EXPECT_EQ(check.violations[0].field, "name");
    EXPECT_EQ(check.violations[0].reason, GetParam().reason);
    EXPECT_EQ(check.violations[0].description, GetParam().description);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Names, ModelNameTest,
    ::testing::Values(NameCase{"text_generation", "aphrodite/A/M", "BACKEND_PREFIXED_NAME",
                               "begins with the name of a backend: write the base name"},
                      NameCase{"text_generation", "koboldcpp/M", "BACKEND_PREFIXED_NAME",
                               "begins with the name of a backend: write the base name"},
                      NameCase{"text_generation", "https://x/M", "BAD_MODEL_NAME",
                               "an address is not the name of a text model"}));

TEST(ModelNameTest, PrefixesAndAddressesAreOnlyMeantForTextModels) {
  for (const char* name : {"koboldcpp/M", "a://b"}) {
    JsonObject record;
    record.Set("name", name);
    EXPECT_TRUE(CheckV2Record(*FindBuiltInCategory("blip"), name, record).ok());
    EXPECT_TRUE(CheckLegacyRecord(*FindBuiltInCategory("blip"), name, record).ok());
  }
}

TEST(ModelNameTest, ControlCharactersAndLengthAreBadNames) {
  for (const std::string& name : {std::string("a\nb"), std::string(513, 'x'), std::string("\xFF"),
                                  std::string("\xED\xA0\x80")}) {
    JsonObject record;
    record.Set("name", name);
    const RecordCheck check = CheckV2Record(*FindBuiltInCategory("blip"), name, record);
    ASSERT_FALSE(check.ok()) << name;
    EXPECT_EQ(check.violations[0].reason, "BAD_MODEL_NAME");
    EXPECT_TRUE(IsValidUtf8(ViolationError(check, name, "json").message()));
  }
}

TEST(RecordCheckTest, CategoriesOfTheConfigurationHaveTheCommonFieldsOnly) {
  Category category;
  category.name = "tokenizers";
  EXPECT_TRUE(CheckV2Record(category, "m", Object(R"({"name":"m","record_type":"mine"})")).ok());
  EXPECT_FALSE(CheckV2Record(category, "m", Object(R"({"name":"m","version":1})")).ok());
}

// `levels` objects, each in the one before.
std::string Nested(size_t levels) {
  std::string text;
  for (size_t i = 1; i < levels; ++i) text += R"({"x":)";
  text += "{}";
  return text + std::string(levels - 1, '}');
}

TEST(RecordCheckTest, DepthIsBoundedAsInTheFiles) {
  const Category& category = *FindBuiltInCategory("blip");
  const auto record = [](size_t levels) {
    return Object(absl::StrCat(R"({"name":"m","x":)", Nested(levels - 1), "}"));
  };
  EXPECT_TRUE(CheckV2Record(category, "m", record(64)).ok());
  EXPECT_TRUE(CheckLegacyRecord(category, "m", record(63)).ok());
  // A parser that is asked for more gives more.
  const std::string deep = absl::StrCat(R"({"name":"m","x":)", Nested(64), "}");
  const absl::StatusOr<Json> json = ParseJson(deep, {.depth = 900});
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(Listed(CheckV2Record(category, "m", *json->AsObject()).violations),
            Lines{"x: is nested too deeply"});
  EXPECT_EQ(Listed(CheckLegacyRecord(category, "m", record(64)).violations),
            Lines{"x: is nested too deeply"});
}

TEST(RecordCheckTest, VeryManyViolationsAreCountedAndNotListed) {
  JsonObject record = Object(R"({"name":"m","baseline":"infer","nsfw":true,"style":"none"})");
  record.Set("tags", JsonArray(200'000, Json::Number(1)));
  for (const RecordCheck& check :
       {CheckV2Record(*FindBuiltInCategory("image_generation"), "m", record),
        CheckLegacyRecord(*FindBuiltInCategory("image_generation"), "m", record)}) {
    EXPECT_EQ(check.violations.size(), kMaxListedViolations);
    EXPECT_GE(check.unlisted, 199'000u);
  }
}

TEST(RecordCheckTest, LongAndOddTextIsCutAndStaysUtf8) {
  JsonObject record = Object(R"({"name":"m","nsfw":true})");
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "\xED\xA0\x80\xF0\x9F\x98\x80";
  record.Set("baseline", text);
  JsonObject map;
  map.Set(text, Json());
  record.Set("requirements", Json(map));
  record.Set(text, Json(JsonNumber{"NaN"}));
  const RecordCheck check = CheckV2Record(*FindBuiltInCategory("image_generation"), "m", record);
  EXPECT_EQ(check.violations.size(), 4u);
  for (const RecordViolation& violation : check.violations) {
    for (const std::string& part : {violation.field, violation.description}) {
      EXPECT_TRUE(IsValidUtf8(part));
      EXPECT_LE(part.size(), 700u);
    }
  }
}

TEST(ViolationErrorTest, NamesTheFirstAndListsAll) {
  const RecordCheck check = CheckV2Record(*FindBuiltInCategory("image_generation"), "m",
                                          Object(R"({"name":"m","nsfw":1})"));
  const absl::Status error = ViolationError(check, "m", "operations[2].put.json");
  EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(error), "INVALID_RECORD");
  EXPECT_EQ(error.message(), "model \"m\": baseline: is missing, and 1 more");
  const std::vector<FieldViolation> expected = {
      {"operations[2].put.json.baseline", "is missing"},
      {"operations[2].put.json.nsfw", "true or false is expected, not this number"},
  };
  EXPECT_EQ(ExtrasOf(error).field_violations, expected);
  EXPECT_TRUE(ViolationError(RecordCheck(), "m", "").ok());
}

}  // namespace
}  // namespace modelref
