#include "service/store/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "audit/verify.h"
#include "backends/base/clock.h"
#include "backends/base/status_macros.h"
#include "service/store/file_base.h"
#include "service/store/store_reader.h"
#include "tests/service/store/edits.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::Put;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

class DataDirectoryTest : public ::testing::Test {
 protected:
  std::unique_ptr<DataDirectory> Open(bool read_only = false) {
    DataDirectory::Options options;
    options.backends.data_dir = dir_.path();
    options.backends.offline = read_only;
    options.read_only = read_only;
    auto data = DataDirectory::Open(options, registry_, RealClock(), executor_);
    EXPECT_TRUE(data.ok()) << data.status();
    if (!data.ok()) return nullptr;
    EXPECT_THAT((*data)->Start(), IsOk());
    return *std::move(data);
  }
  template <typename Condition>
  static bool Soon(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      Pause(absl::Milliseconds(10));
    }
    return false;
  }

  TempDir dir_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  Executor executor_{Executor::Options{}};
};

TEST_F(DataDirectoryTest, CommitsReachTheFileAndTheAuditTrail) {
  {
    const auto data = Open();
    ASSERT_NE(data, nullptr);
    ASSERT_GT(CommitTo(data->store(), Edit(kClip, {Put("a", "1")})), 0u);
    EXPECT_THAT(data->projector()->Settle(), IsOk());
    EXPECT_THAT(data->Stop(), IsOk());
  }
  EXPECT_EQ(dir_.Read("clip.json"), "{\n  \"a\": {\n    \"v\": \"1\"\n  }\n}");
  ASSERT_OK_AND_ASSIGN(const AuditVerification verified,
                       VerifyAudit(dir_.PathOf("audit"), [](const auto&) { return true; }));
  EXPECT_TRUE(verified.intact());
  EXPECT_EQ(verified.checked_events, 1u);
}

TEST_F(DataDirectoryTest, AnEditIsImportedAndTheFileBroughtIntoOurForm) {
  const auto data = Open();
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}}");
  EXPECT_TRUE(
      Soon([&] { return data->store().root()->Find(kClip)->document->Find("a") != nullptr; }));
  EXPECT_TRUE(
      Soon([&] { return dir_.Read("clip.json") == "{\n  \"a\": {\n    \"v\": \"1\"\n  }\n}"; }));
  const uint64_t revision = data->store().root()->revision;
  Pause(absl::Milliseconds(1500));
  EXPECT_EQ(data->store().root()->revision, revision);
}

TEST_F(DataDirectoryTest, TwoMayBeOpenAndTheSecondTakesOver) {
  auto first = Open();
  const auto second = Open();
  EXPECT_TRUE(first->projector()->is_holder());
  EXPECT_FALSE(second->projector()->is_holder());
  ASSERT_GT(CommitTo(second->store(), Edit(kClip, {Put("a", "1")})), 0u);
  EXPECT_TRUE(Soon([&] { return dir_.Exists("clip.json"); }));
  first.reset();
  EXPECT_TRUE(Soon([&] { return second->projector()->is_holder(); }));
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}, \"b\": {\"v\": \"2\"}}");
  EXPECT_TRUE(
      Soon([&] { return second->store().root()->Find(kClip)->document->Find("b") != nullptr; }));
}

// A process that does not follow the files reads one now and then: what it read is never older than
// what the other has imported and written meanwhile.
TEST_F(DataDirectoryTest, NoEditIsLostWhileAnotherProcessRefreshes) {
  const auto holder = Open();
  const auto other = Open();
  ASSERT_GT(CommitTo(holder->store(), Edit(kClip, {Put("first", "1")})), 0u);
  ASSERT_THAT(holder->projector()->Settle(), IsOk());
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) EXPECT_THAT(other->Refresh(kClip), IsOk());
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; !stop; ++i) {
      CommitTo(other->store(), Edit(kClip, {Put(absl::StrCat("commit ", i), "1")}));
      Pause(absl::Milliseconds(20));
    }
  });
  constexpr int kEdits = 40;
  for (int i = 0; i < kEdits; ++i) {
    std::string text = dir_.Read("clip.json");
    text.insert(text.rfind('}'), absl::StrCat(", \"by hand ", i, "\": {\"v\": \"1\"}"));
    dir_.Write("clip.new", text);
    std::filesystem::rename(dir_.PathOf("clip.new"), dir_.PathOf("clip.json"));
    Pause(absl::Milliseconds(100));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_THAT(holder->projector()->Settle(), IsOk());
  for (int i = 0; i < kEdits; ++i) {
    const std::string name = absl::StrCat("by hand ", i);
    EXPECT_TRUE(Soon([&] {
      const RootPtr root = holder->store().root();
      return root->Find(kClip)->document->Find(name) != nullptr;
    })) << name;
  }
}

