// Watcher, Mirror and the commands on them against a real modelrefd: over edits, restarts and
// kills.

#include <signal.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/digest.h"
#include "backends/base/failpoint.h"
#include "backends/base/json.h"
#include "clients/cpp/mirror.h"
#include "clients/cpp/mirror_directory.h"
#include "clients/cpp/watcher.h"
#include "gmock/gmock.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Child;
using ::modelref::testing::Eventually;
using ::modelref::testing::IsOk;
using ::modelref::testing::Models;
using ::modelref::testing::RunShell;
using ::modelref::testing::ShellResult;
using ::modelref::testing::TempDir;

constexpr absl::Duration kPatience = absl::Seconds(60);
const DocumentKey kClip{"clip", Format::kV2};

class MirrorServerTest : public ::testing::Test {
 protected:
  MirrorServerTest() {
    data_.Write("clip.json", Models(1, 12, "first"));
    Start();
  }

  // On a socket, so that the address survives restarts.
  void Start() {
    server_ = std::make_unique<Child>(
        "modelrefd", std::vector<std::string>{"--data-dir", data_.path(), "--listen", address(),
                                              "--admin-listen", "127.0.0.1:0"});
    EXPECT_TRUE(server_->WaitForText("err", "server.started")) << server_->err();
  }
  void Stop() {
    server_->Signal(SIGTERM);
    EXPECT_EQ(server_->Wait(), 0);
  }
  std::string address() const { return absl::StrCat("unix:", sockets_.PathOf("s")); }
  std::unique_ptr<Client> MakeClient() const {
    ClientOptions options;
    options.address = address();
    return *Client::Create(options);
  }
  ShellResult Ctl(const std::string& line) const {
    return RunShell(absl::StrCat("modelrefctl --server ", address(), " ", line));
  }
  // The document as the server has it now.
  std::string Served() {
    v1::GetCategoryRequest request;
    request.set_category("clip");
    const auto document = MakeClient()->FetchCategory(request);
    EXPECT_THAT(document, IsOk());
    return document.ok() ? document->content : "";
  }
  static std::string Shown(const Mirror& mirror) {
    const MirrorCopyPtr copy = mirror.Find(kClip);
    return copy == nullptr ? "" : copy->document->ToJson();
  }
  static bool Follows(const Mirror& mirror, const std::string& text) {
    return Eventually([&] { return absl::StrContains(Shown(mirror), text); }, kPatience);
  }

  TempDir data_;
  TempDir sockets_;
  TempDir copy_;
  std::unique_ptr<Child> server_;
};

TEST_F(MirrorServerTest, MirrorFollowsEditsByTheWatchAlone) {
  const auto client = MakeClient();
  ASSERT_OK_AND_ASSIGN(const auto mirror, Mirror::Open(client.get(), {}));
  ASSERT_TRUE(mirror->WaitUntilSynced(kPatience));
  EXPECT_EQ(Shown(*mirror), Served());
  EXPECT_GE(mirror->view()->size(), 15u);
  data_.Write("clip.json", Models(1, 11, "first"));
  EXPECT_TRUE(
      Eventually([&] { return mirror->Find(kClip)->document->record_count() == 11; }, kPatience));
  data_.Write("clip.json", Models(1, 13, "second"));
  EXPECT_TRUE(Follows(*mirror, "model-13"));
  EXPECT_TRUE(Follows(*mirror, "second"));
  EXPECT_EQ(Shown(*mirror), Served());
  EXPECT_EQ(mirror->status().mismatches, 0u);
  EXPECT_EQ(mirror->status().watch.resyncs, 0u);
}

