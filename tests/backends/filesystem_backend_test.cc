#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/backends/filesystem_backend_fixture.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using FileSystemBackendTest = ::modelref::testing::FileSystemBackendFixture;
using ::modelref::testing::DocumentJson;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::NamesOf;
using ::modelref::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr char kCsv[] = "name,parameters_bn\nmodel/One-7B,7\n";

// Category to v2 file and legacy file (H 1.1), "-" for none.
const std::map<std::string, std::pair<std::string, std::string>> kFiles = {
    {"blip", {"blip.json", "blip.json"}},
    {"clip", {"clip.json", "clip.json"}},
    {"codeformer", {"codeformer.json", "codeformer.json"}},
    {"controlnet", {"controlnet.json", "controlnet.json"}},
    {"controlnet_annotator", {"controlnet_annotator.json", "-"}},
    {"esrgan", {"esrgan.json", "esrgan.json"}},
    {"gfpgan", {"gfpgan.json", "gfpgan.json"}},
    {"safety_checker", {"safety_checker.json", "safety_checker.json"}},
    {"image_generation", {"stable_diffusion.json", "stable_diffusion.json"}},
    {"text_generation", {"text_generation.json", "models.csv"}},
    {"video_generation", {"video_generation.json", "-"}},
    {"audio_generation", {"audio_generation.json", "-"}},
    {"miscellaneous", {"miscellaneous.json", "miscellaneous.json"}},
    {"lora", {"lora.json", "-"}},
    {"ti", {"ti.json", "-"}},
    {"workflows", {"workflows.json", "workflows.json"}},
};

TEST_F(FileSystemBackendTest, EveryCategoryHasThePathsOfTheOriginal) {
  ASSERT_EQ(Backend().Categories().size(), kFiles.size());
  for (const auto& [category, files] : kFiles) {
    const std::string v2 = dir_.PathOf(files.first);
    const std::string legacy = files.second == "-" ? "" : dir_.PathOf("legacy/" + files.second);
    EXPECT_EQ(Backend().PathOf({category, Format::kV2}), v2);
    EXPECT_EQ(Backend().PathOf({category, Format::kLegacy}), legacy) << category;
  }
  EXPECT_EQ(Backend().PathOf({"no_such_category", Format::kV2}), "");
}

TEST_F(FileSystemBackendTest, EveryCategoryIsReadFromItsFiles) {
  for (const auto& [category, files] : kFiles) {
    dir_.Write(files.first, DocumentJson({category + " v2"}));
    if (files.second == "-" || files.second == "models.csv") continue;
    dir_.Write("legacy/" + files.second, DocumentJson({category + " legacy"}));
  }
  for (const auto& [category, files] : kFiles) {
    ASSERT_OK_AND_ASSIGN(const SnapshotPtr v2, V2(category));
    EXPECT_THAT(NamesOf(*v2->document), ElementsAre(category + " v2"));
    if (files.second == "-" || files.second == "models.csv") continue;
    ASSERT_OK_AND_ASSIGN(const SnapshotPtr legacy, Legacy(category));
    EXPECT_THAT(NamesOf(*legacy->document), ElementsAre(category + " legacy"));
  }
}

TEST_F(FileSystemBackendTest, EmptyFilesAreCreatedForCategoriesWithoutLegacyForm) {
  dir_.Write("lora.json", DocumentJson({"kept"}));
  Make({});
  EXPECT_EQ(dir_.Read("lora.json"), DocumentJson({"kept"}));
  for (const auto& [category, files] : kFiles) {
    if (category == "lora") continue;
    ASSERT_EQ(dir_.Exists(files.first), files.second == "-") << category;
    if (files.second != "-") continue;
    EXPECT_EQ(dir_.Read(files.first), "{}") << category;
  }
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr created, V2("video_generation"));
  EXPECT_EQ(created->document->record_count(), 0u);
}

TEST_F(FileSystemBackendTest, NoFileIsCreatedWhenThatIsSwitchedOff) {
  Make({.create_missing_files = false});
  for (const auto& [category, files] : kFiles) EXPECT_FALSE(dir_.Exists(files.first)) << category;
  EXPECT_THAT(V2("video_generation"), StatusIs(kNotFound));
}

TEST_F(FileSystemBackendTest, WhatStandsInPlaceOfAMissingFileIsNotReplaced) {
  dir_.Write("ti.json/inside", "x");
  Make({});
  EXPECT_EQ(dir_.Read("ti.json/inside"), "x");
  EXPECT_THAT(V2("ti"), StatusIs(kDataLoss, HasSubstr("ti.json: is a directory")));
}

