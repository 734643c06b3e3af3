// What every ModelReferenceBackend keeps (backend.h), in its blocking and in its asynchronous form.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <tuple>

#include "tests/contract/backend_harness.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::DocumentJson;
using ::modelref::testing::Event;
using ::modelref::testing::IsOk;
using ::modelref::testing::NamesOf;
using ::modelref::testing::StatusIs;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

enum class Form { kBlocking, kAsynchronous };

const DocumentKey kV2{"image_generation", Format::kV2};
const DocumentKey kLegacy{"image_generation", Format::kLegacy};

class BackendContractTest : public ::testing::TestWithParam<std::tuple<HarnessMaker, Form>> {
 protected:
  absl::StatusOr<SnapshotPtr> Fetch(const DocumentKey& key,
                                    FetchMode mode = FetchMode::kAllowCaches) {
    if (std::get<Form>(GetParam()) == Form::kBlocking) return source_->backend().Fetch(key, mode);
    Event done;
    absl::StatusOr<SnapshotPtr> answer = absl::UnknownError("no answer");
    source_->backend().FetchAsync(key, mode, [&](absl::StatusOr<SnapshotPtr> got) {
      answer = std::move(got);
      done.Set();
    });
    EXPECT_TRUE(done.Wait());
    return answer;
  }
  absl::StatusOr<SnapshotPtr> Refetch(const DocumentKey& key) {
    return Fetch(key, FetchMode::kBypassCaches);
  }

  const std::unique_ptr<BackendHarness> source_ = std::get<HarnessMaker>(GetParam()).make();
};

TEST_P(BackendContractTest, ReturnsTheRecordsInTheOrderOfTheSource) {
  source_->Set(kV2, R"({"z": {"n": 1.50}, "a/b c": {"n": [1, "é"]}})");
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, Fetch(kV2));
  EXPECT_EQ(snapshot->document->ToJson(), R"({"z":{"n":1.50},"a/b c":{"n":[1,"é"]}})");
  EXPECT_THAT(snapshot->problems, IsEmpty());
}

TEST_P(BackendContractTest, LegacyDocumentsCarryTheExactTextAndV2OnesNone) {
  const std::string text = "{\n    \"a\": {\"name\":  \"a\"}\n}\n";
  source_->Set(kLegacy, text);
  source_->Set(kV2, text);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr legacy, Fetch(kLegacy));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr v2, Fetch(kV2));
  ASSERT_NE(legacy->source_text, nullptr);
  EXPECT_EQ(*legacy->source_text, text);
  EXPECT_EQ(v2->source_text, nullptr);
}