TEST_F(MirrorServerTest, MirrorOutlivesRestartsOfTheServerWithoutASecondSnapshot) {
  const auto client = MakeClient();
  MirrorOptions options;
  options.directory = copy_.path();
  ASSERT_OK_AND_ASSIGN(auto mirror, Mirror::Open(client.get(), options));
  ASSERT_TRUE(mirror->WaitUntilSynced(kPatience));
  const std::string epoch = mirror->status().watch.epoch;
  for (int restart = 1; restart <= 2; ++restart) {
    Stop();
    ASSERT_TRUE(
        Eventually([&] { return mirror->status().state != SyncState::kSynced; }, kPatience));
    EXPECT_FALSE(Shown(*mirror).empty());
    data_.Write("clip.json", Models(1, 12, absl::StrCat("restart-", restart)));
    Start();
    EXPECT_TRUE(Follows(*mirror, absl::StrCat("restart-", restart)));
    ASSERT_TRUE(mirror->WaitUntilSynced(kPatience));
  }
  EXPECT_EQ(Shown(*mirror), Served());
  EXPECT_EQ(mirror->status().watch.epoch, epoch);
  EXPECT_EQ(mirror->status().watch.snapshots, 1u);
  // And once more from the disk, with nobody to ask.
  mirror.reset();
  const std::string last = Served();
  Stop();
  ASSERT_OK_AND_ASSIGN(mirror, Mirror::Open(client.get(), options));
  EXPECT_EQ(Shown(*mirror), last);
  EXPECT_EQ(mirror->status().state, SyncState::kStale);
  EXPECT_LT(mirror->status().age, absl::Minutes(5));
}

TEST_F(MirrorServerTest, KilledServerIsFollowedAgain) {
  const auto client = MakeClient();
  ASSERT_OK_AND_ASSIGN(const auto mirror, Mirror::Open(client.get(), {}));
  ASSERT_TRUE(mirror->WaitUntilSynced(kPatience));
  server_->Signal(SIGKILL);
  server_->Wait();
  data_.Write("clip.json", Models(1, 12, "after the kill"));
  Start();
  EXPECT_TRUE(Follows(*mirror, "after the kill"));
  ASSERT_TRUE(mirror->WaitUntilSynced(kPatience));
  EXPECT_EQ(Shown(*mirror), Served());
}

TEST_F(MirrorServerTest, LargeChangeThatIsNotInlineEqualsTheServers) {
  const auto client = MakeClient();
  data_.Write("clip.json", Models(1, 400, std::string(500, 'a')));
  ASSERT_OK_AND_ASSIGN(const auto mirror, Mirror::Open(client.get(), {}));
  EXPECT_TRUE(Follows(*mirror, "model-400"));
  // 200 kB of records do not fit into an event.
  data_.Write("clip.json", Models(1, 401, std::string(500, 'b')));
  EXPECT_TRUE(Follows(*mirror, "model-401"));
  ASSERT_TRUE(mirror->WaitUntilSynced(kPatience));
  EXPECT_EQ(Shown(*mirror), Served());
}

// The last position of a watch, as it is said on stderr.
std::string LastPosition(const ShellResult& result) {
  const std::vector<std::string> words = absl::StrSplit(result.err, ' ');
  return std::string(absl::StripAsciiWhitespace(words.back()));
}

std::string Member(const std::string& line, absl::string_view name) {
  const absl::StatusOr<Json> json = ParseJson(line);
  const Json* value = json.ok() ? json->AsObject()->Find(name) : nullptr;
  return value != nullptr && value->AsString() != nullptr ? *value->AsString() : "";
}

TEST_F(MirrorServerTest, WatchGoesOnAfterATokenOrAPositionAlsoOverARestart) {
  const std::string position = LastPosition(Ctl("watch --timeout 1s"));
  data_.Write("clip.json", Models(1, 12, "second"));
  const ShellResult second =
      Ctl(absl::StrCat("watch --since ", position, " --count 1 --timeout 60s -o jsonl"));
  EXPECT_EQ(Member(second.out, "category"), "clip") << second.err;
  const std::string token = Member(second.out, "resume_token");
  ASSERT_FALSE(token.empty()) << second.out;
  Stop();
  data_.Write("clip.json", Models(1, 12, "third"));
  Start();
  for (const std::string& since : {token, LastPosition(second)}) {
    const ShellResult third =
        Ctl(absl::StrCat("watch --since ", since, " --count 1 --timeout 60s -o jsonl"));
    EXPECT_EQ(Member(third.out, "category"), "clip") << third.err;
    EXPECT_EQ(third.err.find("cannot continue"), std::string::npos) << third.err;
  }
  const ShellResult damaged = Ctl(absl::StrCat("watch --since ", std::string(108, '0')));
  EXPECT_EQ(damaged.code, 7) << damaged.err;
}

