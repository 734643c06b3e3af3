// Crashes and faults of whole processes, one at a time. What a failing fsync and a clock that goes
// back do is shown below the process: tests/service/store/store_crash_test.cc and
// store_durable_test.cc.

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/failpoint.h"
#include "service/store/database.h"
#include "service/store/schema.h"
#include "tests/crash/committing_user.h"
#include "tests/crash/crash_server.h"
#include "tests/crash/failpoint_names.h"
#include "tests/crash/hand_editor.h"
#include "tests/crash/history_check.h"
#include "tests/crash/pause.h"
#include "tests/e2e/modelrefctl_child.h"
#include "tests/testing/environment.h"
#include "tests/testing/event.h"
#include "tests/testing/small_disk.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::CheckAudit;
using ::modelref::testing::CheckByCommands;
using ::modelref::testing::CheckFiles;
using ::modelref::testing::CheckHistory;
using ::modelref::testing::CheckReplay;
using ::modelref::testing::Child;
using ::modelref::testing::CommittingUser;
using ::modelref::testing::CrashRecord;
using ::modelref::testing::CrashServer;
using ::modelref::testing::FailpointNames;
using ::modelref::testing::kDeadline;
using ::modelref::testing::NumberFromEnvironment;
using ::modelref::testing::Pause;
using ::modelref::testing::ServedRecords;
using ::modelref::testing::Sightings;
using ::modelref::testing::SmallDisk;
using ::modelref::testing::TempDir;
using ::modelref::testing::WhyNotKilled;

const DocumentKey kClip{"clip", Format::kV2};

// A document of `count` records "name-<i>", each with the value.
std::string Catalogue(int count, uint64_t value) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) {
    const std::string name = absl::StrCat("name-", i);
    absl::StrAppend(&text, i == 0 ? "\n" : ",\n", "  \"", name, "\": ", CrashRecord(name, value));
  }
  return text + "\n}\n";
}

// What is still wrong after the deadline; empty when nothing is.
template <typename Check>
std::string AfterAWhile(Check check) {
  const absl::Time end = RealClock().TimeNow() + kDeadline;
  std::string wrong = check();
  while (!wrong.empty() && RealClock().TimeNow() < end) {
    Pause(absl::Milliseconds(20));
    wrong = check();
  }
  return wrong;
}

std::string FirstRecord(Client& client) {
  const auto records = ServedRecords(client, kClip);
  if (!records.ok()) return records.status().ToString();
  const auto found = records->find("name-0");
  return found == records->end() ? "" : found->second;
}

// Waits until the server serves the value and its files show it.
std::string WaitForValue(Client& client, const std::string& data_dir, uint64_t value) {
  return AfterAWhile([&]() -> std::string {
    const std::string record = FirstRecord(client);
    if (record != CrashRecord("name-0", value)) return "served is " + record;
    return CheckFiles(data_dir, client) + CheckReplay(data_dir, client) + CheckAudit(data_dir);
  });
}

TEST(CrashCasesTest, AnotherServerTakesOverWhenTheOneThatWritesTheFilesIsKilled) {
  TempDir data;
  data.Write("clip.json", Catalogue(12, 0));
  std::unique_ptr<CrashServer> writer = std::make_unique<CrashServer>(data.path(), "");
  ASSERT_TRUE(writer->WaitUntilServing()) << writer->log();
  for (uint64_t value = 1; value <= 3; ++value) {
    auto follower = std::make_unique<CrashServer>(data.path(), "");
    ASSERT_TRUE(follower->WaitUntilServing()) << follower->log();
    writer->Kill();
    data.Write("clip.json", Catalogue(12, value));
    EXPECT_EQ(WaitForValue(*follower->client(), data.path(), value), "") << follower->log();
    writer = std::move(follower);
  }
  EXPECT_EQ(writer->Stop(), 0);
  EXPECT_EQ(CheckHistory(data.path(), Sightings()) + CheckByCommands(data.path()), "");
}

