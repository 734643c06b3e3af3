// A real server that must not write its category files for a while.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/crash/committing_user.h"
#include "tests/crash/crash_server.h"
#include "tests/crash/hand_editor.h"
#include "tests/crash/history_check.h"
#include "tests/crash/pause.h"
#include "tests/testing/event.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CheckFiles;
using ::modelref::testing::CheckReplay;
using ::modelref::testing::CommittingUser;
using ::modelref::testing::CrashRecord;
using ::modelref::testing::CrashServer;
using ::modelref::testing::kDeadline;
using ::modelref::testing::Pause;
using ::modelref::testing::ServedRecords;
using ::modelref::testing::Sightings;
using ::modelref::testing::TempDir;

const DocumentKey kLegacyClip{"clip", Format::kLegacy};

// Makes names of a folder unchangeable, for root too; files that exist may be written. False where
// the file system or the user cannot.
bool SetImmutable(const std::string& folder, bool immutable) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  int flags = 0;
  bool done = ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
  flags = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
  done = done && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
  close(fd);
  return done;
}

// The folder can be changed again when the test ends, however it does.
class Immutable {
 public:
  explicit Immutable(std::string folder) : folder_(std::move(folder)) {
    is_set_ = SetImmutable(folder_, true);
  }
  ~Immutable() { End(); }
  void End() {
    if (is_set_) SetImmutable(folder_, false);
    is_set_ = false;
  }
  bool is_set() const { return is_set_; }

 private:
  const std::string folder_;
  bool is_set_ = false;
};

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

v1::Dependency CategoryFiles(Client& client) {
  const auto checked = client.CheckDependencies();
  EXPECT_TRUE(checked.ok()) << checked.status();
  if (!checked.ok()) return v1::Dependency();
  for (const v1::Dependency& dependency : checked->dependencies()) {
    if (dependency.name() == "category_files") return dependency;
  }
  ADD_FAILURE() << "nothing is told of the category files";
  return v1::Dependency();
}

std::string TextOf(const std::string& name) {
  return absl::StrCat("{\n  \"", name, "\": ", CrashRecord(name, 1), "\n}\n");
}

TEST(FileFaultTest, FilesThatMustNotBeWrittenDegradeHealthUntilTheyMayAndNothingIsLost) {
  TempDir data;
  data.Write("legacy/clip.json", TextOf("edited"));
  Sightings sightings;
  CommittingUser user(data.PathOf(".modelref"), {kLegacyClip}, sightings);
  user.Reseed(1);
  CrashServer server(data.path(), "");
  ASSERT_TRUE(server.WaitUntilServing()) << server.log();
  Client& client = *server.client();
  ASSERT_EQ(AfterAWhile([&] { return CheckFiles(data.path(), client); }), "");
  EXPECT_EQ(CategoryFiles(client).state(), v1::DEPENDENCY_STATE_OK);
  Immutable folder(data.PathOf("legacy"));
  if (!folder.is_set()) GTEST_SKIP() << "nobody here may make a folder unchangeable";

  ASSERT_TRUE(user.Open()) << user.failure();
  ASSERT_TRUE(user.Commit()) << user.failure();
  EXPECT_EQ(AfterAWhile([&] {
              return CategoryFiles(client).state() == v1::DEPENDENCY_STATE_DEGRADED ? "" : "fine";
            }),
            "");
  EXPECT_TRUE(absl::StrContains(CategoryFiles(client).detail(), "clip/legacy"));
  EXPECT_EQ(data.Read("legacy/clip.json"), TextOf("edited"));
  // Somebody edits it meanwhile.
  std::ofstream(data.PathOf("legacy/clip.json")) << TextOf("added");
  const auto wrong = [&]() -> std::string {
    const auto served = ServedRecords(client, kLegacyClip);
    if (!served.ok()) return served.status().ToString();
    if (served->count("added") == 0 || served->count("edited") > 0) return "the edit is not taken";
    for (const auto& [name, json] : user.expected().at(kLegacyClip)) {
      if (served->count(name) == 0) return name + " is lost";
    }
    return "";
  };
  EXPECT_EQ(AfterAWhile(wrong), "") << server.log();
  EXPECT_EQ(CategoryFiles(client).state(), v1::DEPENDENCY_STATE_DEGRADED);

  folder.End();
  EXPECT_EQ(AfterAWhile([&] { return CheckFiles(data.path(), client) + wrong(); }), "");
  EXPECT_EQ(AfterAWhile([&] {
              return CategoryFiles(client).state() == v1::DEPENDENCY_STATE_OK ? "" : "degraded";
            }),
            "");
  EXPECT_EQ(AfterAWhile([&] { return CheckReplay(data.path(), client); }), "");
  user.Close();
  EXPECT_EQ(server.Stop(), 0) << server.log();
}

}  // namespace
}  // namespace modelref
