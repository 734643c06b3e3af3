#include "service/store/metadata_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "service/store/data_directory.h"
#include "service/store/store_check.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::Put;
using ::modelref::testing::Remove;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kClipFile[] = "meta/v2/clip_metadata.json";
constexpr char kLegacyFile[] = "meta/legacy/clip_metadata.json";
constexpr absl::Duration kDelay = absl::Milliseconds(200);
constexpr absl::Duration kPoll = absl::Seconds(5);

class MetadataWriterTest : public ::testing::Test {
 protected:
  MetadataWriterTest() {
    Store::Options options;
    options.directory = dir_.PathOf(".modelref");
    auto store = Store::Open({kClip, kLegacyClip}, clock_, options);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    writer_ = Make();
  }
  std::unique_ptr<MetadataWriter> Make() {
    MetadataWriter::Options options;
    options.delay = kDelay;
    options.pace = 0;
    options.poll_interval = kPoll;
    return std::make_unique<MetadataWriter>(
        *store_, [this](const DocumentKey& key) { return MetadataFilePath(dir_.path(), key); },
        options);
  }
  std::string Expected(const DocumentKey& key) const {
    const DocumentState& state = *store_->root()->Find(key);
    return FormatMetadataFile(key.category, *state.metadata, CountModels(key, *state.document));
  }
  std::vector<std::string> FilesIn(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_.PathOf(folder))) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<MetadataWriter> writer_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

TEST_F(MetadataWriterTest, WithoutMetadataThereIsNoFileAndNothingToDo) {
  EXPECT_EQ(writer_->Step(now_), absl::InfiniteFuture());
  EXPECT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_FALSE(dir_.Exists("meta"));
}

TEST_F(MetadataWriterTest, AFileFollowsItsDocumentAfterTheDelay) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  EXPECT_EQ(writer_->Step(now_), now_ + kDelay);
  EXPECT_FALSE(dir_.Exists(kClipFile));
  writer_->Step(now_ + kDelay);
  EXPECT_EQ(dir_.Read(kClipFile), Expected(kClip));
  EXPECT_THAT(dir_.Read(kClipFile), ::testing::HasSubstr("\"total_models\": 2,"));
  EXPECT_FALSE(dir_.Exists(kLegacyFile));
  EXPECT_THAT(FilesIn("meta/v2"), ElementsAre("clip_metadata.json"));
  EXPECT_EQ(writer_->statistics().writes, 1u);
}

TEST_F(MetadataWriterTest, TheFormatsHaveFilesOfTheirOwn) {
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "1")}), Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(dir_.Read(kLegacyFile), Expected(kLegacyClip));
  EXPECT_FALSE(dir_.Exists(kClipFile)) << "a legacy write leaves v2 metadata alone";
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  const std::string legacy = dir_.Read(kLegacyFile);
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(dir_.Read(kClipFile), Expected(kClip));
  EXPECT_EQ(dir_.Read(kLegacyFile), legacy);
}