TEST(CrashCasesTest, AFullDiskStopsWritesAndNothingElseUntilItHeals) {
  SmallDisk disk(8 << 20);
  if (!disk.is_mounted()) GTEST_SKIP() << disk.why_not();
  disk.folder().Write("clip.json", Catalogue(12, 0));
  Sightings sightings;
  CommittingUser user(disk.path() + "/.modelref", {kClip}, sightings);
  CrashServer server(disk.path(), "");
  ASSERT_TRUE(server.WaitUntilServing()) << server.log();
  ASSERT_EQ(WaitForValue(*server.client(), disk.path(), 0), "");
  ASSERT_TRUE(user.Open()) << user.failure();
  for (uint64_t value = 1; value <= 3; ++value) {
    disk.Fill();
    uint64_t refused = 0;
    for (int i = 0; i < 2000 && refused < 20; ++i) refused += user.Commit() ? 0 : 1;
    EXPECT_EQ(refused, 20u) << "the disk was never full";
    EXPECT_EQ(user.failure().code(), absl::StatusCode::kResourceExhausted) << user.failure();
    EXPECT_EQ(FirstRecord(*server.client()), CrashRecord("name-0", value - 1));
    EXPECT_TRUE(server.IsRunning());
    disk.Heal();
    EXPECT_TRUE(user.Commit()) << user.failure();
    disk.folder().Write("clip.json", Catalogue(12, value));
    EXPECT_EQ(WaitForValue(*server.client(), disk.path(), value), "") << server.log();
  }
  user.Close();
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_EQ(CheckHistory(disk.path(), sightings) + CheckByCommands(disk.path()), "");
}

TEST(CrashCasesTest, AnOlderBackupOfTheStoreUnderNewerFilesBecomesWhatTheFilesSay) {
  TempDir data, backup;
  data.Write("clip.json", Catalogue(12, 0));
  std::string old_epoch;
  uint64_t newest = 0;
  for (uint64_t value = 1; value <= 2; ++value) {
    CrashServer server(data.path(), "");
    ASSERT_TRUE(server.WaitUntilServing()) << server.log();
    data.Write("clip.json", Catalogue(12, value));
    ASSERT_EQ(WaitForValue(*server.client(), data.path(), value), "");
    const auto head = server.client()->GetHead(v1::GetHeadRequest());
    ASSERT_TRUE(head.ok()) << head.status();
    old_epoch = head->position().epoch();
    newest = head->position().revision();
    ASSERT_EQ(server.Stop(), 0);
    if (value == 1)
      fs::copy(data.PathOf(".modelref"), backup.PathOf("store"), fs::copy_options::recursive);
  }
  fs::remove_all(data.PathOf(".modelref"));
  fs::copy(backup.PathOf("store"), data.PathOf(".modelref"), fs::copy_options::recursive);
  CrashServer server(data.path(), "");
  ASSERT_TRUE(server.WaitUntilServing()) << server.log();
  EXPECT_EQ(AfterAWhile([&] {
              return FirstRecord(*server.client()) == CrashRecord("name-0", 2) ? "" : "old";
            }),
            "");
  const auto head = server.client()->GetHead(v1::GetHeadRequest());
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_NE(head->position().epoch(), old_epoch) << "watchers could not tell";
  EXPECT_GT(head->position().revision(), 0u);
  EXPECT_EQ(AfterAWhile([&] { return CheckAudit(data.path()); }), "") << "newest id was " << newest;
  EXPECT_EQ(server.Stop(), 0);
}

TEST(CrashCasesTest, AnEditThatWasAcceptedIsNotForgottenByAKill) {
  TempDir data;
  data.Write("clip.json", Catalogue(12, 0));
  {
    CrashServer server(data.path(), "");
    ASSERT_TRUE(server.WaitUntilServing()) << server.log();
    ASSERT_EQ(WaitForValue(*server.client(), data.path(), 0), "");
    data.Write("clip.json", Catalogue(4, 0));
    v1::AcceptEditRequest accept;
    ASSERT_EQ(AfterAWhile([&]() -> std::string {
                const auto held = server.client()->ListHeldEdits(v1::ListHeldEditsRequest());
                if (!held.ok()) return held.status().ToString();
                if (held->edits().empty()) return "nothing waits";
                accept.set_edit_id(held->edits(0).edit_id());
                return "";
              }),
              "");
    const auto accepted = server.client()->AcceptEdit(accept);
    ASSERT_TRUE(accepted.ok()) << accepted.status();
    server.Kill();
  }
  CrashServer server(data.path(), "");
  ASSERT_TRUE(server.WaitUntilServing()) << server.log();
  EXPECT_EQ(WaitForValue(*server.client(), data.path(), 0), "") << server.log();
  const auto records = ServedRecords(*server.client(), kClip);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(records->size(), 4u);
  EXPECT_EQ(server.Stop(), 0);
}

