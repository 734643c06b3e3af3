// Reads that are asked again and again, over a real server: a kept answer is never an old one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/service/service_fixture.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

class HotAnswersTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::GetCategoryResponse> GetCategory(const std::string& if_none_match = "") {
    v1::GetCategoryRequest request;
    request.set_category("clip");
    request.set_if_none_match(if_none_match);
    grpc::ClientContext context;
    v1::GetCategoryResponse response;
    const grpc::Status status = server_.reference().GetCategory(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }
  absl::StatusOr<v1::GetModelResponse> GetModel(const std::string& name) {
    v1::GetModelRequest request;
    request.set_category("clip");
    request.set_name(name);
    grpc::ClientContext context;
    v1::GetModelResponse response;
    const grpc::Status status = server_.reference().GetModel(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  ServiceFixture server_{ServiceFixture::Options()};
};

TEST_F(HotAnswersTest, TheSameRequestIsAnsweredWithTheNewContentAfterAChange) {
  for (int value = 0; value < 20; ++value) {
    const uint64_t revision = server_.Put("a", absl::StrCat(value));
    for (int again = 0; again < 3; ++again) {
      ASSERT_OK_AND_ASSIGN(const auto category, GetCategory());
      EXPECT_EQ(category.json(), absl::StrCat("{\"a\":{\"v\":\"", value, "\"}}"));
      EXPECT_EQ(category.header().revision(), revision);
      EXPECT_EQ(category.etag(), server_.Etag());
      ASSERT_OK_AND_ASSIGN(const auto model, GetModel("a"));
      EXPECT_EQ(model.mod_revision(), revision);
      ASSERT_OK_AND_ASSIGN(const auto unchanged, GetCategory(server_.Etag()));
      EXPECT_TRUE(unchanged.has_not_modified());
    }
  }
}

TEST_F(HotAnswersTest, AChangeElsewhereShowsInTheRevisionOfTheAnswer) {
  server_.Put("a", "1");
  ASSERT_OK_AND_ASSIGN(const auto before, GetModel("a"));
  server_.Put("b", "1");
  ASSERT_OK_AND_ASSIGN(const auto after, GetModel("a"));
  EXPECT_EQ(after.header().revision(), before.header().revision() + 1);
  EXPECT_EQ(after.mod_revision(), before.mod_revision());
}

TEST_F(HotAnswersTest, TheAgeOfAStaleDocumentGoesOn) {
  server_.Put("a", "1");
  ASSERT_OK_AND_ASSIGN(const auto fresh, GetCategory());
  EXPECT_FALSE(fresh.header().stale());
  server_.store().SetFreshness(kClip, FreshnessCause::kTtl, "");
  for (int seconds = 1; seconds < 4; ++seconds) {
    server_.clock().Advance(absl::Seconds(1));
    ASSERT_OK_AND_ASSIGN(const auto stale, GetCategory());
    EXPECT_TRUE(stale.header().stale());
    EXPECT_EQ(stale.header().stale_age().seconds(), seconds);
  }
  server_.store().SetFreshness(kClip, FreshnessCause::kNone, "");
  ASSERT_OK_AND_ASSIGN(const auto again, GetCategory());
  EXPECT_FALSE(again.header().stale());
}

TEST_F(HotAnswersTest, DamageIsToldAtOnceAndHeals) {
  server_.Put("a", "1");
  ASSERT_THAT(GetCategory(), IsOk());
  server_.store().SetDamage(kClip, absl::DataLossError("cut short"));
  EXPECT_EQ(GetCategory().status().code(), absl::StatusCode::kDataLoss);
  server_.store().SetDamage(kClip, absl::OkStatus());
  EXPECT_THAT(GetCategory(), IsOk());
}

TEST_F(HotAnswersTest, WhatReadersSeeNeverGoesBackWhileItIsWritten) {
  server_.Put("a", "0");
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  std::atomic<int> steps_back{0};
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      uint64_t seen = 0;
      while (!done.load()) {
        const auto model = GetModel("a");
        if (!model.ok() || model->mod_revision() < seen) ++steps_back;
        if (model.ok()) seen = model->mod_revision();
      }
    });
  }
  uint64_t last = 0;
  for (int value = 1; value <= 200; ++value) {
    last = server_.Put("a", absl::StrCat(value));
    // Who was told of a commit reads it.
    ASSERT_OK_AND_ASSIGN(const auto model, GetModel("a"));
    EXPECT_EQ(model.mod_revision(), last);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(steps_back, 0);
}

}  // namespace
}  // namespace modelref::testing