TEST_F(MetadataWriterTest, AFileThatSaysTheSameIsLeftAlone) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  const std::string compact = absl::StrCat("{\"backend_type\": \"Other\", \"total_models\": 0, ",
                                           Expected(kClip).substr(1));
  dir_.Write(kClipFile, compact);
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(dir_.Read(kClipFile), compact);
  CommitTo(*store_, Edit(kClip, {Remove("a")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(dir_.Read(kClipFile), Expected(kClip));
}

// A legacy write changes the v2 document with its own, and v2 metadata does not tell of it.
TEST_F(MetadataWriterTest, TheNumberOfModelsFollowsWhereNothingElseChanges) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  const CategoryMetadataPtr before = store_->root()->Find(kClip)->metadata;
  CommitTo(*store_, Edit(kLegacyClip, {Put("b", "1")}), Edit(kClip, {Put("b", "1")}));
  ASSERT_EQ(*store_->root()->Find(kClip)->metadata, *before);
  writer_->Step(now_);
  writer_->Step(now_ + kDelay);
  EXPECT_EQ(dir_.Read(kClipFile), Expected(kClip));
  EXPECT_THAT(dir_.Read(kClipFile), ::testing::HasSubstr("\"total_models\": 2,"));
  // Whoever comes after a crash knows it from the file.
  CommitTo(*store_, Edit(kLegacyClip, {Put("c", "1")}), Edit(kClip, {Put("c", "1")}));
  const auto next = Make();
  ASSERT_THAT(next->Settle(now_), IsOk());
  EXPECT_THAT(dir_.Read(kClipFile), ::testing::HasSubstr("\"total_models\": 3,"));
  const uint64_t writes = next->statistics().writes;
  CommitTo(*store_, Edit(kLegacyClip, {Put("c", "2")}), Edit(kClip, {Put("c", "2")}));
  ASSERT_THAT(next->Settle(now_), IsOk());
  EXPECT_EQ(next->statistics().writes, writes + 1) << "of the legacy file only";
}

TEST_F(MetadataWriterTest, AFileThatCountsNoModelsKeepsItsBytesUntilTheirNumberChanges) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  std::string original = Expected(kClip);
  const size_t at = original.find("\"total_models\": 1");
  ASSERT_NE(at, std::string::npos);
  original.replace(at, 17, "\"total_models\": 0");
  dir_.Write(kClipFile, original);
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "2")}), Edit(kClip, {Put("a", "2")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(dir_.Read(kClipFile), original);
  CommitTo(*store_, Edit(kLegacyClip, {Put("b", "1")}), Edit(kClip, {Put("b", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(dir_.Read(kClipFile), Expected(kClip));
}

TEST_F(MetadataWriterTest, WhatOthersDoToAFileIsNoticedAndUndone) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  uint64_t count = 0;
  for (const char* bytes : {"{\"total_creates\": 900}", "", "not JSON"}) {
    dir_.Write(kClipFile, bytes);
    now_ += kPoll;
    writer_->Step(now_);
    writer_->Step(now_ + kDelay);
    EXPECT_EQ(dir_.Read(kClipFile), Expected(kClip)) << bytes;
    EXPECT_EQ(writer_->statistics().overruled, ++count);
  }
  dir_.Remove(kClipFile);
  now_ += kPoll;
  writer_->Step(now_);
  writer_->Step(now_ + kDelay);
  EXPECT_EQ(dir_.Read(kClipFile), Expected(kClip));
  EXPECT_THAT(FilesIn("meta/v2"), ElementsAre("clip_metadata.json"));
}

TEST_F(MetadataWriterTest, AFileThatCannotBeWrittenIsToldAndTriedAgain) {
  dir_.Write("meta/v2", "a file where the folder should be");
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}), Edit(kLegacyClip, {Put("a", "1")}));
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  EXPECT_FALSE(writer_->Settle(now_).ok());
  EXPECT_EQ(dir_.Read(kLegacyFile), Expected(kLegacyClip)) << "one does not stop the other";
  ASSERT_EQ(writer_->failures().count(kClip), 1u);
  EXPECT_EQ(writer_->Step(now_), now_ + absl::Seconds(1));
  dir_.Remove("meta/v2");
  writer_->Step(now_ + absl::Seconds(1));
  EXPECT_EQ(dir_.Read(kClipFile), Expected(kClip));
  EXPECT_THAT(writer_->failures(), IsEmpty());
}

TEST_F(MetadataWriterTest, WhatADeadProcessLeftIsRemoved) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  dir_.Write("meta/v2/clip_metadata.json.tmp.999999999.new.1", "{\"cat");
  Make()->Recover();
  EXPECT_THAT(FilesIn("meta/v2"), ElementsAre("clip_metadata.json"));
}

// --- Directories ---------------------------------------------------------------------------------

class MetadataDirectoryTest : public ::testing::Test {
 protected:
  std::unique_ptr<DataDirectory> Open() {
    DataDirectory::Options options;
    options.backends.data_dir = dir_.path();
    auto data = DataDirectory::Open(options, registry_, RealClock(), executor_);
    EXPECT_TRUE(data.ok()) << data.status();
    if (!data.ok()) return nullptr;
    EXPECT_THAT((*data)->Start(), IsOk());
    return *std::move(data);
  }
  static CategoryMetadataPtr Of(DataDirectory& data, const DocumentKey& key) {
    return data.store().root()->Find(key)->metadata;
  }
  std::vector<std::string> Problems() const {
    const auto database = Database::Open(dir_.PathOf(".modelref/store.db"), {});
    EXPECT_TRUE(database.ok()) << database.status();
    const absl::StatusOr<StoreCheck> check = CheckStore(**database);
    EXPECT_TRUE(check.ok()) << check.status();
    return check.ok() ? check->problems : std::vector<std::string>();
  }

  TempDir dir_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  Executor executor_{Executor::Options{}};
};

constexpr char kForeign[] = R"({
  "category": "clip",
  "last_updated": 1700000300,
  "last_operation_type": "update",
  "last_operation_model": "a",
  "total_creates": 30,
  "total_updates": 20,
  "total_deletes": 10,
  "total_models": 0,
  "initialization_time": 1700000000,
  "last_successful_operation": 1700000200,
  "error_count": 3,
  "metadata_schema_version": "1.0.0",
  "backend_type": "FileSystemBackend"
})";