TEST_F(FileSystemBackendTest, TheLegacyFormOfACategoryWithoutOneIsEmpty) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, Legacy("audio_generation"));
  EXPECT_EQ(snapshot->document->record_count(), 0u);
  EXPECT_EQ(*snapshot->source_text, "{}");
  EXPECT_THAT(Backend().CurrentVersion({"audio_generation", Format::kLegacy}),
              IsOkAndHolds(snapshot->version));
}

TEST_F(FileSystemBackendTest, AMissingLegacyFileIsNotFoundAndNamed) {
  dir_.Write("clip.json", DocumentJson({"v2 only"}));
  EXPECT_THAT(Legacy("clip"), AllOf(StatusIs(kNotFound, HasSubstr("legacy/clip.json")),
                                    HasReason("DOCUMENT_NOT_FOUND")));
  EXPECT_THAT(Backend().CurrentVersion({"clip", Format::kLegacy}), StatusIs(kNotFound));
  EXPECT_THAT(V2("clip"), IsOk());
}

TEST_F(FileSystemBackendTest, MissingCategoriesAreNotFoundWhileTheOthersLoad) {
  dir_.Write("clip.json", DocumentJson({"a"}));
  const auto all = FetchAll(Backend(), Format::kV2, FetchMode::kAllowCaches);
  ASSERT_EQ(all.size(), kFiles.size());
  for (const auto& [category, snapshot] : all) {
    const bool there = category == "clip" || kFiles.at(category).second == "-";
    EXPECT_EQ(snapshot.status().code(), there ? absl::StatusCode::kOk : kNotFound) << category;
  }
}

TEST_F(FileSystemBackendTest, AnUnknownCategoryIsNotFoundWithItsOwnReason) {
  EXPECT_THAT(V2("no_such"), AllOf(StatusIs(kNotFound), HasReason("CATEGORY_NOT_FOUND")));
}

TEST_F(FileSystemBackendTest, GarbageIsDataLossWithFileAndPlaceWhileTheOthersLoad) {
  dir_.Write("clip.json", "{\n  \"a\": {},\n  oops\n}");
  dir_.Write("blip.json", DocumentJson({"b"}));
  EXPECT_THAT(V2("clip"),
              AllOf(StatusIs(kDataLoss, HasSubstr(absl::StrCat(dir_.PathOf("clip.json"),
                                                               ": line 3, column 3: "))),
                    HasReason("DOCUMENT_DAMAGED")));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr blip, V2("blip"));
  EXPECT_THAT(NamesOf(*blip->document), ElementsAre("b"));
}

TEST_F(FileSystemBackendTest, ABadRecordIsAProblemWithItsLine) {
  dir_.Write("clip.json", "{\"a\": {},\n\"b\": 7,\n\"c\": {\"x\": NaN}}");
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, V2("clip"));
  EXPECT_THAT(NamesOf(*snapshot->document), ElementsAre("a"));
  EXPECT_THAT(snapshot->problems,
              ElementsAre(RecordProblem{"b", 2, "is not a JSON object", "\"b\": 7", "a"},
                          RecordProblem{"c", 3, "holds NaN", "\"c\": {\"x\": NaN}", "a"}));
}

TEST_F(FileSystemBackendTest, LegacyAndV2AreIndependentAndMayDiffer) {
  dir_.Write("stable_diffusion.json", DocumentJson({"new"}));
  dir_.Write("legacy/stable_diffusion.json", DocumentJson({"old", "older"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr v2, V2("image_generation"));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr legacy, Legacy("image_generation"));
  EXPECT_THAT(NamesOf(*v2->document), ElementsAre("new"));
  EXPECT_THAT(NamesOf(*legacy->document), ElementsAre("old", "older"));
  dir_.Write("legacy/stable_diffusion.json", "garbage");
  EXPECT_THAT(Legacy("image_generation"), StatusIs(kDataLoss));
  EXPECT_THAT(V2("image_generation"), IsOk());
}

TEST_F(FileSystemBackendTest, LegacyTextIsTheBytesOfTheFile) {
  const std::string bytes = "\r\n{ \"a\" :\t{\"x\": 1.50, \"y\": \"\\u00e9\", \"y\": 2} }\n\n";
  dir_.Write("legacy/clip.json", bytes);
  dir_.Write("clip.json", bytes);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr legacy, Legacy("clip"));
  ASSERT_NE(legacy->source_text, nullptr);
  EXPECT_EQ(*legacy->source_text, bytes);
  EXPECT_EQ(legacy->document->ToJson(), R"({"a":{"x":1.50,"y":2}})");
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr v2, V2("clip"));
  EXPECT_EQ(v2->source_text, nullptr);
}

