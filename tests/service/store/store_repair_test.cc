#include "service/store/store_repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "audit/verify.h"
#include "backends/base/durable_file.h"
#include "service/store/data_directory.h"
#include "service/store/file_lock.h"
#include "service/store/store_check.h"
#include "service/store/store_lock.h"
#include "tests/service/store/edits.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::Put;
using ::modelref::testing::Remove;
using ::modelref::testing::TempDir;
using ::testing::AnyOf;
using ::testing::Each;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Models = std::map<std::string, std::string>;

// A directory with some history, closed. Its database is large enough to be torn in many places.
class StoreRepairTest : public ::testing::Test {
 protected:
  StoreRepairTest() {
    auto data = Open();
    CommitTo(data->store(), Edit(kImages, testing::PutMany(200, std::string(400, 'x'))));
    for (int i = 0; i < 40; ++i) {
      CommitTo(data->store(), Edit(kClip, {Put(absl::StrCat("m", i), "1")}),
               Edit(kImages, {Put(absl::StrCat("name", i), absl::StrCat("changed", i))}));
    }
    CommitTo(data->store(), Edit(kClip, {Remove("m7"), Put("m8", "2")}));
    Remember(*data);
    Close(data);
  }

  // Everything is in the database afterwards, and nothing in its log.
  void Close(std::unique_ptr<DataDirectory>& data) const {
    EXPECT_THAT(data->Stop(), IsOk());
    data.reset();
    Sql("PRAGMA wal_checkpoint(TRUNCATE)");
    EXPECT_FALSE(dir_.Exists(".modelref/store.db-wal"));
  }
  // Puts other bytes in the place of the database, without a log.
  void Replace(const std::string& bytes) const {
    std::ofstream(Database(), std::ios::binary | std::ios::trunc) << bytes;
    fs::remove(Database() + "-wal");
    fs::remove(Database() + "-shm");
  }
  std::unique_ptr<DataDirectory> Open() {
    DataDirectory::Options options;
    options.backends.data_dir = dir_.path();
    auto data = DataDirectory::Open(options, registry_, RealClock(), executor_);
    EXPECT_THAT(data, IsOk());
    if (!data.ok()) return nullptr;
    EXPECT_THAT((*data)->Start(), IsOk());
    return *std::move(data);
  }
  static Models ModelsOf(DataDirectory& data, const DocumentKey& key) {
    Models models;
    data.store().root()->Find(key)->document->ForEach(
        [&](const Entry& entry) { models[entry.record->name] = entry.record->json; });
    return models;
  }
  void Remember(DataDirectory& data) {
    clip_ = ModelsOf(data, kClip);
    images_ = ModelsOf(data, kImages);
    const Epoch epoch = data.store().root()->epoch;
    epoch_.assign(epoch.begin(), epoch.end());
    revision_ = data.store().root()->revision;
  }
  std::string Database() const { return dir_.PathOf(".modelref/store.db"); }
  absl::StatusOr<RepairReport> TryRepair(bool dry_run = false) {
    RepairOptions options;
    options.store_directory = dir_.PathOf(".modelref");
    options.audit_root = dir_.PathOf("audit");
    options.path_of = [this](const DocumentKey& key) {
      return dir_.PathOf(
          absl::StrCat(key.format == Format::kLegacy ? "legacy/" : "", key.category, ".json"));
    };
    options.dry_run = dry_run;
    return RepairStore(registry_.DocumentKeys(), RealClock(), options);
  }
  RepairReport Repair() {
    absl::StatusOr<RepairReport> report = TryRepair();
    EXPECT_THAT(report, IsOk());
    EXPECT_FALSE(dir_.Exists(".modelref/repair"));
    EXPECT_FALSE(dir_.Exists(".modelref/repair.pending"));
    return report.ok() ? *std::move(report) : RepairReport();
  }
  void Overwrite(uint64_t offset, const std::string& bytes) const {
    std::fstream file(Database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    EXPECT_TRUE(file.good());
  }
  void Sql(const std::string& sql) const {
    ASSERT_OK_AND_ASSIGN(const auto database, modelref::Database::Open(Database(), {}));
    EXPECT_THAT(database->Execute(sql), IsOk());
  }
  uint64_t ProblemsOfTheStore() const {
    const auto database = modelref::Database::Open(Database(), {.read_only = true});
    EXPECT_THAT(database, IsOk());
    const absl::StatusOr<StoreCheck> check = CheckStore(**database);
    EXPECT_THAT(check, IsOk());
    EXPECT_THAT(check->problems, IsEmpty());
    return check->problem_count;
  }
  // A server opens it and serves what it served before; store and trail are right afterwards.
  void ExpectEverythingIsThere() {
    EXPECT_EQ(ProblemsOfTheStore(), 0u);
    {
      const auto data = Open();
      ASSERT_NE(data, nullptr);
      EXPECT_EQ(ModelsOf(*data, kClip), clip_);
      EXPECT_EQ(ModelsOf(*data, kImages), images_);
      EXPECT_GT(CommitTo(data->store(), Edit(kClip, {Put("later", "1")})), revision_);
      EXPECT_THAT(data->Stop(), IsOk());
    }
    EXPECT_EQ(ProblemsOfTheStore(), 0u);
    ASSERT_OK_AND_ASSIGN(const AuditVerification trail, VerifyAudit(dir_.PathOf("audit")));
    EXPECT_TRUE(trail.intact()) << trail.problems[0].detail;
  }

  TempDir dir_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  Executor executor_{Executor::Options{}};
  Models clip_;
  Models images_;
  std::string epoch_;
  uint64_t revision_ = 0;
};

TEST_F(StoreRepairTest, AnIntactStoreIsLeftAlone) {
  const std::string before = dir_.Read(".modelref/store.db");
  const RepairReport report = Repair();
  EXPECT_EQ(report.outcome, RepairOutcome::kIntact);
  EXPECT_EQ(report.problem_count, 0u);
  EXPECT_FALSE(report.new_epoch);
  EXPECT_THAT(report.kept_files, IsEmpty());
  EXPECT_TRUE(before == dir_.Read(".modelref/store.db"));
}

TEST_F(StoreRepairTest, OneThatIsOpenIsNotTouched) {
  const auto data = Open();
  EXPECT_THAT(TryRepair(), HasReason("STORE_BUSY"));
}

TEST_F(StoreRepairTest, NobodyOpensItMeanwhile) {
  ASSERT_OK_AND_ASSIGN(const FileLock lock, LockStoreToRepair(dir_.PathOf(".modelref")));
  DataDirectory::Options options;
  options.backends.data_dir = dir_.path();
  EXPECT_THAT(DataDirectory::Open(options, registry_, RealClock(), executor_),
              HasReason("STORE_BUSY"));
}

TEST_F(StoreRepairTest, AnIndexIsMadeAnewAndNothingIsLost) {
  // The index lacks an entry that its table has.
  Sql("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = sql || ' WHERE name <> ''m9''' "
      "WHERE name = 'records_by_name'; PRAGMA writable_schema = RESET");
  Sql("REINDEX records_by_name");
  Sql("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX "
      "records_by_name ON records (document, name)' WHERE name = 'records_by_name'");
  const RepairReport report = Repair();
  EXPECT_EQ(report.outcome, RepairOutcome::kCopied);
  EXPECT_GT(report.problem_count, 0u);
  EXPECT_FALSE(report.new_epoch);
  EXPECT_EQ(report.epoch, epoch_);
  EXPECT_EQ(report.revision, revision_);
  EXPECT_THAT(report.kept_files, SizeIs(1));
  ExpectEverythingIsThere();
}

TEST_F(StoreRepairTest, ATornPageAnywhereLosesNoModel) {
  const std::string whole = dir_.Read(".modelref/store.db");
  const uint64_t pages = whole.size() / 4096;
  ASSERT_GT(pages, 20u);
  const std::string audit = dir_.PathOf("audit");
  fs::copy(audit, dir_.PathOf("audit-before"), fs::copy_options::recursive);
  const std::string file = dir_.Read("clip.json");
  std::map<RepairOutcome, int> outcomes;
  for (uint64_t page = 0; page < pages; page += 1 + pages / 24) {
    SCOPED_TRACE(page);
    Replace(whole);
    dir_.Write("clip.json", file);
    fs::remove_all(audit);
    fs::copy(dir_.PathOf("audit-before"), audit, fs::copy_options::recursive);
    Overwrite(page * 4096 + 8, std::string(4000, '\x5a'));
    const RepairReport report = Repair();
    ++outcomes[report.outcome];
    if (report.outcome == RepairOutcome::kRebuilt) {
      EXPECT_TRUE(report.new_epoch);
      EXPECT_NE(report.epoch, epoch_);
    } else {
      EXPECT_EQ(report.epoch, epoch_);
    }
    ExpectEverythingIsThere();
  }
  // A page of an index costs nothing, one of the history a new epoch.
  EXPECT_GT(outcomes[RepairOutcome::kCopied], 0);
  EXPECT_GT(outcomes[RepairOutcome::kRebuilt], 0);
}

TEST_F(StoreRepairTest, ADatabaseCutShortLosesNoModel) {
  for (const double share : {0.0, 0.3, 0.7, 0.99}) {
    SCOPED_TRACE(share);
    fs::resize_file(Database(),
                    static_cast<uint64_t>(share * static_cast<double>(fs::file_size(Database()))));
    const RepairReport report = Repair();
    EXPECT_NE(report.outcome, RepairOutcome::kIntact);
    EXPECT_EQ(report.new_epoch, report.outcome == RepairOutcome::kRebuilt);
    ExpectEverythingIsThere();
    auto data = Open();
    CommitTo(data->store(), Edit(kClip, {Remove("later")}));
    Remember(*data);
    Close(data);
  }
}

TEST_F(StoreRepairTest, OfBytesThatAreNoDatabaseTheTrailTellsAll) {
  Replace("this is no database");
  const RepairReport report = Repair();
  EXPECT_EQ(report.outcome, RepairOutcome::kRebuilt);
  EXPECT_THAT(report.tables, Each(::testing::Field(&SalvagedTable::is_whole, false)));
  EXPECT_EQ(report.documents.at(kClip).from_trail, clip_.size());
  EXPECT_TRUE(report.parent_epoch.empty());
  ASSERT_THAT(report.kept_files, SizeIs(1));
  EXPECT_EQ(*ReadFileToString(report.kept_files[0], 100), "this is no database");
  ExpectEverythingIsThere();
}

TEST_F(StoreRepairTest, WithoutADatabaseTheTrailAndTheFilesTellAll) {
  fs::remove(Database());
  const RepairReport report = Repair();
  EXPECT_TRUE(report.was_missing);
  EXPECT_EQ(report.outcome, RepairOutcome::kRebuilt);
  EXPECT_THAT(report.kept_files, IsEmpty());
  ExpectEverythingIsThere();
}

TEST_F(StoreRepairTest, WithoutDatabaseAndTrailTheFilesTellAll) {
  fs::remove(Database());
  fs::remove_all(dir_.PathOf("audit"));
  const RepairReport report = Repair();
  EXPECT_EQ(report.documents.at(kClip).from_file, clip_.size());
  ExpectEverythingIsThere();
}

TEST_F(StoreRepairTest, AnEditByHandAndAFileThatIsBehindAreToldApart) {
  fs::remove(Database());
  // m8 as before its last commit, m7 not yet removed: a rewrite that did not happen any more. m9
  // and new are what somebody typed.
  std::string file = dir_.Read("clip.json");
  const auto replace = [&file](const std::string& from, const std::string& to) {
    const size_t at = file.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    file.replace(at, from.size(), to);
  };
  replace("\"m8\": {\n    \"v\": \"2\"", "\"m8\": {\n    \"v\": \"1\"");
  replace("\"m9\": {\n    \"v\": \"1\"",
          "\"m7\": {\n    \"v\": \"1\"\n  },\n  \"new\": {\n    \"v\": \"4\"\n  },\n  \"m9\": {\n"
          "    \"v\": \"typed\"");
  dir_.Write("clip.json", file);
  const RepairReport report = Repair();
  EXPECT_EQ(report.documents.at(kClip).from_file, 2u);
  EXPECT_EQ(report.documents.at(kClip).stale, 2u);
  clip_["new"] = testing::RecordJson("4");
  clip_["m9"] = testing::RecordJson("typed");
  ExpectEverythingIsThere();
}

// --- The end of the history is lost -------------------------------------------------------------

class LostEndTest : public StoreRepairTest {
 protected:
  // What was committed after the database was copied is only in the trail, and in the files if
  // `written`.
  void LoseTheEnd(bool written) {
    const std::string old = dir_.Read(".modelref/store.db");
    const std::string file = dir_.Read("clip.json");
    {
      auto data = Open();
      CommitTo(data->store(), Edit(kClip, {Put("m1", "late"), Remove("m2"), Put("added", "1")}));
      CommitTo(data->store(), Edit(kClip, {Put("m1", "later"), Put("m3", "late")}));
      Remember(*data);
      Close(data);
    }
    Replace(old);
    if (!written) std::ofstream(dir_.PathOf("clip.json"), std::ios::trunc) << file;
  }
};

TEST_F(LostEndTest, IsTakenFromTheTrail) {
  for (const bool written : {false, true}) {
    LoseTheEnd(written);
    const RepairReport report = Repair();
    EXPECT_EQ(report.outcome, RepairOutcome::kIntact);
    EXPECT_TRUE(report.lost_transactions);
    EXPECT_TRUE(report.new_epoch);
    EXPECT_FALSE(report.parent_epoch.empty());
    EXPECT_THAT(report.documents, SizeIs(1));
    EXPECT_THAT(report.kept_files, SizeIs(1));
    ExpectEverythingIsThere();
    auto data = Open();
    CommitTo(data->store(), Edit(kClip, {Remove("later"), Put("m2", "1")}));
    Close(data);
  }
}

TEST_F(LostEndTest, OfALogThatIsGoneIsTakenFromTheTrail) {
  {
    const auto data = Open();
    CommitTo(data->store(), Edit(kClip, {Put("m1", "late")}));
    EXPECT_THAT(data->projector()->Settle(), IsOk());
    Remember(*data);
    // As a crash leaves it: the commit is in the log alone.
    fs::copy_file(Database(), dir_.PathOf("without-log"));
    EXPECT_THAT(data->Stop(), IsOk());
  }
  fs::remove(absl::StrCat(Database(), "-wal"));
  fs::rename(dir_.PathOf("without-log"), Database());
  const RepairReport report = Repair();
  EXPECT_TRUE(report.lost_transactions);
  ExpectEverythingIsThere();
}

// --- What a repair leaves alone -----------------------------------------------------------------

TEST_F(StoreRepairTest, ATrialChangesNothing) {
  Overwrite(4096 * 20, std::string(4000, '\x5a'));
  const std::string database = dir_.Read(".modelref/store.db");
  std::vector<std::string> before;
  for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
    before.push_back(entry.path());
  }
  ASSERT_OK_AND_ASSIGN(const RepairReport report, TryRepair(true));
  EXPECT_NE(report.outcome, RepairOutcome::kIntact);
  std::vector<std::string> after;
  for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
    after.push_back(entry.path());
  }
  EXPECT_THAT(after, ::testing::UnorderedElementsAreArray(before));
  EXPECT_TRUE(database == dir_.Read(".modelref/store.db"));
}

TEST_F(StoreRepairTest, TheDamagedFilesOfSeveralRepairsAreAllKept) {
  std::vector<std::string> kept;
  for (int i = 0; i < 3; ++i) {
    Replace(absl::StrCat("no database ", i));
    const RepairReport report = Repair();
    ASSERT_THAT(report.kept_files, SizeIs(1));
    kept.push_back(report.kept_files[0]);
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(*ReadFileToString(kept[i], 100), absl::StrCat("no database ", i));
  }
}

TEST_F(StoreRepairTest, AnInterruptedOneIsBegunAnew) {
  // The database was moved away, the new one is not there yet.
  fs::rename(Database(), absl::StrCat(Database(), ".damaged-stamp"));
  dir_.Write(".modelref/repair.pending", "stamp\n");
  DataDirectory::Options options;
  options.backends.data_dir = dir_.path();
  EXPECT_THAT(DataDirectory::Open(options, registry_, RealClock(), executor_),
              HasReason("STORE_DAMAGED"));
  const RepairReport report = Repair();
  EXPECT_EQ(report.outcome, RepairOutcome::kIntact);
  EXPECT_EQ(report.epoch, epoch_);
  ExpectEverythingIsThere();
}

}  // namespace
}  // namespace modelref
