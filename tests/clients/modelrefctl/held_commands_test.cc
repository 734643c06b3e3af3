// category held and category accept: what they send and print.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "tests/clients/fake_server.h"
#include "tests/clients/modelrefctl/ctl_runner.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;

v1::HeldEdit MakeEdit(const std::string& id) {
  v1::HeldEdit edit;
  edit.set_edit_id(id);
  edit.set_category("clip");
  edit.set_format(v1::FORMAT_V2);
  edit.set_reason(v1::HELD_REASON_MASS_REMOVAL);
  edit.mutable_noticed_time()->set_seconds(1'700'000'000);
  edit.set_updates(1);
  edit.set_deletes(9);
  edit.set_size_bytes(1234);
  edit.set_detail("the edit removes 9 of 12 models");
  edit.set_acceptable(true);
  return edit;
}

class HeldCommandsTest : public ::testing::Test {
 protected:
  HeldCommandsTest() {
    // Two pages.
    handlers_.held_edits = [this](const v1::ListHeldEditsRequest& request,
                                  v1::ListHeldEditsResponse* response) {
      requests_.push_back(request);
      const bool is_first = request.page_token().empty();
      *response->add_edits() = MakeEdit(is_first ? "clip-v2-one" : "clip-v2-two");
      if (is_first) response->set_next_page_token("next");
      return absl::OkStatus();
    };
    handlers_.accept_edit = [this](const v1::AcceptEditRequest& request,
                                   v1::AcceptEditResponse* response) -> absl::Status {
      accepts_.push_back(request);
      if (request.edit_id() == "gone") {
        return Error(absl::StatusCode::kNotFound, "EDIT_NOT_FOUND", "no such edit");
      }
      *response->mutable_edit() = MakeEdit(request.edit_id());
      if (!request.validate_only() && request.decision() == v1::HELD_EDIT_DECISION_ACCEPT) {
        response->mutable_position()->set_revision(42);
      }
      return absl::OkStatus();
    };
  }
  CtlResult Run(const std::vector<std::string>& arguments) {
    if (server_ == nullptr) server_ = std::make_unique<FakeServer>(handlers_);
    runner_.SetVariable("MODELREF_SERVER", server_->address());
    return runner_.Run(arguments);
  }

  FakeHandlers handlers_;
  std::vector<v1::ListHeldEditsRequest> requests_;
  std::vector<v1::AcceptEditRequest> accepts_;
  CtlRunner runner_;
  std::unique_ptr<FakeServer> server_;
};

TEST_F(HeldCommandsTest, EveryPageIsListedAsATableOrByName) {
  const CtlResult table = Run({"category", "held", "-o", "table"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_TRUE(absl::StrContains(table.out, "EDIT_ID")) << table.out;
  EXPECT_TRUE(absl::StrContains(table.out, "2023-11-14T22:13:20Z")) << table.out;
  EXPECT_FALSE(absl::StrContains(table.out, "DETAIL")) << table.out;
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(requests_[1].page_token(), "next");
  EXPECT_EQ(Run({"category", "held", "-o", "name"}).out, "clip-v2-one\nclip-v2-two\n");
  const CtlResult plain = Run({"category", "held", "-o", "plain"});
  EXPECT_TRUE(absl::StartsWith(plain.out, "clip-v2-one\tclip\tv2\t")) << plain.out;
  EXPECT_TRUE(absl::StrContains(plain.out, "\t0\t1\t9\tyes\t")) << plain.out;
  const CtlResult wide = Run({"category", "held", "-o", "wide"});
  EXPECT_TRUE(absl::StrContains(wide.out, "the edit removes 9 of 12 models")) << wide.out;
}

TEST_F(HeldCommandsTest, CategoriesAndFormatSelect) {
  EXPECT_EQ(Run({"category", "held", "clip", "--format", "v2"}).code, 0);
  ASSERT_FALSE(requests_.empty());
  ASSERT_EQ(requests_[0].selector().categories_size(), 1);
  EXPECT_EQ(requests_[0].selector().categories(0), "clip");
  ASSERT_EQ(requests_[0].selector().formats_size(), 1);
  EXPECT_EQ(requests_[0].selector().formats(0), v1::FORMAT_V2);
}

TEST_F(HeldCommandsTest, AnAnswerOfAcceptIsOneLine) {
  EXPECT_EQ(Run({"category", "accept", "clip-v2-one"}).out,
            "clip-v2-one accepted as revision 42: 0 created, 1 updated, 9 deleted\n");
  EXPECT_EQ(Run({"category", "accept", "clip-v2-one", "--dry-run"}).out,
            "clip-v2-one would be accepted: 0 created, 1 updated, 9 deleted\n");
  EXPECT_EQ(Run({"category", "accept", "clip-v2-one", "--discard"}).out,
            "clip-v2-one discarded; its bytes are kept on the server\n");
  ASSERT_EQ(accepts_.size(), 3u);
  EXPECT_TRUE(accepts_[1].validate_only());
  EXPECT_EQ(accepts_[2].decision(), v1::HELD_EDIT_DECISION_DISCARD);
}

TEST_F(HeldCommandsTest, WhatIsNotThereOrNotMeantHasAnExitStatus) {
  EXPECT_EQ(Run({"category", "accept", "gone"}).code, 3);
  EXPECT_EQ(Run({"category", "accept"}).code, 2);
  const CtlResult bad = Run({"category", "accept", "clip-v2-one", "--if-sha256", "xyz"});
  EXPECT_EQ(bad.code, 2) << bad.err;
  EXPECT_EQ(Run({"category", "accept", "clip-v2-one", "--if-sha256", std::string(64, 'a')}).code,
            0);
  EXPECT_EQ(accepts_.back().if_content_sha256(), std::string(32, '\xaa'));
}

}  // namespace
}  // namespace modelref::ctl