// A directory as the original leaves it.
void WriteForeignDirectory(const TempDir& data) {
  data.Write("clip.json", Catalogue(12, 1));
  data.Write("lora.json", Catalogue(3, 1));
  data.Write("legacy/clip.json", Catalogue(12, 1));
  data.Write(
      "audit/v2/clip/audit-000001.jsonl",
      "{\"event_id\": 7, \"timestamp\": 1700000000, \"domain\": \"v2\", \"category\": \"clip\", "
      "\"model_name\": \"name-0\", \"operation\": \"create\", \"logical_user_id\": \"1\", "
      "\"payload\": {\"after\": " +
          CrashRecord("name-0", 0) + "}}\n");
  data.Write("audit/index.json", "{\"last_event_id\": 7}\n");
  data.Write("meta/v2/clip_metadata.json", "{\"category\": \"clip\", \"total_creates\": 1}");
}

TEST(CrashCasesTest, AdoptionMayBeKilledAtEveryStep) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  const int step = static_cast<int>(NumberFromEnvironment("MODELREF_ADOPTION_STRIDE", 7));
  int deaths = 0;
  for (int hit = 1;; hit += step) {
    SCOPED_TRACE(absl::StrCat("*=kill@", hit));
    TempDir data;
    WriteForeignDirectory(data);
    {
      CrashServer dying(data.path(), absl::StrCat("*=kill@", hit));
      if (dying.WaitUntilServing()) dying.WaitUntilDead(absl::Seconds(2));
      if (dying.KilledAt().empty()) break;
      ++deaths;
    }
    CrashServer server(data.path(), "");
    ASSERT_TRUE(server.WaitUntilServing()) << server.log();
    EXPECT_EQ(WaitForValue(*server.client(), data.path(), 1), "") << server.log();
    v1::GetCategoryMetadataRequest request;
    request.set_category("clip");
    const auto metadata = server.client()->GetCategoryMetadata(request);
    ASSERT_TRUE(metadata.ok()) << metadata.status();
    EXPECT_EQ(metadata->metadata().total_creates(), 1u) << "taken over once";
    server.Kill();
    EXPECT_EQ(CheckByCommands(data.path()), "");
    if (HasFailure()) break;
  }
  EXPECT_GT(deaths, 3);
}

TEST(CrashCasesTest, ServersDieAtThePointsThatTheRoundsDoNotMeet) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  int count = 0;
  for (const std::string& name : FailpointNames()) {
    if (WhyNotKilled(name).empty() || absl::StartsWith(name, "repair.")) continue;
    ++count;
    TempDir data;
    WriteForeignDirectory(data);
    {
      CrashServer dying(data.path(), name + "=kill@1");
      if (dying.WaitUntilServing()) dying.WaitUntilDead(absl::Seconds(5));
      EXPECT_EQ(dying.KilledAt(), name);
    }
    CrashServer server(data.path(), "");
    ASSERT_TRUE(server.WaitUntilServing()) << server.log();
    EXPECT_EQ(WaitForValue(*server.client(), data.path(), 1), "") << server.log();
  }
  EXPECT_GT(count, 0);
}

