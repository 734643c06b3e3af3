#include "service/watch/watch_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "service/watch/watch_hub.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

class WatchRequestTest : public ::testing::Test {
 protected:
  absl::StatusOr<WatchPlan> Plan() { return PlanWatch(request_, registry_, Format::kV2, "node-1"); }
  absl::Duration Interval(int64_t seconds) {
    request_.mutable_progress_interval()->set_seconds(seconds);
    const auto plan = Plan();
    EXPECT_THAT(plan, IsOk());
    return plan->progress_interval;
  }
  void AddKnown(const std::string& category, size_t etag_bytes) {
    v1::KnownDocumentState* known = request_.mutable_snapshot()->add_known();
    known->set_category(category);
    known->set_etag(std::string(etag_bytes, 'e'));
  }

  CategoryRegistry registry_ = *CategoryRegistry::Create({});
  v1::WatchRequest request_;
};

TEST_F(WatchRequestTest, AnEmptyRequestIsASnapshotOfEveryCategoryInTheCanonicalFormat) {
  ASSERT_OK_AND_ASSIGN(const WatchPlan plan, Plan());
  EXPECT_EQ(plan.start, WatchPlan::Start::kSnapshot);
  EXPECT_THAT(plan.watched.keys, SizeIs(registry_.categories().size()));
  for (const DocumentKey& key : plan.watched.keys) EXPECT_EQ(key.format, Format::kV2);
  EXPECT_THAT(plan.watched.absent, IsEmpty());
  EXPECT_THAT(plan.known, IsEmpty());
  EXPECT_FALSE(plan.inline_delta);
  EXPECT_EQ(plan.max_inline_bytes, 65536u);
  const auto configured =
      PlanWatch(request_, registry_, Format::kV2, "node-1", {absl::Seconds(9), 4096});
  ASSERT_THAT(configured, IsOk());
  EXPECT_EQ(configured->max_inline_bytes, 4096u);
  EXPECT_EQ(configured->progress_interval, absl::Seconds(9));
  EXPECT_EQ(plan.progress_interval, absl::Seconds(20));
}

TEST_F(WatchRequestTest, AFilterNamesCategoriesAndFormats) {
  request_.mutable_filter()->add_categories("clip");
  request_.mutable_filter()->add_categories("clip");
  request_.mutable_filter()->add_formats(v1::FORMAT_LEGACY);
  request_.mutable_filter()->add_formats(v1::FORMAT_V2);
  ASSERT_OK_AND_ASSIGN(const WatchPlan plan, Plan());
  EXPECT_THAT(plan.watched.keys,
              ElementsAre(DocumentKey{"clip", Format::kLegacy}, DocumentKey{"clip", Format::kV2}));
}

TEST_F(WatchRequestTest, NamesNoCategoryHasAreAbsentAndNoError) {
  request_.mutable_filter()->add_categories("clip");
  request_.mutable_filter()->add_categories("not_yet");
  ASSERT_OK_AND_ASSIGN(const WatchPlan plan, Plan());
  EXPECT_THAT(plan.watched.keys, SizeIs(1));
  EXPECT_THAT(plan.watched.absent, ElementsAre("not_yet"));
}

TEST_F(WatchRequestTest, AFilterOfAbsentNamesWatchesNothingElse) {
  request_.mutable_filter()->add_categories("not_yet");
  ASSERT_OK_AND_ASSIGN(const WatchPlan plan, Plan());
  EXPECT_THAT(plan.watched.keys, IsEmpty());
}

TEST_F(WatchRequestTest, ANameThatCannotBeACategoryIsABadFilter) {
  for (const char* name : {"", "../etc", "Clip", "a b", "clip/v2"}) {
    request_.mutable_filter()->clear_categories();
    request_.mutable_filter()->add_categories("clip");
    request_.mutable_filter()->add_categories(name);
    EXPECT_THAT(Plan(), StatusIs(kInvalid, HasSubstr("filter.categories[1]"))) << name;
    EXPECT_THAT(Plan(), HasReason("BAD_FILTER")) << name;
  }
}

TEST_F(WatchRequestTest, AFilterHasAtMost256Names) {
  for (int i = 0; i < 256; ++i) request_.mutable_filter()->add_categories(absl::StrCat("c", i));
  EXPECT_THAT(Plan(), IsOk());
  request_.mutable_filter()->add_categories("one_more");
  EXPECT_THAT(Plan(), StatusIs(kInvalid));
  EXPECT_THAT(Plan(), HasReason("BAD_FILTER"));
}

TEST_F(WatchRequestTest, AnUnknownFormatIsRefused) {
  request_.mutable_filter()->add_formats(static_cast<v1::Format>(77));
  EXPECT_THAT(Plan(), StatusIs(kInvalid));
}

