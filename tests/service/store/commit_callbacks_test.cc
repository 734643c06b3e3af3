#include "service/store/commit_callbacks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/service/rpc/rpc_test_server.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {
namespace {

using ::testing::ElementsAre;

// What a callback heard.
class Heard {
 public:
  CommitCallbacks::Callback callback() {
    return [this](const CommitNotice& notice) {
      MutexLock lock(&mutex_);
      revisions_.push_back(notice.transaction == nullptr ? 0 : notice.revision);
    };
  }
  std::vector<uint64_t> revisions() const {
    MutexLock lock(&mutex_);
    return revisions_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<uint64_t> revisions_ ABSL_GUARDED_BY(mutex_);
};

class CommitCallbacksTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> Open() {
    Store::Options options;
    options.directory = dir_.path();
    auto store = Store::Open({kClip}, clock_, options);
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }

  TempDir dir_;
  FakeClock clock_;
};

TEST_F(CommitCallbacksTest, EveryCommitOfEveryProcessIsToldOnceAndInOrder) {
  Heard here, there;
  const auto first = Open();
  const auto second = Open();
  first->AddCommitCallback(here.callback());
  second->AddCommitCallback(there.callback());
  std::vector<std::thread> threads;
  for (Store* store : {first.get(), second.get()}) {
    threads.emplace_back([store, is_first = store == first.get()] {
      for (int i = 0; i < 50; ++i) {
        CommitTo(*store, Edit(kClip, {Put(absl::StrCat(is_first ? "a" : "b", i), "x")}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint64_t> all;
  for (uint64_t revision = 1; revision <= 100; ++revision) all.push_back(revision);
  EXPECT_TRUE(Eventually([&] { return here.revisions().size() >= 100; }));
  EXPECT_TRUE(Eventually([&] { return there.revisions().size() >= 100; }));
  EXPECT_EQ(here.revisions(), all);
  EXPECT_EQ(there.revisions(), all);
}

TEST_F(CommitCallbacksTest, ACallbackMayWriteAndDelaysNoCommit) {
  Gate hold;
  Heard heard;
  const auto store = Open();
  store->AddCommitCallback([&](const CommitNotice& notice) {
    hold.Wait();
    if (notice.revision == 1) CommitTo(*store, Edit(kClip, {Put("from the callback", "x")}));
  });
  store->AddCommitCallback(heard.callback());
  EXPECT_EQ(CommitTo(*store, Edit(kClip, {Put("a", "1")})), 1u);
  EXPECT_EQ(CommitTo(*store, Edit(kClip, {Put("a", "2")})), 2u);
  hold.Open();
  EXPECT_TRUE(Eventually([&] { return heard.revisions().size() == 3; }));
  EXPECT_THAT(heard.revisions(), ElementsAre(1, 2, 3));
}

TEST_F(CommitCallbacksTest, WhatChangesNothingIsNotTold) {
  Heard heard;
  const auto store = Open();
  store->AddCommitCallback(heard.callback());
  CommitTo(*store, Edit(kClip, {Put("a", "1")}));
  CommitTo(*store, Edit(kClip, {Put("a", "1")}));
  CommitTo(*store, Edit(kClip, {Put("a", "2")}));
  EXPECT_TRUE(Eventually([&] { return heard.revisions().size() == 2; }));
  EXPECT_THAT(heard.revisions(), ElementsAre(1, 2));
}

TEST_F(CommitCallbacksTest, WhoCannotFollowIsToldOfAGap) {
  Gate hold;
  Heard heard;
  CommitCallbacks callbacks(3);
  callbacks.Add([&](const CommitNotice&) { hold.Wait(); });
  callbacks.Add(heard.callback());
  std::atomic<uint64_t> last{0};
  callbacks.Add([&](const CommitNotice& notice) { last = notice.revision; });
  const auto transaction = [](uint64_t revision) {
    auto made = std::make_shared<CommittedTransaction>();
    made->revision = revision;
    return std::vector<CommittedTransactionPtr>{made};
  };
  for (uint64_t revision = 1; revision <= 10; ++revision) callbacks.Tell(transaction(revision));
  hold.Open();
  EXPECT_TRUE(Eventually([&] { return last == 10; }));
  const std::vector<uint64_t> revisions = heard.revisions();
  EXPECT_LT(revisions.size(), 10u);
  EXPECT_THAT(revisions, ::testing::Contains(0));
}

}  // namespace
}  // namespace modelref::testing
