#include "backends/convert/import_legacy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using testing::IsOk;
using testing::ReadShared;
using testing::SharedDir;
using testing::StatusIs;
using testing::TempDir;

constexpr char kBlip[] = R"({"a": {"name": "a", "description": "d", "type": "blip"}})";
constexpr char kCsv[] = "name,parameters_bn\nx/Y-7B,7\n";

ImportReport Import(const TempDir& from, const TempDir& to) {
  return ImportLegacy({from.path()}, to.path());
}

TEST(ImportLegacyTest, ImportsTheRealCatalogues) {
  SKIP_WITHOUT_SHARED_DATA();
  TempDir data;
  const std::string images = absl::StrCat(SharedDir(), "/data/AI-Horde-image-model-reference");
  const std::string texts = absl::StrCat(SharedDir(), "/data/AI-Horde-text-model-reference");
  const ImportReport report = ImportLegacy({images, texts}, data.path());
  EXPECT_TRUE(report.ok());
  ASSERT_EQ(report.categories.size(), 10u);
  size_t imported = 0;
  for (const ImportedCategory& category : report.categories) {
    EXPECT_THAT(category.status, IsOk());
    EXPECT_TRUE(category.legacy_written && category.v2_written) << category.category;
    imported += category.imported;
  }
  EXPECT_EQ(imported, 913u);
  EXPECT_EQ(data.Read("stable_diffusion.json"), ReadShared("golden/v2/stable_diffusion.json"));
  EXPECT_EQ(data.Read("legacy/models.csv"),
            ReadShared("data/AI-Horde-text-model-reference/models.csv"));
  EXPECT_FALSE(data.Exists("lora.json"));
  EXPECT_FALSE(data.Exists("legacy/db.json"));
}

TEST(ImportLegacyTest, TakesACheckoutABaseDirectoryOrTheLegacyFolder) {
  for (const std::string place : {"blip.json", "legacy/blip.json"}) {
    TempDir from, to;
    from.Write(place, kBlip);
    const ImportReport report = Import(from, to);
    EXPECT_TRUE(report.ok()) << place;
    EXPECT_EQ(to.Read("legacy/blip.json"), kBlip);
    EXPECT_TRUE(to.Exists("blip.json"));
  }
}

TEST(ImportLegacyTest, DoesNotTakeV2FilesBesideALegacyFolder) {
  TempDir from, to;
  from.Write("legacy/blip.json", kBlip);
  from.Write("clip.json", R"({"v2": {"name": "v2"}})");
  const ImportReport report = Import(from, to);
  ASSERT_EQ(report.categories.size(), 1u);
  EXPECT_EQ(report.categories[0].category, "blip");
}

