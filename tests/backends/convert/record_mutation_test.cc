// Random damage to records: nothing crashes, and what is accepted is what it is said to be.

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/convert/record_diff.h"
#include "backends/convert/record_write.h"
#include "backends/convert/text_csv.h"
#include "backends/convert/text_legacy_document.h"
#include "backends/convert/text_record.h"

namespace modelref {
namespace {

constexpr int kRounds = 20'000;

struct Seed {
  const char* category;
  const char* record;
};

constexpr Seed kSeeds[] = {
    {"image_generation",
     R"({"name":"m","baseline":"stable diffusion 1","type":"ckpt","inpainting":false,"nsfw":true,
         "description":"d","style":"anime","tags":["t"],"showcases":["s"],"trigger":["x"],
         "size_on_disk_bytes":5,"min_bridge_version":3,"requirements":{"a":1,"b":[1.5]},
         "metadata":{"created_at":1},"config":{"files":[{"path":"a","sha256sum":
         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}],"download":[
         {"file_name":"a","file_path":"","file_url":"https://civitai.com/a","size_bytes":5}],
         "embedded_component_hashes":{"vae":"x"}}})"},
    {"text_generation",
     R"({"name":"m","parameters":7000000000,"tags":["a","b"],"style":"chat","nsfw":true,
         "settings":{"temperature":0.7,"sampler_order":[1,2]},"url":"u","display_name":"n",
         "instruct_format":"i","baseline":"b","description":"x\ny","version":"2"})"},
    {"controlnet", R"({"name":"m","type":"control_canny","controlnet_style":"control_canny",
         "config":{"download":[]}})"},
    {"clip", R"({"name":"m","type":"clip","pretrained_name":"p","record_type":"clip"})"},
    {"lora", R"({"name":"m","nsfw":true,"finetune_series":{"name":"s"},"tags":null,
         "model_classification":{"domain":"image","purpose":"auxiliary_or_patch"}})"},
};

constexpr const char* kValues[] = {
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "1e400",
    "-0.0",
    "9223372036854775808",
    "7000000001",
    R"("")",
    R"("x")",
    R"("\ud800")",
    R"("a,b")",
    R"("7B")",
    R"(" ")",
    R"("{\"top_k\":1}")",
    R"("\u0000\r")",
    R"("aphrodite/x")",
    R"("../x")",
    R"("stable diffusion 1")",
    "[]",
    "{}",
    "[null]",
    R"([1,"x"])",
    R"(["a","a"])",
    R"({"top_p":{}})",
    R"({"name":5})",
    "[[[[]]]]",
    R"([{"path":"a"}])",
    R"([{"file_name":"a"}])",
    R"({"":null})",
};

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t Below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void Mutate(Json* value) {
    if (JsonObject* object = value->AsObject(); object != nullptr && Below(8) > 0) {
      std::vector<JsonObject::Member>& members = object->members();
      switch (Below(6)) {
        case 0:
          object->Set(Name(), Value());
          return;
        case 1:
          if (!members.empty()) members.erase(members.begin() + Below(members.size()));
          return;
        case 2:
          if (!members.empty()) members[Below(members.size())].second = Value();
          return;
        default:
          if (!members.empty()) Mutate(&members[Below(members.size())].second);
          return;
      }
    }
    if (JsonArray* array = value->AsArray(); array != nullptr && !array->empty() && Below(4) > 0) {
      Mutate(&(*array)[Below(array->size())]);
      return;
    }
    *value = Value();
  }

 private:
  Json Value() {
    Json value = *ParseJson(kValues[Below(std::size(kValues))]);
    if (Below(40) > 0) return value;
    for (size_t levels = Below(100); levels > 0; --levels) value = Json(JsonArray{value});
    return value;
  }
  std::string Name() {
    constexpr const char* kNames[] = {"name",         "parameters", "parameters_count",
                                      "settings",     "tags",       "config",
                                      "metadata",     "mine",       "size_bytes",
                                      "files",        "download",   "style",
                                      "\xED\xA0\x80", "a.b",        "",
                                      "description"};
    return kNames[Below(std::size(kNames))];
  }

  std::mt19937_64 random_;
};