TEST_F(FileSystemBackendTest, ModelsCsvIsPreferredToTextGenerationJson) {
  dir_.Write("legacy/text_generation.json", DocumentJson({"from json"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr fallback, Legacy("text_generation"));
  EXPECT_THAT(NamesOf(*fallback->document), ElementsAre("from json"));
  EXPECT_EQ(*fallback->source_text, DocumentJson({"from json"}));
  EXPECT_FALSE(fallback->is_table);

  dir_.Write("legacy/models.csv", kCsv);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr table, Legacy("text_generation"));
  EXPECT_TRUE(table->is_table);
  EXPECT_NE(table->document->Find("model/One-7B"), nullptr);
  EXPECT_EQ(table->document->Find("from json"), nullptr);
  EXPECT_NE(table->version, fallback->version);
}

TEST_F(FileSystemBackendTest, ADamagedModelsCsvDoesNotFallBackInSilence) {
  dir_.Write("legacy/text_generation.json", DocumentJson({"from json"}));
  dir_.Write("legacy/models.csv", "<html>not a table</html>\n");
  EXPECT_THAT(Legacy("text_generation"), StatusIs(kDataLoss, HasSubstr("legacy/models.csv")));
}

TEST_F(FileSystemBackendTest, NoTextModelsAtAllNamesModelsCsv) {
  EXPECT_THAT(Legacy("text_generation"), StatusIs(kNotFound, HasSubstr("legacy/models.csv")));
}

TEST_F(FileSystemBackendTest, ATableWithoutItsLastLineEndIsSuspicious) {
  dir_.Write("legacy/models.csv", kCsv);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr whole, Legacy("text_generation"));
  EXPECT_EQ(whole->suspicion, "");
  const std::string cut(kCsv, sizeof(kCsv) - 2);
  dir_.Write("legacy/models.csv", cut);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr suspicious, Legacy("text_generation"));
  EXPECT_THAT(suspicious->suspicion, HasSubstr("no line end"));
}

TEST_F(FileSystemBackendTest, AnExternalEditIsSeenByTheVersionAndTheNextFetch) {
  const DocumentKey key{"clip", Format::kV2};
  dir_.Write("clip.json", DocumentJson({"a"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr before, V2("clip"));
  EXPECT_THAT(Backend().CurrentVersion(key), IsOkAndHolds(before->version));
  dir_.Write("clip.json", DocumentJson({"a", "b"}));
  ASSERT_OK_AND_ASSIGN(const std::string version, Backend().CurrentVersion(key));
  EXPECT_NE(version, before->version);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr after, V2("clip"));
  EXPECT_EQ(after->version, version);
  EXPECT_THAT(NamesOf(*after->document), ElementsAre("a", "b"));
}

TEST_F(FileSystemBackendTest, AnEditInPlaceOfTheSameSizeIsSeenByItsTime) {
  dir_.Write("clip.json", DocumentJson({"a"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr before, V2("clip"));
  // The same inode and size; the time as the next write would set it, whatever the clock's grain.
  struct stat info;
  ASSERT_EQ(stat(dir_.PathOf("clip.json").c_str(), &info), 0);
  struct timespec times[2] = {info.st_atim, info.st_mtim};
  times[1].tv_nsec = (times[1].tv_nsec + 1) % 1'000'000'000;
  ASSERT_EQ(utimensat(AT_FDCWD, dir_.PathOf("clip.json").c_str(), times, 0), 0);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr after, V2("clip"));
  EXPECT_NE(after->version, before->version);
}

TEST_F(FileSystemBackendTest, AReplacementOfTheSameSizeAndTimeIsSeenByItsInode) {
  dir_.Write("clip.json", DocumentJson({"a"}));
  struct stat info;
  ASSERT_EQ(stat(dir_.PathOf("clip.json").c_str(), &info), 0);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr before, V2("clip"));
  dir_.Write("clip.json", DocumentJson({"b"}));
  const struct timespec times[2] = {info.st_atim, info.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, dir_.PathOf("clip.json").c_str(), times, 0), 0);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr after, V2("clip"));
  EXPECT_NE(after->version, before->version);
  EXPECT_THAT(NamesOf(*after->document), ElementsAre("b"));
}

}  // namespace
}  // namespace modelref
