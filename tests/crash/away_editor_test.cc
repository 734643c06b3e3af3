// Somebody edits a file while no server looks, until nearly everything of theirs is another record:
// such an edit may look like the removal of most of the file, and then waits for an operator.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/crash/crash_server.h"
#include "tests/crash/hand_editor.h"
#include "tests/crash/history_check.h"
#include "tests/crash/pause.h"
#include "tests/testing/event.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CheckFiles;
using ::modelref::testing::CrashRecord;
using ::modelref::testing::CrashServer;
using ::modelref::testing::HandEditor;
using ::modelref::testing::kDeadline;
using ::modelref::testing::kOwnRecords;
using ::modelref::testing::Pause;
using ::modelref::testing::SaveStyle;
using ::modelref::testing::ServedRecords;
using ::modelref::testing::TempDir;

const DocumentKey kClip{"clip", Format::kV2};

std::string OthersText(int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) {
    const std::string name = absl::StrCat("other-", i);
    absl::StrAppend(&text, i == 0 ? "\n" : ",\n", "  \"", name, "\": ", CrashRecord(name, 1));
  }
  return text + "\n}\n";
}

std::set<std::string> Alive(const HandEditor& editor) {
  std::set<std::string> names;
  for (const auto& [name, json] : editor.expected()) {
    if (!json.empty()) names.insert(name);
  }
  return names;
}

class AwayEditorTest : public ::testing::Test {
 protected:
  void SetUp() override { editor_.Reseed(961); }

  // The own records of the file are `kOwnRecords`, served, and then all gone without a server.
  void ReplaceEveryOwnRecordWhileNoServerLooks(int others) {
    data_.Write("clip.json", OthersText(others));
    for (int i = 0; i < 5000 && Alive(editor_).size() < kOwnRecords; ++i) editor_.Edit();
    const std::set<std::string> before = Alive(editor_);
    ASSERT_EQ(before.size(), kOwnRecords);
    {
      CrashServer server(data_.path(), "");
      ASSERT_TRUE(server.WaitUntilServing()) << server.log();
      ASSERT_EQ(WhatIsMissing(server), "") << server.log();
      ASSERT_EQ(server.Stop(), 0);
    }
    const auto is_left = [&] {
      const std::set<std::string> now = Alive(editor_);
      return std::any_of(before.begin(), before.end(),
                         [&](const std::string& name) { return now.count(name) > 0; });
    };
    for (int i = 0; i < 5000 && is_left(); ++i) editor_.Edit();
    ASSERT_FALSE(is_left());
  }

  // What of the editor's work is not served yet.
  std::string MissingNow(CrashServer& server) {
    const auto served = ServedRecords(*server.client(), kClip);
    if (!served.ok()) return served.status().ToString();
    for (const auto& [name, json] : editor_.expected()) {
      const auto found = served->find(name);
      if ((found == served->end() ? "" : found->second) != json) return name;
    }
    return CheckFiles(data_.path(), *server.client());
  }

  // The same after the deadline.
  std::string WhatIsMissing(CrashServer& server) {
    const absl::Time end = RealClock().TimeNow() + kDeadline;
    std::string missing = MissingNow(server);
    while (!missing.empty() && RealClock().TimeNow() < end) {
      Pause(absl::Milliseconds(20));
      missing = MissingNow(server);
    }
    return missing;
  }

  static v1::ListHeldEditsResponse Waiting(CrashServer& server) {
    const auto held = server.client()->ListHeldEdits(v1::ListHeldEditsRequest());
    EXPECT_TRUE(held.ok()) << held.status();
    return held.ok() ? *held : v1::ListHeldEditsResponse();
  }

  TempDir data_;
  HandEditor editor_{data_.PathOf("clip.json"), SaveStyle::kRename, absl::ZeroDuration()};
};

TEST_F(AwayEditorTest, AnEditThatReplacedMostOfAFileWaitsAndIsWholeOnceItIsAccepted) {
  ReplaceEveryOwnRecordWhileNoServerLooks(static_cast<int>(kOwnRecords) - 1);
  ASSERT_FALSE(HasFatalFailure());
  CrashServer server(data_.path(), "");
  ASSERT_TRUE(server.WaitUntilServing()) << server.log();
  const v1::ListHeldEditsResponse held = Waiting(server);
  ASSERT_EQ(held.edits_size(), 1) << server.log();
  EXPECT_EQ(held.edits(0).reason(), v1::HELD_REASON_MASS_REMOVAL);
  EXPECT_EQ(held.edits(0).deletes(), kOwnRecords);
  EXPECT_NE(MissingNow(server), "") << "it was to wait";
  v1::AcceptEditRequest accept;
  accept.set_edit_id(held.edits(0).edit_id());
  const auto accepted = server.client()->AcceptEdit(accept);
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_EQ(WhatIsMissing(server), "") << server.log();
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(AwayEditorTest, AnEditThatReplacedLessThanHalfOfAFileIsTaken) {
  ReplaceEveryOwnRecordWhileNoServerLooks(static_cast<int>(kOwnRecords));
  ASSERT_FALSE(HasFatalFailure());
  CrashServer server(data_.path(), "");
  ASSERT_TRUE(server.WaitUntilServing()) << server.log();
  EXPECT_EQ(WhatIsMissing(server), "") << server.log();
  EXPECT_EQ(Waiting(server).edits_size(), 0);
  EXPECT_EQ(server.Stop(), 0);
}

}  // namespace
}  // namespace modelref
