#include "service/write/file_waiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "backends/base/clock.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/store/file_base.h"
#include "service/store/store_reader.h"
#include "tests/service/store/edits.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::Event;
using ::modelref::testing::FakeClock;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::Put;
using ::testing::HasSubstr;

class FileWaiterTest : public ::testing::Test {
 protected:
  // What an Await led to.
  struct Outcome {
    Event done;
    absl::Status status;
  };
  std::shared_ptr<Outcome> Await(FileWaiter& waiter, std::vector<FileWaiter::Target> targets) {
    auto outcome = std::make_shared<Outcome>();
    waiter.Await(
        std::move(targets), [] { return false; },
        [outcome](const absl::Status& status) {
          outcome->status = status;
          outcome->done.Set();
        });
    return outcome;
  }
  // As the projector notes it.
  void Show(const DocumentKey& key, uint64_t revision) {
    TransactionRequest request;
    request.caller = "test";
    request.body = [key, revision](TransactionContext& context) -> absl::Status {
      ASSIGN_OR_RETURN(const int64_t id, DocumentId(context.database(), key));
      return WriteFileState(context.database(), id, {revision, "v", {}, 1});
    };
    ASSERT_THAT(store_.Commit(std::move(request)).status(), IsOk());
  }

  FakeClock clock_;
  Store store_{{kClip, kLegacyClip}, clock_, Store::Options()};
};

TEST_F(FileWaiterTest, AFileThatShowsTheStateIsNotWaitedFor) {
  FileWaiter waiter(store_, nullptr, absl::Seconds(60));
  const uint64_t revision = CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  const auto outcome = Await(waiter, {{kClip, revision}});
  Pause(absl::Milliseconds(60));
  EXPECT_FALSE(outcome->done.IsSet());
  Show(kClip, revision);
  ASSERT_TRUE(outcome->done.Wait());
  EXPECT_THAT(outcome->status, IsOk());
}

TEST_F(FileWaiterTest, AFileThatNobodyWritesIsToldWithThePosition) {
  FileWaiter waiter(store_, nullptr, absl::Milliseconds(50));
  const uint64_t revision = CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  Show(kClip, revision);
  const auto outcome = Await(waiter, {{kClip, revision}, {kLegacyClip, 7}});
  ASSERT_TRUE(outcome->done.Wait());
  EXPECT_THAT(outcome->status, HasReason("FILE_NOT_WRITTEN"));
  EXPECT_EQ(outcome->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(outcome->status.message(),
            "committed at revision 7; the file of clip/legacy does not show it after 50ms");
  EXPECT_EQ(ExtrasOf(outcome->status).metadata.at("mod_revision"), "7");
}

TEST_F(FileWaiterTest, AFileThatCannotBeWrittenIsToldAtOnce) {
  FileWaiter waiter(
      store_,
      [](const DocumentKey& key) {
        return key == kClip ? absl::ResourceExhaustedError("no space") : absl::OkStatus();
      },
      absl::Seconds(60));
  const auto bad = Await(waiter, {{kClip, 3}});
  const auto good = Await(waiter, {{kLegacyClip, 3}});
  ASSERT_TRUE(bad->done.Wait());
  EXPECT_THAT(bad->status, HasReason("FILE_NOT_WRITTEN"));
  EXPECT_THAT(bad->status.message(), HasSubstr("cannot be written: no space"));
  waiter.Stop();
  ASSERT_TRUE(good->done.Wait());
  EXPECT_THAT(good->status, HasReason("SHUTTING_DOWN"));
  EXPECT_THAT(Await(waiter, {{kLegacyClip, 3}})->status, HasReason("SHUTTING_DOWN"));
}

// An older failure does not matter where the file shows the state all the same.
TEST_F(FileWaiterTest, WhatIsShownIsShownWhateverFailsSince) {
  FileWaiter waiter(store_, [](const DocumentKey&) { return absl::UnknownError("broken"); });
  Show(kClip, 5);
  const auto outcome = Await(waiter, {{kClip, 5}});
  ASSERT_TRUE(outcome->done.Wait());
  EXPECT_THAT(outcome->status, IsOk());
}

}  // namespace
}  // namespace modelref
