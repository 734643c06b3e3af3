#include "clients/modelrefctl/watch_state.h"

#include <gtest/gtest.h>

#include <string>

namespace modelref::ctl {
namespace {

v1::WatchEvent Event(const std::string& category, const std::string& etag,
                     v1::EventType type = v1::EVENT_TYPE_INVALIDATED) {
  v1::WatchEvent event;
  event.set_type(type);
  event.set_category(category);
  event.set_format(v1::FORMAT_V2);
  event.set_etag(etag);
  return event;
}

v1::Freshness Stale(const std::string& category, bool stale) {
  v1::Freshness freshness;
  freshness.set_category(category);
  freshness.set_format(v1::FORMAT_V2);
  freshness.set_stale(stale);
  return freshness;
}

class WatchStateTest : public ::testing::Test {
 protected:
  WatchStateTest() {
    state_.BeginSnapshot();
    state_.Apply(Event("clip", "c1"));
    state_.Apply(Event("esrgan", "e1"));
    state_.Apply(Event("gfpgan", "g1"));
    EXPECT_TRUE(state_.EndSnapshot({}).empty());
  }

  WatchState state_;
};

TEST_F(WatchStateTest, NamesWhatItHoldsForTheNextSnapshot) {
  v1::StartSnapshot start;
  state_.FillKnown(&start);
  ASSERT_EQ(start.known_size(), 3);
  EXPECT_EQ(start.known(0).category(), "clip");
  EXPECT_EQ(start.known(0).etag(), "c1");
}

TEST_F(WatchStateTest, SnapshotTellsOnlyWhatChangedMeanwhile) {
  state_.BeginSnapshot();
  EXPECT_FALSE(state_.Apply(Event("clip", "c1")));
  EXPECT_TRUE(state_.Apply(Event("esrgan", "e2")));
  EXPECT_TRUE(state_.Apply(Event("new", "n1")));
}

TEST_F(WatchStateTest, DocumentThatIsNeitherSentNorUnchangedIsDeleted) {
  v1::StartSnapshot start;
  state_.FillKnown(&start);
  state_.BeginSnapshot();
  state_.Apply(Event("esrgan", "e2"));
  v1::SnapshotEnd end;
  end.set_unchanged(std::string(1, '\x01'));  // clip
  const std::vector<v1::WatchEvent> deleted = state_.EndSnapshot(end);
  ASSERT_EQ(deleted.size(), 1u);
  EXPECT_EQ(deleted[0].category(), "gfpgan");
  EXPECT_EQ(deleted[0].type(), v1::EVENT_TYPE_DELETE);
}

TEST_F(WatchStateTest, EventsOutsideASnapshotAreAlwaysTold) {
  EXPECT_TRUE(state_.Apply(Event("clip", "c2")));
  EXPECT_TRUE(state_.Apply(Event("clip", "c2")));
  EXPECT_TRUE(state_.Apply(Event("clip", "", v1::EVENT_TYPE_DELETE)));
}

TEST_F(WatchStateTest, FreshnessIsToldOnceUntilItChanges) {
  EXPECT_TRUE(state_.Apply(Stale("clip", true)));
  EXPECT_FALSE(state_.Apply(Stale("clip", true)));
  EXPECT_TRUE(state_.Apply(Stale("clip", false)));
  EXPECT_FALSE(state_.Apply(Stale("esrgan", false)));
}

TEST_F(WatchStateTest, StaleDocumentThatANewStreamDoesNotNameIsFresh) {
  state_.Apply(Stale("clip", true));
  state_.Apply(Stale("esrgan", true));
  state_.ExpectFreshness();
  EXPECT_FALSE(state_.Apply(Stale("esrgan", true)));
  const std::vector<v1::Freshness> fresh = state_.TakeFresh();
  ASSERT_EQ(fresh.size(), 1u);
  EXPECT_EQ(fresh[0].category(), "clip");
  EXPECT_FALSE(fresh[0].stale());
  EXPECT_TRUE(state_.TakeFresh().empty());
}

}  // namespace
}  // namespace modelref::ctl