TEST(ImportLegacyTest, KeepsTheModificationTimeOfEqualFiles) {
  TempDir from, to;
  from.Write("blip.json", kBlip);
  ASSERT_TRUE(Import(from, to).ok());
  struct stat before = {};
  ASSERT_EQ(stat(to.PathOf("blip.json").c_str(), &before), 0);
  const ImportReport again = Import(from, to);
  ASSERT_EQ(again.categories.size(), 1u);
  EXPECT_FALSE(again.categories[0].legacy_written);
  EXPECT_FALSE(again.categories[0].v2_written);
  EXPECT_EQ(again.categories[0].imported, 1u);
  struct stat after = {};
  ASSERT_EQ(stat(to.PathOf("blip.json").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

TEST(ImportLegacyTest, BadRecordsAreReportedWithFileAndLineAndTheRestIsImported) {
  TempDir from, to;
  from.Write("blip.json", "{\n\"good\": {\"name\": \"good\"},\n\"bad\": {\"name\": 5}\n}");
  const ImportReport report = Import(from, to);
  EXPECT_FALSE(report.ok());
  ASSERT_EQ(report.categories.size(), 1u);
  const ImportedCategory& blip = report.categories[0];
  EXPECT_THAT(blip.status, IsOk());
  EXPECT_EQ(blip.imported, 1u);
  EXPECT_EQ(blip.rejected, 1u);
  EXPECT_EQ(blip.source, from.PathOf("blip.json"));
  const RecordIssue& issue = blip.issues.back();
  EXPECT_EQ(issue.model, "bad");
  EXPECT_EQ(issue.line, 3u);
  EXPECT_EQ(issue.severity, IssueSeverity::kError);
  EXPECT_EQ(issue.reason, "name: a string is expected, not a number");
  ASSERT_OK_AND_ASSIGN(const Json v2, ParseJson(to.Read("blip.json")));
  EXPECT_NE(v2.AsObject()->Find("good"), nullptr);
  EXPECT_EQ(v2.AsObject()->Find("bad"), nullptr);
}

TEST(ImportLegacyTest, WarningsDoNotCountAsErrors) {
  TempDir from, to;
  from.Write("models.csv", "name,parameters_bn\nx/Y-7B,\n");
  const ImportReport report = Import(from, to);
  EXPECT_TRUE(report.ok());
  ASSERT_EQ(report.categories.size(), 1u);
  ASSERT_EQ(report.categories[0].issues.size(), 1u);
  EXPECT_EQ(report.categories[0].issues[0].severity, IssueSeverity::kWarning);
}

TEST(ImportLegacyTest, GarbageNeverReplacesAGoodCategory) {
  for (const std::string garbage :
       {"", "  \n", "{", "[]", "<!DOCTYPE html>\n<html>captive portal</html>\n",
        "{\"a\": {\"name\": 5}}", "{}", "null"}) {
    TempDir good, bad, data;
    good.Write("blip.json", kBlip);
    ASSERT_TRUE(Import(good, data).ok());
    const std::string v2 = data.Read("blip.json");
    bad.Write("blip.json", garbage);
    const ImportReport report = Import(bad, data);
    EXPECT_FALSE(report.ok()) << garbage;
    ASSERT_EQ(report.categories.size(), 1u);
    EXPECT_FALSE(report.categories[0].status.ok()) << garbage;
    EXPECT_EQ(data.Read("blip.json"), v2);
    EXPECT_EQ(data.Read("legacy/blip.json"), kBlip);
  }
}

TEST(ImportLegacyTest, GarbageNeverReplacesAGoodTable) {
  for (const std::string garbage :
       {"", "<!DOCTYPE html>\n<html>captive portal</html>\n", "name,parameters_bn\n\"open,1\n",
        "parameters_bn\n7\n", "name,parameters_bn\nx,many\n", "name,parameters_bn\n"}) {
    TempDir good, bad, data;
    good.Write("models.csv", kCsv);
    ASSERT_TRUE(Import(good, data).ok());
    const std::string v2 = data.Read("text_generation.json");
    bad.Write("models.csv", garbage);
    EXPECT_FALSE(Import(bad, data).ok()) << garbage;
    EXPECT_EQ(data.Read("text_generation.json"), v2);
    EXPECT_EQ(data.Read("legacy/models.csv"), kCsv);
  }
}

TEST(ImportLegacyTest, AnEmptyCatalogueIsFineWhereNothingWas) {
  TempDir from, to;
  from.Write("blip.json", "{}");
  EXPECT_TRUE(Import(from, to).ok());
  EXPECT_EQ(to.Read("blip.json"), "{}\n");
}

TEST(ImportLegacyTest, PrefersTheTableToTheGeneratedTextFile) {
  TempDir from, to;
  from.Write("models.csv", kCsv);
  from.Write("text_generation.json", R"({"other": {"name": "other"}})");
  ASSERT_TRUE(Import(from, to).ok());
  EXPECT_TRUE(to.Exists("legacy/models.csv"));
  EXPECT_FALSE(to.Exists("legacy/text_generation.json"));
}

TEST(ImportLegacyTest, FallsBackToTheGeneratedTextFileAndDropsBackendDuplicates) {
  TempDir from, to;
  from.Write("text_generation.json",
             R"({"x/Y-7B": {"name": "x/Y-7B", "parameters": 7000000000},
                 "aphrodite/x/Y-7B": {"name": "aphrodite/x/Y-7B"},
                 "koboldcpp/Y-7B": {"name": "koboldcpp/Y-7B"}})");
  const ImportReport report = Import(from, to);
  EXPECT_TRUE(report.ok());
  ASSERT_EQ(report.categories.size(), 1u);
  EXPECT_EQ(report.categories[0].imported, 1u);
  EXPECT_TRUE(to.Exists("legacy/text_generation.json"));
}

TEST(ImportLegacyTest, RefusesATextFileThatWouldNeverBeRead) {
  TempDir table, json, data;
  table.Write("models.csv", kCsv);
  ASSERT_TRUE(Import(table, data).ok());
  json.Write("text_generation.json", R"({"other": {"name": "other"}})");
  const ImportReport report = Import(json, data);
  ASSERT_EQ(report.categories.size(), 1u);
  EXPECT_THAT(report.categories[0].status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(data.Exists("legacy/text_generation.json"));
}

TEST(ImportLegacyTest, ADirectoryWithoutLegacyFilesIsAnError) {
  TempDir from, to;
  from.Write("db.json", "{}");
  from.Write("lora.json", "[]");
  const ImportReport report = Import(from, to);
  EXPECT_TRUE(report.categories.empty());
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_THAT(report.problems[0].status, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(ImportLegacy({from.PathOf("nowhere")}, to.path()).ok());
}

TEST(ImportLegacyTest, ACategoryInTwoDirectoriesComesFromTheFirstAndIsReported) {
  TempDir first, second, to;
  first.Write("blip.json", kBlip);
  second.Write("blip.json", R"({"b": {"name": "b"}})");
  const ImportReport report = ImportLegacy({first.path(), second.path()}, to.path());
  EXPECT_EQ(to.Read("legacy/blip.json"), kBlip);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].path, second.PathOf("blip.json"));
}

TEST(ImportLegacyTest, ADirectoryInAFilesPlaceFailsOnlyThatCategory) {
  TempDir from, to;
  from.Write("blip.json", kBlip);
  from.Write("clip.json/inside", "x");
  const ImportReport report = Import(from, to);
  ASSERT_EQ(report.categories.size(), 2u);
  EXPECT_THAT(report.categories[0].status, IsOk());
  EXPECT_FALSE(report.categories[1].status.ok());
  EXPECT_TRUE(to.Exists("blip.json"));
}

TEST(ImportLegacyTest, ADryRunWritesNothing) {
  TempDir from, to;
  from.Write("blip.json", kBlip);
  const ImportReport report = ImportLegacy({from.path()}, to.path(), {.dry_run = true});
  ASSERT_EQ(report.categories.size(), 1u);
  EXPECT_TRUE(report.categories[0].v2_written);
  EXPECT_FALSE(to.Exists("blip.json"));
  EXPECT_FALSE(to.Exists("legacy"));
}

TEST(ImportLegacyTest, AFileBeyondTheLimitIsRefused) {
  TempDir from, to;
  from.Write("blip.json", kBlip);
  const ImportReport report = ImportLegacy({from.path()}, to.path(), {.max_file_bytes = 10});
  ASSERT_EQ(report.categories.size(), 1u);
  EXPECT_THAT(report.categories[0].status, StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(ImportLegacyTest, ImportsADataDirectoryIntoItself) {
  TempDir data;
  data.Write("legacy/blip.json", kBlip);
  const ImportReport report = ImportLegacy({data.path()}, data.path());
  EXPECT_TRUE(report.ok());
  ASSERT_EQ(report.categories.size(), 1u);
  EXPECT_FALSE(report.categories[0].legacy_written);
  EXPECT_TRUE(report.categories[0].v2_written);
}

}  // namespace
}  // namespace modelref