TEST_F(WatchRequestTest, EqualFiltersHaveEqualSignaturesAndOthersDoNot) {
  const auto signature = [&](const std::vector<std::string>& names, v1::Format format) {
    request_.mutable_filter()->Clear();
    for (const std::string& name : names) request_.mutable_filter()->add_categories(name);
    request_.mutable_filter()->add_formats(format);
    return Plan()->watched.signature;
  };
  const std::string both = signature({"clip", "controlnet"}, v1::FORMAT_V2);
  EXPECT_EQ(both, signature({"controlnet", "clip", "clip.json"}, v1::FORMAT_V2));
  EXPECT_NE(both, signature({"controlnet", "clip", "absent"}, v1::FORMAT_V2))
      << "its tokens are others";
  EXPECT_NE(both, signature({"clip"}, v1::FORMAT_V2));
  EXPECT_NE(both, signature({"clip", "controlnet"}, v1::FORMAT_LEGACY));
}

TEST_F(WatchRequestTest, KnownDocumentsKeepTheOrderOfTheRequest) {
  AddKnown("controlnet", 32);
  AddKnown("clip", 32);
  request_.mutable_snapshot()->mutable_known(1)->set_format(v1::FORMAT_LEGACY);
  ASSERT_OK_AND_ASSIGN(const WatchPlan plan, Plan());
  ASSERT_THAT(plan.known, SizeIs(2));
  EXPECT_EQ(plan.known[0].first, (DocumentKey{"controlnet", Format::kV2}));
  EXPECT_EQ(plan.known[1].first, (DocumentKey{"clip", Format::kLegacy}));
}

TEST_F(WatchRequestTest, AtMost4096DocumentsMayBeKnown) {
  for (int i = 0; i < 4096; ++i) AddKnown("clip", 32);
  EXPECT_THAT(Plan(), IsOk());
  AddKnown("clip", 32);
  EXPECT_THAT(Plan(), StatusIs(kInvalid, HasSubstr("snapshot.known")));
  EXPECT_THAT(Plan(), HasReason("BAD_START"));
}

TEST_F(WatchRequestTest, AKnownEtagHas32Bytes) {
  for (const size_t bytes : {0, 31, 33}) {
    request_.clear_snapshot();
    AddKnown("clip", 32);
    AddKnown("clip", bytes);
    EXPECT_THAT(Plan(), StatusIs(kInvalid, HasSubstr("snapshot.known[1].etag"))) << bytes;
  }
}

TEST_F(WatchRequestTest, AStreamMayContinueAfterAPosition) {
  v1::Position* position = request_.mutable_position();
  position->set_epoch("0123456789abcdef");
  position->set_revision(7);
  ASSERT_OK_AND_ASSIGN(WatchPlan plan, Plan());
  EXPECT_EQ(plan.start, WatchPlan::Start::kResume);
  EXPECT_EQ(plan.resume.position.revision, 7u);
  EXPECT_EQ(plan.resume.position.epoch[1], '1');
  EXPECT_EQ(plan.resume.position.chain, std::nullopt);
  EXPECT_EQ(plan.resume.documents_hash, std::nullopt);
  position->set_chain("01234567");
  ASSERT_OK_AND_ASSIGN(plan, Plan());
  ASSERT_TRUE(plan.resume.position.chain.has_value());
  EXPECT_EQ((*plan.resume.position.chain)[7], '7');
}

TEST_F(WatchRequestTest, APositionOfWrongSizesIsABadStart) {
  request_.mutable_position()->set_revision(7);
  EXPECT_THAT(Plan(), StatusIs(kInvalid, HasSubstr("position.epoch")));
  EXPECT_THAT(Plan(), HasReason("BAD_START"));
  request_.mutable_position()->set_epoch(std::string(16, 'e'));
  request_.mutable_position()->set_chain("seven by");
  EXPECT_THAT(Plan(), IsOk());
  request_.mutable_position()->set_chain("seven b");
  EXPECT_THAT(Plan(), StatusIs(kInvalid, HasSubstr("position.chain")));
}

TEST_F(WatchRequestTest, ATokenContinuesTheStreamItWasMadeFor) {
  request_.mutable_filter()->add_categories("clip");
  request_.mutable_filter()->add_categories("not_yet");
  ASSERT_OK_AND_ASSIGN(const WatchPlan first, Plan());
  Position position;
  position.revision = 9;
  position.chain = ChainPrefix{1, 2, 3};
  request_.set_resume_token(WatchHub::TokenFor(position, first.watched));
  request_.mutable_filter()->clear_categories();
  request_.mutable_filter()->add_categories("not_yet");
  request_.mutable_filter()->add_categories("clip");
  ASSERT_OK_AND_ASSIGN(const WatchPlan plan, Plan());
  EXPECT_EQ(plan.start, WatchPlan::Start::kResume);
  EXPECT_EQ(plan.resume.position, position);
  EXPECT_EQ(plan.resume.documents_hash, plan.watched.documents_hash);
}