TEST_F(MirrorServerTest, SyncCopiesChecksAndFetchesOnlyWhatChanged) {
  EXPECT_EQ(Ctl(absl::StrCat("sync --check ", copy_.path())).code, 3);
  const ShellResult first = Ctl(absl::StrCat("sync --once ", copy_.path(), " -o plain"));
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(Ctl(absl::StrCat("sync --check ", copy_.path())).code, 0);
  EXPECT_TRUE(Eventually([&] {
    data_.Write("clip.json", Models(1, 12, "second"));
    return absl::StrContains(Served(), "second");
  }));
  const ShellResult second = Ctl(absl::StrCat("sync --once ", copy_.path(), " -o plain"));
  int written = 0;
  for (absl::string_view line : absl::StrSplit(second.out, '\n')) {
    written += absl::StrContains(line, "\twritten\t") ? 1 : 0;
  }
  EXPECT_EQ(written, 1) << second.out;
  const MirrorContent content = ReadMirrorDirectory(copy_.path());
  for (const MirrorCopy& copy : content.copies) {
    if (copy.key == kClip) {
      EXPECT_EQ(copy.document->ToJson(), Served());
    }
  }
  Stop();
  EXPECT_EQ(Ctl(absl::StrCat("sync --once ", copy_.path(), " --timeout 2s")).code, 8);
  EXPECT_EQ(Ctl(absl::StrCat("sync --check ", copy_.path())).code, 0);
}

// A sync dies at every step of every write: whatever lies on the disk then is accepted only where
// it is a document that the server had, and the next sync repairs the rest.
TEST_F(MirrorServerTest, SyncThatIsKilledWhileItWritesLeavesNoWrongCopy) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "not run: failpoints are compiled out";
  std::set<std::string> states;
  int kills = 0;
  for (int round = 0; round < 24; ++round) {
    const std::string text = absl::StrCat("round-", round);
    data_.Write("clip.json", Models(1, 12, text));
    ASSERT_TRUE(Eventually([&] { return absl::StrContains(Served(), text); }, kPatience));
    states.insert(Served());
    const char* const points[] = {"file.after_temp", "file.after_fsync", "file.after_rename"};
    Child sync(
        "modelrefctl", {"--server", address(), "sync", "--once", copy_.path(), "clip"},
        {{kFailpointsVariable, absl::StrCat(points[round % 3], "=kill@", 1 + round / 3 % 3)}});
    kills += sync.Wait() == 128 + SIGKILL ? 1 : 0;
    const MirrorContent content = ReadMirrorDirectory(copy_.path());
    ASSERT_TRUE(content.refused.empty());
    for (const MirrorCopy& copy : content.copies) {
      ASSERT_EQ(states.count(copy.document->ToJson()), 1u);
    }
    const int check = Ctl(absl::StrCat("sync --check ", copy_.path())).code;
    ASSERT_TRUE(check == 0 || check == 10 || check == 3) << check;
  }
  EXPECT_GE(kills, 12);
  EXPECT_EQ(Ctl(absl::StrCat("sync --once ", copy_.path(), " clip")).code, 0);
  EXPECT_EQ(Ctl(absl::StrCat("sync --check ", copy_.path())).code, 0);
  EXPECT_EQ(ReadMirrorDirectory(copy_.path()).copies[0].document->ToJson(), Served());
}

// The same at any moment: what a process holds half written is under another name.
TEST_F(MirrorServerTest, SyncThatIsKilledAtAnyMomentLeavesNoWrongCopy) {
  data_.Write("clip.json", Models(1, 2'000, std::string(500, 'x')));
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(Served(), "model-2000"); }, kPatience));
  for (int round = 0; round < 10; ++round) {
    if (copy_.Exists("clip.v2.json")) copy_.Remove("clip.v2.json");
    Child sync("modelrefctl", {"--server", address(), "sync", "--once", copy_.path(), "clip"});
    // Ever later, from before the first byte to about the end.
    for (int i = 0; i < round; ++i) testing::PauseBetweenLooks();
    sync.Signal(SIGKILL);
    sync.Wait();
    const MirrorContent content = ReadMirrorDirectory(copy_.path());
    ASSERT_TRUE(content.refused.empty());
    if (!content.copies.empty()) {
      ASSERT_EQ(content.copies[0].document->ToJson(), Served());
    }
  }
}

}  // namespace
}  // namespace modelref