TEST_P(BackendContractTest, TheTwoFormsOfACategoryAreIndependent) {
  source_->Set(kLegacy, DocumentJson({"old"}));
  source_->Set(kV2, DocumentJson({"new", "newer"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr legacy, Fetch(kLegacy));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr v2, Fetch(kV2));
  EXPECT_THAT(NamesOf(*legacy->document), ElementsAre("old"));
  EXPECT_THAT(NamesOf(*v2->document), ElementsAre("new", "newer"));
}

TEST_P(BackendContractTest, AMissingDocumentIsNotFoundInBothForms) {
  EXPECT_THAT(Fetch(kV2), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Fetch(kLegacy), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(BackendContractTest, AnUnknownCategoryIsNotFound) {
  EXPECT_THAT(Fetch({"no_such_category", Format::kV2}), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(BackendContractTest, AnEmptyObjectIsADocumentWithoutRecords) {
  source_->Set(kV2, "{}");
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, Fetch(kV2));
  EXPECT_EQ(snapshot->document->record_count(), 0u);
}

TEST_P(BackendContractTest, WhatDoesNotParseIsDataLossAndHidesNoOtherDocument) {
  for (const char* text : {"", "{\"a\": {", "[]", "<html></html>", "{\"a\": {}} x"}) {
    source_->Set(kV2, text);
    EXPECT_THAT(Refetch(kV2), StatusIs(absl::StatusCode::kDataLoss)) << text;
  }
  source_->Set(kLegacy, DocumentJson({"a"}));
  EXPECT_THAT(Fetch(kLegacy), IsOk());
}

TEST_P(BackendContractTest, ABadRecordHidesOnlyItselfAndIsNamed) {
  source_->Set(kV2, R"({"good": {}, "bad": 7, "fine": {"x": null}})");
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, Fetch(kV2));
  EXPECT_THAT(NamesOf(*snapshot->document), ElementsAre("good", "fine"));
  ASSERT_THAT(snapshot->problems, SizeIs(1));
  EXPECT_EQ(snapshot->problems[0].name, "bad");
}

TEST_P(BackendContractTest, AForcedFetchSeesEveryChange) {
  source_->Set(kV2, DocumentJson({"a"}));
  ASSERT_THAT(Fetch(kV2), IsOk());
  source_->Set(kV2, DocumentJson({"a", "b"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr forced, Refetch(kV2));
  EXPECT_THAT(NamesOf(*forced->document), ElementsAre("a", "b"));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr next, Fetch(kV2));
  EXPECT_THAT(NamesOf(*next->document), ElementsAre("a", "b"));
}

TEST_P(BackendContractTest, AForcedFetchFailsWhenTheSourceDoes) {
  source_->Set(kV2, DocumentJson({"a"}));
  ASSERT_THAT(Fetch(kV2), IsOk());
  source_->Set(kV2, "{");
  EXPECT_THAT(Refetch(kV2), StatusIs(absl::StatusCode::kDataLoss));
  source_->Remove(kV2);
  EXPECT_THAT(Refetch(kV2), StatusIs(absl::StatusCode::kNotFound));
  source_->Set(kV2, DocumentJson({"healed"}));
  EXPECT_THAT(Refetch(kV2), IsOk());
}

TEST_P(BackendContractTest, AnotherContentHasAnotherVersion) {
  source_->Set(kV2, DocumentJson({"a"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr before, Fetch(kV2));
  source_->Set(kV2, DocumentJson({"b"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr after, Refetch(kV2));
  EXPECT_NE(before->version, after->version);
}

TEST_P(BackendContractTest, ASnapshotStaysAsItWasWhenTheSourceChanges) {
  source_->Set(kLegacy, DocumentJson({"a"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr held, Fetch(kLegacy));
  const Etag etag = held->document->etag();
  source_->Set(kLegacy, DocumentJson({"b", "c"}));
  ASSERT_THAT(Refetch(kLegacy), IsOk());
  EXPECT_THAT(NamesOf(*held->document), ElementsAre("a"));
  EXPECT_EQ(held->document->etag(), etag);
  EXPECT_EQ(*held->source_text, DocumentJson({"a"}));
}

TEST_P(BackendContractTest, BothFormsOfAFetchGiveEqualAnswers) {
  source_->Set(kV2, DocumentJson({"a", "b"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr one, Fetch(kV2));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr other,
                       source_->backend().Fetch(kV2, FetchMode::kAllowCaches));
  EXPECT_EQ(one->document->etag(), other->document->etag());
  EXPECT_EQ(one->version, other->version);
}

TEST_P(BackendContractTest, FetchAllAnswersForEveryCategory) {
  source_->Set(kV2, DocumentJson({"a"}));
  source_->Set({"clip", Format::kV2}, "{");
  const auto all = FetchAll(source_->backend(), Format::kV2, FetchMode::kAllowCaches);
  EXPECT_EQ(all.size(), source_->backend().Categories().size());
  EXPECT_THAT(all.at("image_generation"), IsOk());
  EXPECT_THAT(all.at("clip"), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(BackendContractTest, ListsItsCategoriesInAStableOrder) {
  const std::vector<std::string> categories = source_->backend().Categories();
  EXPECT_THAT(categories, Contains("image_generation"));
  EXPECT_THAT(categories, Contains("clip"));
  EXPECT_EQ(categories, source_->backend().Categories());
}

TEST_P(BackendContractTest, ServesManyThreadsWhileTheSourceChanges) {
  source_->Set(kV2, DocumentJson({"a"}));
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([this, i] {
      for (int n = 0; n < 25; ++n) {
        const auto mode = (n + i) % 2 == 0 ? FetchMode::kBypassCaches : FetchMode::kAllowCaches;
        const absl::StatusOr<SnapshotPtr> snapshot = Fetch(kV2, mode);
        ASSERT_THAT(snapshot, IsOk());
        EXPECT_THAT(NamesOf(*(*snapshot)->document), Contains("a"));
      }
    });
  }
  for (int n = 0; n < 25; ++n) {
    source_->Set(kV2, n % 2 == 0 ? DocumentJson({"a", "b"}) : DocumentJson({"a"}));
  }
  for (std::thread& reader : readers) reader.join();
}

std::string NameOf(const ::testing::TestParamInfo<BackendContractTest::ParamType>& param) {
  const bool blocking = std::get<Form>(param.param) == Form::kBlocking;
  return std::get<HarnessMaker>(param.param).name + (blocking ? "Blocking" : "Asynchronous");
}

INSTANTIATE_TEST_SUITE_P(Everywhere, BackendContractTest,
                         ::testing::Combine(::testing::ValuesIn(AllBackends()),
                                            ::testing::Values(Form::kBlocking,
                                                              Form::kAsynchronous)),
                         NameOf);

}  // namespace
}  // namespace modelref
