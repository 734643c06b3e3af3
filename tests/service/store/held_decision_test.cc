#include "service/store/held_decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "service/store/import.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::DocumentJson;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::NamesOf;
using ::modelref::testing::Put;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A document of twelve models, and an edit of its file that leaves one and adds one.
class HeldDecisionTest : public ::testing::Test {
 protected:
  HeldDecisionTest() {
    Store::Options options;
    options.directory = dir_.path() + "/.modelref";
    auto store = Store::Open({kClip}, clock_, options);
    EXPECT_THAT(store, IsOk());
    store_ = *std::move(store);
    SourceImporter::Options import;
    import.held_folder = options.directory + "/held";
    import.path_of = [this](const DocumentKey&) { return dir_.PathOf("clip.json");
  };
  importer_ = std::make_unique<SourceImporter>(*store_, clock_, import);
  std::vector<std::string> names;
  for (int i = 1; i <= 12; ++i) names.push_back(absl::StrCat("m", i));
  Write(DocumentJson(names));
  Write(DocumentJson({"m1", "new"}));
  const std::vector<HeldEdit> waiting = Waiting();
  EXPECT_THAT(waiting, SizeIs(1));
  if (!waiting.empty()) decision_.id = waiting[0].id;
}

  void Write(const std::string& text) {
  ASSERT_THAT(WriteFileDurably(dir_.PathOf("clip.json"), text), IsOk());
  importer_->Offer(kClip, ReadDocumentFile(dir_.PathOf("clip.json"), {}), "external:file");
}
std::vector<HeldEdit> Waiting() {
  auto edits = ListWaiting(*store_, 0, "");
  EXPECT_THAT(edits, IsOk());
  return edits.ok() ? *edits : std::vector<HeldEdit>();
}
absl::StatusOr<DecidedEdit> Decide() {
  return DecideEdit(
      *store_, dir_.path() + "/.modelref/held", [](const DocumentKey&) { return DocumentForm(); },
      decision_);
}
const Document& Now() { return *store_->root()->Find(kClip)->document; }

TempDir dir_;
FakeClock clock_;
std::unique_ptr<Store> store_;
std::unique_ptr<SourceImporter> importer_;
HeldDecision decision_;
};  // namespace

TEST_F(HeldDecisionTest, AcceptingCommitsWhatTheEditChanged) {
  ASSERT_OK_AND_ASSIGN(const DecidedEdit decided, Decide());
  EXPECT_THAT(NamesOf(Now()), ElementsAre("m1", "new"));
  EXPECT_EQ(decided.revision, store_->root()->revision);
  EXPECT_EQ(decided.chain, store_->root()->chain);
  EXPECT_EQ(decided.etag, Now().etag());
  EXPECT_EQ(decided.edit.deletes, 11u);
  EXPECT_THAT(Waiting(), IsEmpty());
  const auto history = *store_->History(0, store_->root()->revision);
  EXPECT_EQ(history.back()->caller, "external:file");
}

TEST_F(HeldDecisionTest, WhatWasCommittedSinceStays) {
  CommitTo(*store_, Edit(kClip, {Put("m5", "committed"), Put("later", "1")}));
  ASSERT_THAT(Decide(), IsOk());
  EXPECT_THAT(NamesOf(Now()), ElementsAre("m1", "m5", "later", "new"));
}

TEST_F(HeldDecisionTest, DiscardingChangesNothingAndKeepsTheBytes) {
  const uint64_t revision = store_->root()->revision;
  decision_.accept = false;
  ASSERT_OK_AND_ASSIGN(const DecidedEdit decided, Decide());
  EXPECT_EQ(decided.revision, 0u);
  EXPECT_EQ(decided.etag, Now().etag());
  EXPECT_EQ(store_->root()->revision, revision);
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_THAT(StatFile(dir_.path() + "/.modelref/held/" + decision_.id), IsOk());
}

TEST_F(HeldDecisionTest, DecidingAgainAnswersAsTheFirstTime) {
  ASSERT_OK_AND_ASSIGN(const DecidedEdit first, Decide());
  CommitTo(*store_, Edit(kClip, {Put("later", "1")}));
  ASSERT_OK_AND_ASSIGN(const DecidedEdit again, Decide());
  EXPECT_EQ(again.revision, first.revision);
  EXPECT_EQ(again.chain, first.chain);
  EXPECT_EQ(again.etag, first.etag);
  EXPECT_NE(Now().Find("later"), nullptr);
  decision_.accept = false;
  EXPECT_THAT(Decide(),
              AllOf(StatusIs(absl::StatusCode::kAborted), HasReason("HELD_EDIT_CHANGED")));
}

TEST_F(HeldDecisionTest, ValidatingSaysWhatWouldBeAndChangesNothing) {
  const uint64_t revision = store_->root()->revision;
  decision_.validate_only = true;
  ASSERT_OK_AND_ASSIGN(const DecidedEdit would, Decide());
  EXPECT_EQ(would.revision, 0u);
  EXPECT_EQ(store_->root()->revision, revision);
  EXPECT_THAT(Waiting(), SizeIs(1));
  decision_.validate_only = false;
  ASSERT_OK_AND_ASSIGN(const DecidedEdit decided, Decide());
  EXPECT_EQ(would.etag, decided.etag);
}

TEST_F(HeldDecisionTest, OtherBytesThanTheCallerLookedAtAreRefused) {
  decision_.if_sha256 = Sha256("other");
  EXPECT_THAT(Decide(),
              AllOf(StatusIs(absl::StatusCode::kAborted), HasReason("HELD_EDIT_CHANGED")));
  decision_.if_sha256 = Waiting()[0].sha256;
  ASSERT_THAT(WriteFileDurably(dir_.path() + "/.modelref/held/" + decision_.id, "{}"), IsOk());
  EXPECT_THAT(Decide(), HasReason("HELD_EDIT_CHANGED"));
  EXPECT_THAT(Waiting(), SizeIs(1));
}

TEST_F(HeldDecisionTest, AnUnknownEditIsNotFound) {
  decision_.id = "nothing";
  EXPECT_THAT(Decide(),
              AllOf(StatusIs(absl::StatusCode::kNotFound), HasReason("HELD_EDIT_NOT_FOUND")));
}

TEST_F(HeldDecisionTest, DamagedBytesCanOnlyBeDiscarded) {
  Write("{\"m1\": ");
  clock_.Advance(absl::Seconds(10));
  importer_->Offer(kClip, ReadDocumentFile(dir_.PathOf("clip.json"), {}), "external:file");
  ASSERT_THAT(Waiting(), SizeIs(2));
  decision_.id = Waiting()[1].id;
  EXPECT_THAT(Decide(), AllOf(StatusIs(absl::StatusCode::kFailedPrecondition),
                              HasReason("HELD_EDIT_NOT_APPLICABLE")));
  decision_.accept = false;
  EXPECT_THAT(Decide(), IsOk());
  EXPECT_THAT(Waiting(), SizeIs(1));
}

}  // namespace modelref
}  // namespace modelref
