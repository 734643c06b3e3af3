#include "tests/testing/faulty_vfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {
namespace {

using ::testing::AnyOf;

// A connection with a table of numbers. Errors are those of SQLite.
class Connection {
 public:
  Connection(const FaultyVfs& vfs, const std::string& path, const std::string& settings) {
    code_ = sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                            vfs.name().c_str());
    if (code_ == SQLITE_OK) code_ = Run(settings);
    if (code_ == SQLITE_OK) code_ = Run("CREATE TABLE IF NOT EXISTS t (n INTEGER, filler BLOB)");
  }
  ~Connection() { sqlite3_close(handle_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Of opening.
  int code() const { return code_; }
  int Run(const std::string& sql) {
    return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  }
  // A transaction that writes several pages.
  int Insert(int n) {
    return Run(absl::StrCat("BEGIN; INSERT INTO t VALUES (", n, ", randomblob(9000)); COMMIT"));
  }
  // The first value of a query, "" when it fails.
  std::string Query(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    std::string value;
    if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
      value = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return value;
  }
  std::string Count() { return Query("SELECT count(*) FROM t"); }
  std::string Check() { return Query("PRAGMA integrity_check"); }

 private:
  sqlite3* handle_ = nullptr;
  int code_ = SQLITE_OK;
};

std::string Settings(const std::string& journal, const std::string& synchronous) {
  return absl::StrCat("PRAGMA journal_mode=", journal, "; PRAGMA synchronous=", synchronous);
}

class FaultyVfsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Connection> Open(const std::string& settings = Settings("wal", "full")) {
    return std::make_unique<Connection>(vfs_, dir_.PathOf("db"), settings);
  }

  TempDir dir_;
  FaultyVfs vfs_{"faulty"};
};

// In the write-ahead log and with a rollback journal.
class FaultyVfsJournalTest : public FaultyVfsTest,
                             public ::testing::WithParamInterface<std::string> {
 protected:
  // What it takes for a commit to be durable. A rollback journal is removed at the commit, and only
  // "extra" syncs its folder then.
  std::string Full() const { return Settings(GetParam(), GetParam() == "wal" ? "full" : "extra"); }
};

TEST_P(FaultyVfsJournalTest, WithoutFaultsEverythingWorks) {
  {
    const auto connection = Open(Full());
    for (int n = 0; n < 50; ++n) ASSERT_EQ(connection->Insert(n), SQLITE_OK);
    EXPECT_EQ(connection->Run("DELETE FROM t WHERE n < 40; VACUUM"), SQLITE_OK);
  }
  const auto connection = Open(Full());
  EXPECT_EQ(connection->Query("PRAGMA journal_mode"), GetParam());
  EXPECT_EQ(connection->Count(), "10");
  EXPECT_EQ(connection->Check(), "ok");
  EXPECT_GT(vfs_.Calls(FileCall::kWrite), 50);
  EXPECT_GT(vfs_.Calls(FileCall::kSync), 49);
  EXPECT_GT(vfs_.Calls(FileCall::kOpen), 1);
  EXPECT_GT(vfs_.Calls(FileCall::kRead), 0);
}

TEST_P(FaultyVfsJournalTest, ACommittedTransactionSurvivesAPowerFailure) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const auto connection = Open(Full());
    ASSERT_EQ(connection->code(), SQLITE_OK) << seed;
    ASSERT_EQ(connection->Count(), std::to_string(seed));
    ASSERT_EQ(connection->Insert(static_cast<int>(seed)), SQLITE_OK);
    vfs_.CrashNow(seed);
    EXPECT_EQ(connection->Run("SELECT * FROM t"), SQLITE_IOERR) << "the connection is not dead";
  }
  EXPECT_EQ(Open(Full())->Check(), "ok");
}

TEST_P(FaultyVfsJournalTest, AnUncommittedTransactionDoesNot) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const auto connection = Open(Full());
    ASSERT_EQ(connection->Count(), "0") << seed;
    // Without room in memory the pages are written before the commit.
    ASSERT_EQ(connection->Run("PRAGMA cache_size=1; BEGIN; INSERT INTO t VALUES (1, "
                              "randomblob(200000))"),
              SQLITE_OK);
    vfs_.CrashNow(seed);
  }
  EXPECT_EQ(Open(Full())->Check(), "ok");
}