TEST_F(MetadataDirectoryTest, FilesOfTheOriginalAreTakenOverAndKeepTheirBytesUntilAnOperation) {
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}}");
  dir_.Write(kClipFile, kForeign);
  for (int i = 0; i < 2; ++i) {
    const auto data = Open();
    ASSERT_NE(Of(*data, kClip), nullptr);
    EXPECT_EQ(Of(*data, kClip)->creates, 30u);
    EXPECT_EQ(Of(*data, kClip)->updates, 20u);
    EXPECT_EQ(Of(*data, kClip)->deletes, 10u);
    EXPECT_EQ(Of(*data, kClip)->errors, 3u);
    EXPECT_EQ(Of(*data, kClip)->last_updated, absl::FromUnixSeconds(1'700'000'300));
    EXPECT_EQ(Of(*data, kClip)->initialized, absl::FromUnixSeconds(1'700'000'000));
    EXPECT_EQ(Of(*data, kClip)->last_success, absl::FromUnixSeconds(1'700'000'200));
    EXPECT_EQ(Of(*data, kLegacyClip), nullptr);
    EXPECT_THAT(data->projector()->Settle(), IsOk());
    EXPECT_EQ(dir_.Read(kClipFile), kForeign) << "opening data does not change it";
    EXPECT_THAT(data->Stop(), IsOk());
  }
  const auto data = Open();
  CommitTo(data->store(), Edit(kClip, {Put("b", "1")}));
  EXPECT_THAT(data->Stop(), IsOk());
  ASSERT_OK_AND_ASSIGN(const CategoryMetadata file,
                       ParseMetadataFile(dir_.Read(kClipFile), absl::UnixEpoch()));
  EXPECT_EQ(file.creates, 31u);
  EXPECT_EQ(file.updates, 20u);
  EXPECT_EQ(file.errors, 3u);
  EXPECT_EQ(file.last_model, "b");
  EXPECT_EQ(file.initialized, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataDirectoryTest, ACorruptFileBeginsAnew) {
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}}");
  dir_.Write(kClipFile, std::string(kForeign).substr(0, 100));
  const auto data = Open();
  ASSERT_NE(Of(*data, kClip), nullptr);
  EXPECT_EQ(Of(*data, kClip)->creates, 0u);
  EXPECT_GT(Of(*data, kClip)->initialized, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_THAT(data->Stop(), IsOk());
  EXPECT_THAT(ParseMetadataFile(dir_.Read(kClipFile), absl::UnixEpoch()), IsOk());
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataDirectoryTest, MissingFieldsOfAFileAreFilledIn) {
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}}");
  dir_.Write(kClipFile, R"({"category": "clip", "total_creates": 5, "last_updated": 1700000000})");
  const auto data = Open();
  ASSERT_NE(Of(*data, kClip), nullptr);
  EXPECT_EQ(Of(*data, kClip)->creates, 5u);
  EXPECT_THAT(data->Stop(), IsOk());
  EXPECT_THAT(dir_.Read(kClipFile), ::testing::HasSubstr("\"error_count\": 0,"));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataDirectoryTest, OurOwnFilesAreNotTakenOver) {
  {
    const auto data = Open();
    CommitTo(data->store(), Edit(kClip, {Put("a", "1")}));
    EXPECT_THAT(data->Stop(), IsOk());
  }
  const std::string written = dir_.Read(kClipFile);
  {
    const auto data = Open();
    EXPECT_EQ(Of(*data, kClip)->creates, 1u);
    EXPECT_THAT(data->Stop(), IsOk());
  }
  EXPECT_EQ(dir_.Read(kClipFile), written);
  fs::remove_all(dir_.PathOf(".modelref"));
  const auto data = Open();
  EXPECT_EQ(Of(*data, kClip)->creates, 1u) << "without the store they are all there is";
}

TEST_F(MetadataDirectoryTest, OpeningMakesNoFilesForDocumentsWithoutMetadata) {
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}}");
  const auto data = Open();
  EXPECT_THAT(data->Stop(), IsOk());
  EXPECT_FALSE(dir_.Exists("meta"));
}

TEST_F(MetadataDirectoryTest, AHandEditIsAnOperation) {
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}}");
  const auto data = Open();
  dir_.Write("clip.json", "{\"a\": {\"v\": \"2\"}, \"b\": {\"v\": \"1\"}}");
  ASSERT_THAT(data->Refresh(kClip), IsOk());
  ASSERT_NE(Of(*data, kClip), nullptr);
  EXPECT_EQ(Of(*data, kClip)->creates, 1u);
  EXPECT_EQ(Of(*data, kClip)->updates, 1u);
  EXPECT_THAT(data->Stop(), IsOk());
  EXPECT_TRUE(dir_.Exists(kClipFile));
}

}  // namespace
}  // namespace modelref
