#include "service/store/event_projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "service/store/database.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::Put;
using ::modelref::testing::PutMany;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;

// Writes event ids to a list instead of files.
class EventProjectionTest : public ::testing::Test {
 protected:
  EventProjectionTest() { Open(); }

  void Open() {
    projection_.reset();
    store_.reset();
    Store::Options options;
    options.directory = dir_.PathOf(".modelref");
    auto store = Store::Open({kClip}, clock_, options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    projection_ = Make();
  }

  std::unique_ptr<EventProjection> Make() {
    EventProjection::Parts parts;
    parts.name = "test";
    parts.recover = [this](Database&, uint64_t position) {
      recovered_.push_back(position);
      std::erase_if(written_, [&](uint64_t id) { return id > position; });
      return absl::OkStatus();
    };
    parts.advance = [this](Database& reader, uint64_t position, size_t max) {
      return Advance(reader, position, max);
    };
    return std::make_unique<EventProjection>(*store_, parts, EventProjection::Options{});
  }

  absl::StatusOr<uint64_t> Advance(Database& reader, uint64_t position, size_t max_events) {
    ASSIGN_OR_RETURN(Statement query,
                     reader.Prepare("SELECT id FROM events WHERE id > ? ORDER BY id LIMIT ?"));
    query.Bind(1, position).Bind(2, static_cast<uint64_t>(max_events));
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) break;
      position = query.Unsigned(0);
      written_.push_back(position);
    }
    if (!failure_.ok()) return failure_;
    return position;
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::vector<uint64_t> written_;
  std::vector<uint64_t> recovered_;
  absl::Status failure_;
  std::unique_ptr<EventProjection> projection_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

TEST_F(EventProjectionTest, EventsAreWrittenOnceAndTheirPlaceIsKept) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  EXPECT_EQ(projection_->Step(now_), absl::InfiniteFuture());
  CommitTo(*store_, Edit(kClip, {Put("c", "1")}));
  ASSERT_THAT(projection_->Settle(), IsOk());
  EXPECT_THAT(written_, ElementsAre(1, 2, 3));
  EXPECT_EQ(projection_->position(), 3u);
  Open();
  CommitTo(*store_, Edit(kClip, {Put("d", "1")}));
  ASSERT_THAT(projection_->Settle(), IsOk());
  EXPECT_THAT(recovered_, ElementsAre(0, 3));
  EXPECT_THAT(written_, ElementsAre(1, 2, 3, 4));
}

TEST_F(EventProjectionTest, WhatAnotherProcessWroteMeanwhileIsNotWrittenAgain) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(projection_->Settle(), IsOk());
  const auto other = Make();
  CommitTo(*store_, Edit(kClip, {Put("b", "1")}));
  ASSERT_THAT(other->Settle(), IsOk());
  CommitTo(*store_, Edit(kClip, {Put("c", "1")}));
  projection_->Restart();
  ASSERT_THAT(projection_->Settle(), IsOk());
  EXPECT_THAT(written_, ElementsAre(1, 2, 3));
}

TEST_F(EventProjectionTest, UnderLoadItWritesNoMoreOftenThanItsInterval) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_EQ(projection_->Step(now_), absl::InfiniteFuture());
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  EXPECT_EQ(projection_->Step(now_), now_ + absl::Milliseconds(50));
  EXPECT_THAT(written_, ElementsAre(1));
  EXPECT_EQ(projection_->Step(now_ + absl::Milliseconds(50)), absl::InfiniteFuture());
  EXPECT_THAT(written_, ElementsAre(1, 2));
}

TEST_F(EventProjectionTest, AFailureIsToldRecoveredFromAndTriedAgain) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  failure_ = absl::ResourceExhaustedError("full");
  EXPECT_EQ(projection_->Step(now_), now_ + absl::Milliseconds(200));
  EXPECT_THAT(projection_->failure(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(projection_->position(), 0u);
  EXPECT_GT(CommitTo(*store_, Edit(kClip, {Put("a", "2")})), 0u);
  EXPECT_EQ(projection_->Step(now_ + absl::Milliseconds(200)), now_ + absl::Milliseconds(600));
  failure_ = absl::OkStatus();
  EXPECT_EQ(projection_->Step(now_ + absl::Milliseconds(600)), absl::InfiniteFuture());
  EXPECT_THAT(projection_->failure(), IsOk());
  EXPECT_EQ(projection_->failures(), 2u);
  EXPECT_THAT(written_, ElementsAre(1, 2));
}

TEST_F(EventProjectionTest, ManyEventsAreWrittenInPieces) {
  CommitTo(*store_, Edit(kClip, PutMany(25000, "x")));
  ASSERT_THAT(projection_->Settle(), IsOk());
  EXPECT_EQ(written_.size(), 25000u);
  EXPECT_TRUE(std::is_sorted(written_.begin(), written_.end()));
}

TEST_F(EventProjectionTest, WhatCameBeforeTheFirstEventOfTheDatabaseIsNotCut) {
  ASSERT_THAT(store_
                  ->Commit({"test", "",
                            [](TransactionContext& context) {
                              return context.database().Execute(
                                  "INSERT INTO transactions VALUES (1000, 1000, 0, '', '', x'')");
                            }})
                  .status(),
              IsOk());
  ASSERT_THAT(projection_->Settle(), IsOk());
  EXPECT_THAT(recovered_, ElementsAre(999));
}

}  // namespace
}  // namespace modelref