// Whatever stands there then, nobody opens it before another repair has run, and that one finds the
// damaged files again.
TEST(CrashCasesTest, ARepairMayBeKilledAtEveryStep) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  int count = 0;
  for (const std::string& name : FailpointNames()) {
    if (!absl::StartsWith(name, "repair.")) continue;
    ++count;
    SCOPED_TRACE(name);
    TempDir data;
    data.Write("clip.json", Catalogue(12, 1));
    {
      CrashServer server(data.path(), "");
      ASSERT_TRUE(server.WaitUntilServing()) << server.log();
      EXPECT_EQ(WaitForValue(*server.client(), data.path(), 1), "") << server.log();
      EXPECT_EQ(server.Stop(), 0);
    }
    fs::resize_file(data.PathOf(".modelref/store.db"), 30'000);
    const std::vector<std::string> repair = {"store", "repair", "--data-dir", data.path()};
    {
      Child dying("modelrefctl", repair, {{"MODELREF_FAILPOINTS", name + "=kill@1"}});
      EXPECT_EQ(dying.Wait(), 128 + SIGKILL) << dying.err();
    }
    EXPECT_NE(Child("modelrefd", {"--data-dir", data.path(), "--listen", "127.0.0.1:0"}).Wait(), 0);
    Child repaired("modelrefctl", repair);
    EXPECT_EQ(repaired.Wait(), 0) << repaired.err();
    int kept = 0;
    for (const auto& entry : fs::directory_iterator(data.PathOf(".modelref"))) {
      if (!absl::StrContains(entry.path().string(), "store.db.damaged-")) continue;
      EXPECT_EQ(fs::file_size(entry.path()), 30'000u);
      ++kept;
    }
    EXPECT_EQ(kept, 1);
    CrashServer server(data.path(), "");
    ASSERT_TRUE(server.WaitUntilServing()) << server.log();
    EXPECT_EQ(FirstRecord(*server.client()), CrashRecord("name-0", 1));
    // The trail has the events of the history that is gone as well.
    EXPECT_EQ(AfterAWhile([&] {
                return CheckFiles(data.path(), *server.client()) +
                       CheckReplay(data.path(), *server.client());
              }),
              "");
    EXPECT_EQ(server.Stop(), 0);
    EXPECT_EQ(CheckByCommands(data.path()), "");
  }
  EXPECT_EQ(count, 3);
}

// What the metadata of clip says; empty when there is none.
std::string MetadataOf(Client& client) {
  v1::GetCategoryMetadataRequest request;
  request.set_category("clip");
  const auto response = client.GetCategoryMetadata(request);
  if (!response.ok()) return response.status().ToString();
  return response->metadata().exists() ? response->metadata().DebugString() : "";
}

TEST(CrashCasesTest, AMigrationThatIsKilledIsDoneAnew) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  ASSERT_EQ(kSchemaVersion, 2) << "a new migration needs its case here";
  TempDir data;
  data.Write("clip.json", Catalogue(12, 0));
  std::string metadata;
  {
    CrashServer server(data.path(), "");
    ASSERT_TRUE(server.WaitUntilServing()) << server.log();
    data.Write("clip.json", Catalogue(14, 1));
    ASSERT_EQ(WaitForValue(*server.client(), data.path(), 1), "") << server.log();
    metadata = MetadataOf(*server.client());
    ASSERT_NE(metadata, "");
    ASSERT_EQ(server.Stop(), 0);
  }
  const std::string path = data.PathOf(".modelref/store.db");
  const auto sql = [&path](const char* text) -> absl::StatusOr<int64_t> {
    const auto database = Database::Open(path, {});
    if (!database.ok()) return database.status();
    const absl::Status done = (*database)->Execute(text);
    if (!done.ok()) return done;
    return (*database)->QueryInt("PRAGMA user_version");
  };
  // As version 1 left it; the files in meta/ are those of another program then.
  ASSERT_TRUE(sql("DROP TABLE category_metadata; PRAGMA user_version = 1").ok());
  data.Remove("meta/v2/clip_metadata.json");
  {
    CrashServer dying(data.path(), "schema.before_commit=kill@1");
    if (dying.WaitUntilServing()) dying.WaitUntilDead(absl::Seconds(5));
    EXPECT_EQ(dying.KilledAt(), "schema.before_commit");
  }
  const absl::StatusOr<int64_t> version = sql("SELECT 1 WHERE 0");
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(*version, 1) << "all of it or nothing";
  CrashServer server(data.path(), "");
  ASSERT_TRUE(server.WaitUntilServing()) << server.log();
  EXPECT_EQ(MetadataOf(*server.client()), metadata);
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_EQ(CheckByCommands(data.path()), "");
}

}  // namespace
}  // namespace modelref