TEST_P(FaultyVfsJournalTest, WithoutSyncsACommitIsForgotten) {
  {
    const auto connection = Open(Full());
    ASSERT_EQ(connection->Insert(1), SQLITE_OK);
    ASSERT_EQ(connection->Run("PRAGMA synchronous=OFF"), SQLITE_OK);
    ASSERT_EQ(connection->Insert(2), SQLITE_OK);
    vfs_.CrashNow(0);
  }
  EXPECT_EQ(Open(Full())->Count(), "1");
}

// Cuts the power at every call that changes something, until a run of the work ends before.
TEST_P(FaultyVfsJournalTest, NoCommitIsLostWhereverThePowerFails) {
  constexpr int kInserts = 6;
  int failures = 0;
  for (int at = 1;; ++at) {
    const TempDir dir;
    vfs_.PowerFailAt(at, static_cast<uint64_t>(at) * 7919);
    int committed = 0;
    {
      Connection connection(vfs_, dir.PathOf("db"), Full() + "; PRAGMA wal_autocheckpoint=4");
      while (committed < kInserts && connection.Insert(committed) == SQLITE_OK) ++committed;
    }
    if (vfs_.crashes() == failures) break;
    failures = vfs_.crashes();
    Connection connection(vfs_, dir.PathOf("db"), Full());
    ASSERT_EQ(connection.code(), SQLITE_OK) << at;
    ASSERT_EQ(connection.Check(), "ok") << at;
    // The one that failed may have become durable.
    ASSERT_THAT(connection.Count(), AnyOf(std::to_string(committed), std::to_string(committed + 1)))
        << at;
  }
  EXPECT_GT(failures, 20);
}

// The same without syncs: the layer would be of no use if it did not show this.
TEST_P(FaultyVfsJournalTest, WithoutSyncsAPowerFailureIsSeenToDoHarm) {
  constexpr int kInserts = 6;
  int harmed = 0;
  for (int seed = 1; seed <= 100; ++seed) {
    const TempDir dir;
    int committed = 0;
    {
      Connection connection(vfs_, dir.PathOf("db"), Settings(GetParam(), "off"));
      vfs_.PowerFailAt(seed % 20 + 1, static_cast<uint64_t>(seed));
      while (committed < kInserts && connection.Insert(committed) == SQLITE_OK) ++committed;
    }
    vfs_.Heal();
    Connection connection(vfs_, dir.PathOf("db"), Full());
    if (connection.Check() != "ok" || connection.Count() < std::to_string(committed)) ++harmed;
  }
  EXPECT_GT(harmed, 10);
}

TEST_P(FaultyVfsJournalTest, AFailingCallFailsOneTransactionAndLosesNoOther) {
  for (const FileCall call : {FileCall::kWrite, FileCall::kSync}) {
    for (int n = 1; n <= 4; ++n) {
      const TempDir dir;
      Connection connection(vfs_, dir.PathOf("db"), Full());
      ASSERT_EQ(connection.Insert(1), SQLITE_OK);
      const int calls = vfs_.Calls(call);
      vfs_.FailAt(call, n);
      int committed = 1;
      while (vfs_.Calls(call) < calls + n && connection.Insert(committed + 1) == SQLITE_OK) {
        ++committed;
      }
      ASSERT_GE(vfs_.Calls(call), calls + n);
      EXPECT_EQ(connection.Insert(100), SQLITE_OK);
      vfs_.CrashNow(static_cast<uint64_t>(n));
      Connection again(vfs_, dir.PathOf("db"), Full());
      EXPECT_EQ(again.Check(), "ok");
      EXPECT_EQ(again.Query(absl::StrCat("SELECT count(*) FROM t WHERE n=100 OR n<=", committed)),
                std::to_string(committed + 1));
    }
  }
}

TEST_P(FaultyVfsJournalTest, AFullDiskFailsTheTransactionAndHeals) {
  const auto connection = Open(Full());
  ASSERT_EQ(connection->Insert(1), SQLITE_OK);
  for (const int64_t bytes : {0, 1, 5000, 20000}) {
    vfs_.SetFreeBytes(bytes);
    EXPECT_EQ(connection->Run("INSERT INTO t VALUES (2, randomblob(100000))"), SQLITE_FULL)
        << bytes;
    EXPECT_EQ(connection->Count(), "1") << bytes;
  }
  vfs_.Heal();
  EXPECT_EQ(connection->Insert(2), SQLITE_OK);
  vfs_.CrashNow(0);
  const auto again = Open(Full());
  EXPECT_EQ(again->Count(), "2");
  EXPECT_EQ(again->Check(), "ok");
}

