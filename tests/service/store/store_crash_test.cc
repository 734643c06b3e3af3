// The store over a file layer that loses power, runs full and fails: what was acknowledged or
// published is kept, no id comes twice, and what failed is whole or absent.
//
// MODELREF_CRASH_ROUNDS=N and MODELREF_SEED=N choose how long and which.

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "backends/base/failpoint.h"
#include "tests/service/store/edits.h"
#include "tests/testing/environment.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/faulty_vfs.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::FaultyVfs;
using ::modelref::testing::FileCall;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::NumberFromEnvironment;
using ::modelref::testing::Put;
using ::modelref::testing::PutMany;
using ::modelref::testing::Remove;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

std::string ContentOf(const Root& root) {
  return root.Find(kClip)->document->ToJson() + root.Find(kImages)->document->ToJson();
}

class StoreCrashTest : public ::testing::Test {
 protected:
  StoreCrashTest() : vfs_("store_crash_test") {}

  absl::StatusOr<std::unique_ptr<Store>> Open() {
    Store::Options options;
    options.directory = dir_.path() + "/.modelref";
    options.file_layer = vfs_.name();
    return Store::Open({kClip, kImages}, clock_, options);
  }
  // Notes what the present root shows; a revision that was seen with other content fails.
  void Note(const Root& root) {
    const auto [seen, is_new] = seen_.try_emplace(root.revision, Seen{root.chain, ContentOf(root)});
    EXPECT_EQ(seen->second.chain, root.chain) << "revision " << root.revision << " came twice";
    EXPECT_EQ(seen->second.content, ContentOf(root)) << "revision " << root.revision;
  }
  // Everything that was ever seen is part of what the store holds now.
  void ExpectNothingLost(Store& store) {
    const RootPtr root = store.root();
    EXPECT_GE(root->revision, seen_.rbegin()->first);
    for (const auto& [revision, seen] : seen_) {
      const absl::StatusOr<Sha256Digest> chain = store.ChainAt(revision);
      EXPECT_THAT(chain, IsOk());
      EXPECT_EQ(*chain, seen.chain) << "revision " << revision;
    }
    Note(*root);
  }
  absl::StatusOr<CommitResult> CommitSome(Store& store) {
    std::vector<RecordChange> changes;
    const size_t count = 1 + random_() % 4;
    for (size_t i = 0; i < count; ++i) {
      const std::string name = absl::StrCat("m", random_() % 20);
      const std::string value = absl::StrCat(random_()) + std::string(random_() % 3000, 'x');
      changes.push_back(random_() % 4 == 0 ? Remove(name) : Put(name, value));
    }
    return store.Commit("test", {Edit(random_() % 2 == 0 ? kClip : kImages, changes)});
  }
  void RunRound();

  struct Seen {
    Sha256Digest chain;
    std::string content;
  };
  const uint64_t seed_ = NumberFromEnvironment("MODELREF_SEED", 20261121);
  std::mt19937_64 random_{seed_};
  FakeClock clock_;
  TempDir dir_;
  FaultyVfs vfs_;
  std::map<uint64_t, Seen> seen_;
};

void StoreCrashTest::RunRound() {
  absl::StatusOr<std::unique_ptr<Store>> store = Open();
  // The power may fail while it opens; then nothing was seen.
  if (!store.ok()) return;
  if (!seen_.empty()) ExpectNothingLost(**store);
  Note(*(*store)->root());
  (*store)->AddListener([this, &store] { Note(*(*store)->root()); });
  vfs_.PowerFailAt(static_cast<int>(1 + random_() % 150), random_() % 3 == 0 ? 0 : random_());
  for (int i = 0; i < 60; ++i) {
    if (!CommitSome(**store).ok()) break;
  }
}

TEST_F(StoreCrashTest, NothingThatWasSeenIsLostWhenThePowerFails) {
  const uint64_t rounds = NumberFromEnvironment("MODELREF_CRASH_ROUNDS", 100);
  for (uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round, ", MODELREF_SEED=", seed_));
    if (random_() % 4 == 0) {
      vfs_.PowerFailAt(static_cast<int>(1 + random_() % 30), random_());
    }
    RunRound();
  }
  EXPECT_GT(vfs_.crashes(), static_cast<int>(rounds / 3)) << "the power hardly ever failed";
  vfs_.Heal();
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  ExpectNothingLost(**store);
  EXPECT_THAT(CommitSome(**store), IsOk());
}

TEST_F(StoreCrashTest, AFullDiskFailsTheWriteAndHeals) {
  const auto store = *Open();
  EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("a", "1")})}), IsOk());
  const RootPtr before = store->root();
  vfs_.SetFreeBytes(0);
  EXPECT_THAT(store->Commit("test", {Edit(kClip, PutMany(500, std::string(500, 'x')))}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(store->root()->revision, before->revision);
  EXPECT_EQ(store->root()->chain, before->chain);
  EXPECT_THAT(store->fenced(), IsOk());
  vfs_.Heal();
  EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("b", "1")})}), IsOk());
  EXPECT_EQ(store->root()->revision, before->revision + 1);
}

TEST_F(StoreCrashTest, AFailedSyncFencesWritesUntilARestartAndReadsGoOn) {
  {
    const auto store = *Open();
    EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("a", "1")})}), IsOk());
    vfs_.FailAt(FileCall::kSync, 1);
    const auto failed = store->Commit("test", {Edit(kClip, {Put("b", "1")})});
    EXPECT_EQ(ReasonOf(failed.status()), "STORE_FENCED");
    EXPECT_EQ(store->root()->revision, 1u) << "what is not known to be durable is not shown";
    const auto refused = store->Commit("test", {Edit(kClip, {Put("c", "1")})});
    EXPECT_EQ(ReasonOf(refused.status()), "STORE_FENCED");
    EXPECT_EQ(ReasonOf(store->fenced()), "STORE_FENCED");
    EXPECT_NE(store->root()->Find(kClip)->document->Find("a"), nullptr);
  }
  vfs_.Heal();
  const auto store = *Open();
  EXPECT_NE(store->root()->Find(kClip)->document->Find("a"), nullptr);
  EXPECT_EQ(store->root()->Find(kClip)->document->Find("c"), nullptr);
  EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("d", "1")})}), IsOk());
}

TEST_F(StoreCrashTest, AnErrorBeforeTheCommitUndoesTheGroupAndFencesNothing) {
  const auto store = *Open();
  {
    const ScopedFailpoint point("store.before_commit", absl::StatusCode::kUnavailable);
    EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("a", "1")})}),
                StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_EQ(store->root()->revision, 0u);
  EXPECT_THAT(store->fenced(), IsOk());
  EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("a", "1")})}), IsOk());
  EXPECT_EQ(store->root()->revision, 1u);
}

}  // namespace
}  // namespace modelref