TEST_F(WatchRequestTest, ATokenOfAnotherFilterIsRefused) {
  ASSERT_OK_AND_ASSIGN(const WatchPlan all, Plan());
  request_.set_resume_token(WatchHub::TokenFor(Position(), all.watched));
  EXPECT_THAT(Plan(), IsOk());
  request_.mutable_filter()->add_categories("clip");
  EXPECT_THAT(Plan(), StatusIs(kInvalid, HasSubstr("another filter")));
  EXPECT_THAT(Plan(), HasReason("BAD_RESUME_TOKEN"));
  request_.mutable_filter()->clear_categories();
  request_.mutable_filter()->add_formats(v1::FORMAT_LEGACY);
  EXPECT_THAT(Plan(), HasReason("BAD_RESUME_TOKEN"));
}

TEST_F(WatchRequestTest, ATokenThatIsDamagedIsRefused) {
  request_.set_resume_token("token");
  EXPECT_THAT(Plan(), StatusIs(kInvalid));
  EXPECT_THAT(Plan(), HasReason("BAD_RESUME_TOKEN"));
}

TEST_F(WatchRequestTest, TheTokenOfAFilterStaysGoodWhenCategoriesAreAdded) {
  ASSERT_OK_AND_ASSIGN(const WatchPlan before, Plan());
  ExtraCategory extra;
  extra.name = "later";
  registry_ = *CategoryRegistry::Create({extra});
  request_.set_resume_token(WatchHub::TokenFor(Position(), before.watched));
  ASSERT_OK_AND_ASSIGN(const WatchPlan after, Plan());
  EXPECT_NE(after.watched.documents_hash, *after.resume.documents_hash)
      << "the session has to tell of the new category";
}

TEST_F(WatchRequestTest, WhatToDoAtAGapIsReadAndUnknownWordsAreRefused) {
  EXPECT_FALSE(Plan()->fail_on_gap);
  request_.set_on_gap(v1::ON_GAP_FAIL);
  EXPECT_TRUE(Plan()->fail_on_gap);
  request_.set_on_gap(static_cast<v1::OnGap>(9));
  EXPECT_THAT(Plan(), StatusIs(kInvalid, HasSubstr("on_gap")));
}

TEST_F(WatchRequestTest, AStreamWithARelayPathIsARelays) {
  EXPECT_FALSE(Plan()->is_relay);
  request_.add_relay_path("node-0");
  EXPECT_TRUE(Plan()->is_relay);
}

TEST_F(WatchRequestTest, AStartAtThePresentIsTaken) {
  request_.mutable_now();
  ASSERT_OK_AND_ASSIGN(const WatchPlan plan, Plan());
  EXPECT_EQ(plan.start, WatchPlan::Start::kNow);
}

TEST_F(WatchRequestTest, AStreamThatCameThroughThisNodeIsALoop) {
  request_.add_relay_path("node-0");
  EXPECT_THAT(Plan(), IsOk());
  request_.add_relay_path("node-1");
  EXPECT_THAT(Plan(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Plan(), HasReason("RELAY_LOOP"));
}

TEST_F(WatchRequestTest, TheProgressIntervalIsClamped) {
  EXPECT_EQ(Interval(-3), absl::Seconds(5));
  EXPECT_EQ(Interval(0), absl::Seconds(5));
  EXPECT_EQ(Interval(5), absl::Seconds(5));
  EXPECT_EQ(Interval(30), absl::Seconds(30));
  EXPECT_EQ(Interval(46), absl::Seconds(45));
  EXPECT_EQ(Interval(std::numeric_limits<int64_t>::max()), absl::Seconds(45));
}

TEST_F(WatchRequestTest, InlineBytesAreClampedTo512KiB) {
  request_.set_payload(v1::PAYLOAD_DELTA_INLINE);
  request_.set_max_inline_bytes(100);
  EXPECT_EQ(Plan()->max_inline_bytes, 100u);
  EXPECT_TRUE(Plan()->inline_delta);
  request_.set_max_inline_bytes(std::numeric_limits<uint32_t>::max());
  EXPECT_EQ(Plan()->max_inline_bytes, size_t{512} << 10);
}

TEST_F(WatchRequestTest, AnUnknownPayloadIsRefused) {
  request_.set_payload(static_cast<v1::Payload>(9));
  EXPECT_THAT(Plan(), StatusIs(kInvalid, HasSubstr("payload")));
}

TEST_F(WatchRequestTest, AClientIdHasAtMost128Bytes) {
  request_.set_client_id(std::string(128, 'c'));
  EXPECT_EQ(Plan()->client_id.size(), 128u);
  request_.set_client_id(std::string(129, 'c'));
  EXPECT_THAT(Plan(), StatusIs(kInvalid, HasSubstr("client_id")));
}

}  // namespace
}  // namespace modelref