uint64_t SeedOfRun() {
  uint64_t seed = std::random_device()();
  const char* text = std::getenv("MODELREF_SEED");
  if (text != nullptr) (void)absl::SimpleAtoi(text, &seed);
  return seed;
}

void CheckTexts(const RecordCheck& check) {
  for (const auto* list : {&check.violations, &check.warnings}) {
    for (const RecordViolation& violation : *list) {
      ASSERT_TRUE(IsValidUtf8(violation.field) && IsValidUtf8(violation.description));
    }
  }
}

// Everything that is said of accepted records.
void CheckAccepted(const Category& category, Format format, const Json& record,
                   const JsonObject& stored) {
  JsonObject again = *record.AsObject();
  ASSERT_TRUE(PrepareRecord(category, format, "m", &again).ok());
  ASSERT_EQ(CanonicalJson(Json(again)), CanonicalJson(record)) << "not idempotent";
  ASSERT_TRUE(ParseJson(CanonicalJson(record)).ok());
  if (format == Format::kV2 || !category.has_legacy()) return;
  const absl::StatusOr<Json> v2 = DeriveV2Record(category, "m", record, nullptr, nullptr);
  ASSERT_TRUE(v2.ok()) << v2.status();
  ASSERT_TRUE(CheckV2Record(category, "m", *v2->AsObject()).ok()) << CanonicalJson(*v2);
  ASSERT_TRUE(DeriveV2Record(category, "m", record, &stored, nullptr).ok());
  const absl::StatusOr<Json> twice = DeriveV2Record(category, "m", record, v2->AsObject(), nullptr);
  ASSERT_EQ(CanonicalJson(*twice), CanonicalJson(*v2));
  if (category.name != "text_generation") return;
  const absl::StatusOr<ModelsCsv> table =
      ParseModelsCsv(FormatModelsCsv({TextRowOfLegacyRecord("m", *record.AsObject())}));
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->rows.size(), 1u);
  ASSERT_EQ(TextLegacyEntries("m", *record.AsObject()).size(), 3u);
}

void RunRound(Mutator* mutator, size_t* accepted) {
  const Seed& seed = kSeeds[mutator->Below(std::size(kSeeds))];
  const Category& category = *FindBuiltInCategory(seed.category);
  const Format format = mutator->Below(2) == 0 ? Format::kV2 : Format::kLegacy;
  const Json original = *ParseJson(seed.record);
  Json record = original;
  for (size_t i = mutator->Below(4); i > 0; --i) mutator->Mutate(&record);
  if (record.AsObject() == nullptr) return;
  SCOPED_TRACE(absl::StrCat(seed.category, " ", FormatName(format), " ", CanonicalJson(record)));
  const JsonObject before = *record.AsObject();
  const RecordCheck check = PrepareRecord(category, format, "m", record.AsObject());
  CheckTexts(check);
  for (const FieldDifference& field :
       DiffRecords(category, original.AsObject(), record.AsObject())) {
    ASSERT_TRUE(IsValidUtf8(field.path));
  }
  // Of a record of any quality.
  (void)DeriveV2Record(category, "m", Json(before), &before, nullptr);
  if (!check.ok()) return;
  ++*accepted;
  CheckAccepted(category, format, record, before);
}

TEST(RecordMutationTest, DamagedRecordsNeverCrashAndAcceptedOnesConvert) {
  const uint64_t seed = SeedOfRun();
  SCOPED_TRACE(absl::StrCat("MODELREF_SEED=", seed));
  std::printf("MODELREF_SEED=%llu\n", static_cast<unsigned long long>(seed));
  Mutator mutator(seed);
  size_t accepted = 0;
  for (int i = 0; i < kRounds && !HasFatalFailure(); ++i) RunRound(&mutator, &accepted);
  // Neither everything nor nothing.
  EXPECT_GT(accepted, kRounds / 20u);
  EXPECT_LT(accepted, kRounds * 19u / 20u);
}

}  // namespace
}  // namespace modelref