// Nobody there would notice that the file was mended.
TEST_F(DataDirectoryTest, WhoDoesNotFollowTheFilesTellsDamageToWhoAskedOnly) {
  const auto holder = Open();
  const auto other = Open();
  ASSERT_GT(CommitTo(holder->store(), Edit(kClip, {Put("a", "1")})), 0u);
  ASSERT_THAT(holder->projector()->Settle(), IsOk());
  const auto is_stale = [](DataDirectory& data) {
    return data.store().root()->Find(kClip)->freshness.stale();
  };
  ASSERT_TRUE(Soon([&] { return other->store().root()->Find(kClip)->known; }));
  const std::string good = dir_.Read("clip.json");
  dir_.Write("clip.json", good.substr(0, 5));
  EXPECT_THAT(other->Refresh(kClip), StatusIs(absl::StatusCode::kDataLoss));
  other->MarkStale(kClip);
  EXPECT_THAT(other->Refresh(kClip), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(is_stale(*other));
  EXPECT_TRUE(Soon([&] { return is_stale(*holder); })) << "it follows them";
  dir_.Write("clip.json", good);
  EXPECT_TRUE(Soon([&] { return !is_stale(*holder); }));
  EXPECT_THAT(other->Refresh(kClip), IsOk());
  other->MarkStale(kClip);
  executor_.Shutdown();  // It is done by then.
  EXPECT_FALSE(is_stale(*other));
  EXPECT_EQ(other->store().root()->Find(kClip)->document->ToJson(), R"({"a":{"v":"1"}})");
}

// Legacy files keep their bytes after an edit: what was last written there is not what stands
// there.
TEST_F(DataDirectoryTest, AnEditThatIsTakenBackInTheEditorIsAnEdit) {
  const DocumentKey key{"clip", Format::kLegacy};
  const auto data = Open();
  ASSERT_GT(CommitTo(data->store(), Edit(key, {Put("a", "1")})), 0u);
  ASSERT_THAT(data->projector()->Settle(), IsOk());
  const std::string written = dir_.Read("legacy/clip.json");
  dir_.Write("legacy/clip.json", "{\"a\": {\"v\": \"typed\"}}");
  ASSERT_THAT(data->Refresh(key), IsOk());
  EXPECT_EQ(data->store().root()->Find(key)->document->ToJson(), R"({"a":{"v":"typed"}})");
  dir_.Write("legacy/clip.json", written);
  ASSERT_THAT(data->Refresh(key), IsOk());
  EXPECT_EQ(data->store().root()->Find(key)->document->ToJson(), R"({"a":{"v":"1"}})");
  ASSERT_THAT(data->projector()->Settle(), IsOk());
  EXPECT_EQ(dir_.Read("legacy/clip.json"), written);
}

// As a restored backup has them, or a checkout: the bytes are known, the version is not.
TEST_F(DataDirectoryTest, FilesWithKnownBytesAreNotParsedAtTheStartAndOthersAre) {
  const DocumentKey legacy{"clip", Format::kLegacy};
  dir_.Write("clip.json", R"({"a": {"v": "1"}})");
  dir_.Write("legacy/clip.json", R"({"a": {"v": "1"}})");
  {
    const auto data = Open();
    ASSERT_THAT(data->projector()->Settle(), IsOk());
  }
  const std::string written = dir_.Read("clip.json");
  const uint64_t revision = [&] {
    dir_.Write("clip.json", written);  // Another inode and time.
    const auto data = Open();
    EXPECT_EQ(data->backends().cache->HasCachedData(kClip), false) << "it was parsed";
    EXPECT_FALSE(data->store().root()->Find(kClip)->freshness.stale());
    return data->store().root()->revision;
  }();
  // Of the same size, while no server ran.
  std::string edited = written;
  edited[edited.find("\"1\"") + 1] = '2';
  dir_.Write("clip.json", edited);
  dir_.Write("legacy/clip.json", R"({"a": {"v": "1"}})");
  const auto data = Open();
  EXPECT_EQ(data->store().root()->Find(kClip)->document->ToJson(), R"({"a":{"v":"2"}})");
  EXPECT_EQ(data->store().root()->Find(legacy)->document->ToJson(), R"({"a":{"v":"1"}})");
  EXPECT_EQ(data->store().root()->revision, revision + 1);
  EXPECT_GE(data->sync().file_checks(), 2u);
}

// A rewrite is in place for a while before it is recorded.
TEST_F(DataDirectoryTest, BytesThatAreAboutToBeRecordedAreNotParsedAndOthersAre) {
  dir_.Write("clip.json", R"({"a": {"v": "1"}})");
  ASSERT_THAT(Open()->projector()->Settle(), IsOk());
  const auto data = Open();
  const auto move_there = [&](const std::string& bytes) {
    const uint64_t checks = data->sync().file_checks();
    dir_.Write("clip.new", bytes);
    std::filesystem::rename(dir_.PathOf("clip.new"), dir_.PathOf("clip.json"));
    EXPECT_TRUE(Soon([&] { return data->sync().file_checks() > checks; }));
    EXPECT_THAT(data->sync().WhileNothingIsImported([] {}), IsOk());
  };
  const std::string ours = R"({"a": {"v": "2"}})";
  TransactionRequest request;
  request.caller = "test";
  request.body = [&](TransactionContext& context) -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t id, DocumentId(context.database(), kClip));
    return WriteFileIntent(context.database(), id, {7, Sha256(ours)});
  };
  ASSERT_THAT(data->store().Commit(std::move(request)).status(), IsOk());
  const uint64_t revision = data->store().root()->revision;
  move_there(ours);
  EXPECT_FALSE(data->backends().cache->HasCachedData(kClip)) << "it was parsed";
  EXPECT_EQ(data->store().root()->revision, revision);
  move_there(R"({"a": {"v": "3"}})");
  EXPECT_TRUE(data->backends().cache->HasCachedData(kClip));
  EXPECT_EQ(data->store().root()->revision, revision + 1);
  EXPECT_EQ(data->store().root()->Find(kClip)->document->ToJson(), R"({"a":{"v":"3"}})");
}