INSTANTIATE_TEST_SUITE_P(Journals, FaultyVfsJournalTest, ::testing::Values("wal", "delete"),
                         [](const auto& journal) { return journal.param; });

TEST_F(FaultyVfsTest, ARemovedJournalMayComeBackAndUndoACommit) {
  int undone = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const auto connection = Open(Settings("delete", "full"));
    const std::string before = connection->Count();
    ASSERT_EQ(connection->Insert(1), SQLITE_OK);
    vfs_.CrashNow(seed);
    if (Open(Settings("delete", "full"))->Count() == before) ++undone;
  }
  EXPECT_GT(undone, 0);
  EXPECT_LT(undone, 10);
}

TEST_F(FaultyVfsTest, ANewConnectionWorksWhileDeadOnesAreOpen) {
  const auto first = Open();
  const auto second = Open();
  ASSERT_EQ(first->Insert(1), SQLITE_OK);
  ASSERT_EQ(second->Insert(2), SQLITE_OK);
  ASSERT_EQ(first->Run("BEGIN IMMEDIATE"), SQLITE_OK);  // Holds a lock.
  vfs_.CrashNow(0);
  EXPECT_EQ(vfs_.crashes(), 1);
  const auto third = Open();
  EXPECT_EQ(third->Insert(3), SQLITE_OK);
  EXPECT_EQ(first->Run("INSERT INTO t VALUES (4, '')"), SQLITE_IOERR);
  EXPECT_EQ(second->Count(), "");
  EXPECT_EQ(third->Count(), "3");
}

TEST_F(FaultyVfsTest, TheEndOfADeadConnectionDoesNotTouchTheFiles) {
  auto dead = Open();
  ASSERT_EQ(dead->Insert(1), SQLITE_OK);
  vfs_.CrashNow(0);
  const auto alive = Open();
  ASSERT_EQ(alive->Insert(2), SQLITE_OK);
  dead.reset();
  EXPECT_TRUE(dir_.Exists("db-wal"));
  EXPECT_TRUE(dir_.Exists("db-shm"));
  EXPECT_EQ(alive->Insert(3), SQLITE_OK);
  EXPECT_EQ(Open()->Count(), "3");
}

TEST_F(FaultyVfsTest, FailuresGoOnUntilHealed) {
  const auto connection = Open();
  ASSERT_EQ(connection->Insert(1), SQLITE_OK);
  vfs_.FailFrom(FileCall::kSync, 2);
  EXPECT_EQ(connection->Insert(2), SQLITE_OK);
  for (int n = 3; n < 6; ++n) EXPECT_EQ(connection->Insert(n), SQLITE_IOERR);
  vfs_.Heal();
  EXPECT_EQ(connection->Insert(6), SQLITE_OK);
}

TEST_F(FaultyVfsTest, FilesThatWereThereAreDurable) {
  Open()->Insert(1);
  ASSERT_EQ(sqlite3_vfs_find("other"), nullptr);
  FaultyVfs other("other");
  other.CrashNow(0);  // Knows nothing yet, and removes nothing.
  Connection connection(other, dir_.PathOf("db"), Settings("wal", "off"));
  ASSERT_EQ(connection.Insert(2), SQLITE_OK);
  other.CrashNow(0);
  EXPECT_EQ(Connection(other, dir_.PathOf("db"), "").Count(), "1");
}

TEST_F(FaultyVfsTest, FailuresOfOpeningReadingAndDeletingAreTold) {
  vfs_.FailAt(FileCall::kOpen, 1);
  EXPECT_EQ(Open()->code(), SQLITE_CANTOPEN);
  {
    const auto connection = Open(Settings("delete", "full"));
    ASSERT_EQ(connection->Insert(1), SQLITE_OK);
    vfs_.FailAt(FileCall::kDelete, 1);
    EXPECT_EQ(connection->Insert(2), SQLITE_IOERR);
  }
  vfs_.FailAt(FileCall::kRead, 1);
  EXPECT_NE(Open(Settings("delete", "full"))->code(), SQLITE_OK);
  EXPECT_EQ(Open(Settings("delete", "full"))->Check(), "ok");
}

TEST_F(FaultyVfsTest, ItsNameIsFreeAfterItsEnd) {
  { FaultyVfs other("other"); }
  EXPECT_EQ(sqlite3_vfs_find("other"), nullptr);
}

}  // namespace
}  // namespace modelref::testing