TEST_F(DataDirectoryTest, AnEditOfATableKeepsTheFieldsThatTablesCannotHold) {
  const DocumentKey key{"text_generation", Format::kLegacy};
  const auto data = Open();
  const std::string record =
      R"({"name":"m/one","model_name":"one","baseline":"","parameters":7000000000,)"
      R"("description":"old","version":"2","style":"generalist","nsfw":true,"tags":["7B"]})";
  ASSERT_GT(CommitTo(data->store(), Edit(key, {{"m/one", MakeRecord("m/one", record)}})), 0u);
  ASSERT_THAT(data->projector()->Settle(), IsOk());
  std::string table = dir_.Read("legacy/models.csv");
  const size_t at = table.find("old");
  ASSERT_NE(at, std::string::npos) << table;
  table.replace(at, 3, "typed");
  dir_.Write("legacy/models.csv", table);
  ASSERT_THAT(data->Refresh(key), IsOk());
  const Entry* entry = data->store().root()->Find(key)->document->Find("m/one");
  ASSERT_NE(entry, nullptr);
  EXPECT_THAT(entry->record->json, ::testing::HasSubstr(R"("description":"typed")"));
  EXPECT_THAT(entry->record->json, ::testing::HasSubstr(R"("nsfw":true)"));
  EXPECT_THAT(entry->record->json, ::testing::HasSubstr(R"("version":"2")"));
  ASSERT_THAT(data->projector()->Settle(), IsOk());
  EXPECT_EQ(dir_.Read("legacy/models.csv"), table);
}

TEST_F(DataDirectoryTest, HowMuchAnEditMayRemoveIsConfigured) {
  const auto models = [](int count) {
    std::vector<std::string> records;
    for (int i = 0; i < count; ++i) records.push_back(absl::StrCat("\"m", i, "\": {}"));
    return absl::StrCat("{", absl::StrJoin(records, ", "), "}");
  };
  dir_.Write("clip.json", models(10));
  DataDirectory::Options options;
  options.backends.data_dir = dir_.path();
  options.sync.held_removals = {.percent = 80, .min_models = 2};
  ASSERT_OK_AND_ASSIGN(const auto data,
                       DataDirectory::Open(options, registry_, RealClock(), executor_));
  ASSERT_THAT(data->Start(), IsOk());
  dir_.Write("clip.json", models(2));
  ASSERT_THAT(data->Refresh(kClip), IsOk());
  EXPECT_EQ(data->store().root()->Find(kClip)->document->record_count(), 2u);
  dir_.Write("clip.json", "{}");
  ASSERT_THAT(data->Refresh(kClip), IsOk());
  EXPECT_EQ(data->store().root()->Find(kClip)->document->record_count(), 2u);
  EXPECT_EQ(data->store().root()->Find(kClip)->freshness.cause, FreshnessCause::kEditHeld);
}

TEST_F(DataDirectoryTest, OneThatIsOnlyReadGetsNothingWrittenIntoIt) {
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}}");
  const auto data = Open(true);
  EXPECT_EQ(data->projector(), nullptr);
  EXPECT_NE(data->store().root()->Find(kClip)->document->Find("a"), nullptr);
  EXPECT_FALSE(dir_.Exists(".modelref"));
}

TEST_F(DataDirectoryTest, OneThatCannotBeWrittenIsRefusedWithAReason) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  std::filesystem::permissions(
      dir_.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  DataDirectory::Options options;
  options.backends.data_dir = dir_.path();
  EXPECT_THAT(DataDirectory::Open(options, registry_, RealClock(), executor_),
              HasReason("READ_ONLY_DIRECTORY"));
  std::filesystem::permissions(dir_.path(), std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace modelref
