// Writes of v2 models, over a real server.

#include "service/write_service.h"

#include <gmock/gmock.h>

#include "backends/base/error.h"
#include "tests/service/write_calls.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kUuid[] = "0b6bb1c8-4d2c-4d67-9a54-5d1f0f2a1b77";

class WriteServiceTest : public ::testing::Test {
 protected:
  const Document& Clip() { return *server_.store().root()->Find(kClip)->document; }
  std::string JsonOf(const std::string& name) {
    const Entry* entry = Clip().Find(name);
    return entry == nullptr ? "" : entry->record->json;
  }
  int64_t Now() { return absl::ToUnixSeconds(server_.clock().TimeNow()); }

  ServiceFixture server_{ServiceFixture::Options{}};
  WriteCalls calls_{server_};
};

TEST_F(WriteServiceTest, ACreatedModelIsCommittedWithItsTimes) {
  const auto put = calls_.Put(PutRequest("clip", "a", R"({"name":"a","description":"d"})"));
  ASSERT_THAT(put, IsOk());
  const v1::Committed& committed = put->committed();
  EXPECT_TRUE(committed.changed());
  EXPECT_EQ(committed.position().revision(), server_.store().root()->revision);
  EXPECT_EQ(put->header().revision(), committed.position().revision());
  EXPECT_EQ(committed.etag(), AsBytes(Clip().Find("a")->record->etag));
  EXPECT_EQ(committed.document_etag(), server_.Etag());
  EXPECT_EQ(JsonOf("a"), absl::StrCat(R"({"name":"a","description":"d","metadata":{"created_at":)",
                                      Now(), R"(,"updated_at":)", Now(), "}}"));
}

TEST_F(WriteServiceTest, AnUpdateKeepsWhenAndByWhomTheModelWasMade) {
  ASSERT_THAT(calls_.Put(PutRequest(
                  "clip", "a", R"({"name":"a","metadata":{"created_at":5,"created_by":"x"}})")),
              IsOk());
  server_.clock().Advance(absl::Seconds(100));
  ASSERT_THAT(calls_.Put(PutRequest(
                  "clip", "a", R"({"name":"a","version":"2","metadata":{"created_by":"thief"}})")),
              IsOk());
  EXPECT_THAT(JsonOf("a"), HasSubstr(R"("created_by":"x")"));
  EXPECT_THAT(JsonOf("a"), HasSubstr(R"("created_at":5)"));
  EXPECT_THAT(JsonOf("a"), HasSubstr(absl::StrCat("\"updated_at\":", Now())));
}

TEST_F(WriteServiceTest, TheSameContentAgainChangesNothing) {
  const auto first = calls_.Put(PutRequest("clip", "a", R"({"name":"a","version":"1"})"));
  ASSERT_THAT(first, IsOk());
  server_.clock().Advance(absl::Seconds(100));
  ASSERT_THAT(calls_.Put(PutRequest("clip", "b", R"({"name":"b"})")), IsOk());
  const auto again = calls_.Put(PutRequest("clip", "a", R"({"version":"1","name":"a"})"));
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(again->committed().changed());
  EXPECT_EQ(again->committed().etag(), first->committed().etag());
  EXPECT_EQ(again->committed().position().SerializeAsString(),
            first->committed().position().SerializeAsString());
  EXPECT_EQ(again->committed().commit_time().seconds(), first->committed().commit_time().seconds());
  EXPECT_EQ(server_.store().root()->revision, 2u);
}

TEST_F(WriteServiceTest, TheOrderOfNestedMembersIsNoChange) {
  constexpr char kRecord[] = R"({"name":"a","mine":[{"x":1,"y":{"p":1,"q":2}}]})";
  constexpr char kSame[] = R"({"mine":[{"y":{"q":2,"p":1},"x":1}],"name":"a"})";
  ASSERT_THAT(calls_.Put(PutRequest("clip", "a", kRecord)), IsOk());
  const auto again = calls_.Put(PutRequest("clip", "a", kSame));
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(again->committed().changed());
  EXPECT_THAT(JsonOf("a"), HasSubstr(R"("mine":[{"x":1,"y":{"p":1,"q":2}}])"));
}

TEST_F(WriteServiceTest, FieldsOfAnotherModelAreRefused) {
  v1::PutModelRequest put;
  put.set_category("clip");
  put.set_name("a");
  put.mutable_model()->set_description("d");
  put.mutable_model()->set_name("b");
  const auto refused = calls_.Put(put);
  EXPECT_THAT(refused, HasReason("BAD_FIELD"));
  EXPECT_EQ(ExtrasOf(refused.status()).field_violations[0].field, "model.name");
  put.mutable_model()->set_name("a");
  EXPECT_THAT(calls_.Put(put), IsOk());
}

TEST_F(WriteServiceTest, ModesSayWhichModelsAWriteMayMeet) {
  v1::PutModelRequest create = PutRequest("clip", "a", "{}");
  create.set_mode(v1::WRITE_MODE_CREATE_ONLY);
  v1::PutModelRequest update = create;
  update.set_mode(v1::WRITE_MODE_UPDATE_ONLY);
  EXPECT_THAT(calls_.Put(update), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(calls_.Put(update), HasReason("MODEL_NOT_FOUND"));
  EXPECT_THAT(calls_.Put(create), IsOk());
  EXPECT_THAT(calls_.Put(create), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(calls_.Put(create), HasReason("MODEL_EXISTS"));
  EXPECT_THAT(calls_.Put(update), IsOk());
  create.set_mode(static_cast<v1::WriteMode>(77));
  EXPECT_THAT(calls_.Put(create), HasReason("BAD_FIELD"));
}

TEST_F(WriteServiceTest, AnEtagThatIsOutdatedKeepsTheOtherChange) {
  const auto first = calls_.Put(PutRequest("clip", "a", R"({"version":"1"})"));
  ASSERT_THAT(first, IsOk());
  v1::PutModelRequest second = PutRequest("clip", "a", R"({"version":"2"})");
  second.set_if_match(first->committed().etag());
  ASSERT_THAT(calls_.Put(second), IsOk());
  second.set_json(R"({"version":"3"})");
  EXPECT_THAT(calls_.Put(second), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(calls_.Put(second), HasReason("ETAG_MISMATCH"));
  EXPECT_THAT(JsonOf("a"), HasSubstr(R"("version":"2")"));
  v1::DeleteModelRequest remove = DeleteRequest("clip", "a");
  remove.set_if_match(first->committed().etag());
  EXPECT_THAT(calls_.Delete(remove), HasReason("ETAG_MISMATCH"));
  remove.set_if_match("short");
  EXPECT_THAT(calls_.Delete(remove), HasReason("BAD_FIELD"));
}

TEST_F(WriteServiceTest, ADeletedModelIsGoneAndAnAbsentOneIsAnError) {
  ASSERT_THAT(calls_.Put(PutRequest("clip", "a", "{}")), IsOk());
  const auto removed = calls_.Delete(DeleteRequest("clip", "a"));
  ASSERT_THAT(removed, IsOk());
  EXPECT_EQ(removed->committed().etag(), "");
  EXPECT_TRUE(removed->committed().changed());
  EXPECT_EQ(Clip().record_count(), 0u);
  EXPECT_THAT(calls_.Delete(DeleteRequest("clip", "a")), HasReason("MODEL_NOT_FOUND"));
}

TEST_F(WriteServiceTest, EveryBadFieldIsNamedAndNothingIsWritten) {
  const auto put = calls_.Put(
      PutRequest("image_generation", "a", R"({"name":"b","baseline":"nonsense","style":7})"));
  ASSERT_THAT(put, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(put, HasReason("INVALID_RECORD"));
  std::vector<std::string> fields;
  for (const FieldViolation& violation : ExtrasOf(put.status()).field_violations) {
    fields.push_back(violation.field);
  }
  EXPECT_THAT(fields, ::testing::UnorderedElementsAre("json.name", "json.baseline", "json.style",
                                                      "json.nsfw"));
  EXPECT_EQ(server_.store().root()->revision, 0u);
}

TEST_F(WriteServiceTest, WhatIsNoRecordIsRefusedWithItsReason) {
  EXPECT_THAT(calls_.Put(PutRequest("clip", "a", "{")), HasReason("BAD_JSON"));
  EXPECT_THAT(calls_.Put(PutRequest("clip", "a", "[]")), HasReason("BAD_JSON"));
  EXPECT_THAT(calls_.Put(PutRequest("clip", "a", "{\"x\":\"\xFF\"}")), HasReason("BAD_JSON"));
  EXPECT_THAT(calls_.Put(PutRequest("clip", "", "{}")), HasReason("BAD_MODEL_NAME"));
  EXPECT_THAT(calls_.Put(PutRequest("clip", "a\nb", "{}")), HasReason("BAD_MODEL_NAME"));
  EXPECT_THAT(calls_.Put(PutRequest("nothing", "a", "{}")), HasReason("CATEGORY_NOT_FOUND"));
  std::string deep = "{\"x\":" + std::string(70, '[') + std::string(70, ']') + "}";
  EXPECT_THAT(calls_.Put(PutRequest("clip", "a", deep)), HasReason("JSON_TOO_DEEP"));
  const std::string large = "{\"x\":\"" + std::string((1 << 20) + 1, 'x') + "\"}";
  EXPECT_THAT(calls_.Put(PutRequest("clip", "a", large)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(calls_.Put(PutRequest("clip", "a", large)), HasReason("RECORD_TOO_LARGE"));
  v1::PutModelRequest nothing = PutRequest("clip", "a", "{}");
  nothing.clear_content();
  EXPECT_THAT(calls_.Put(nothing), HasReason("BAD_FIELD"));
  v1::PutModelRequest legacy = PutRequest("clip", "a", "{}");
  legacy.set_format(v1::FORMAT_LEGACY);
  EXPECT_THAT(calls_.Put(legacy), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(calls_.Put(legacy), HasReason("WRONG_FORMAT"));
  EXPECT_EQ(server_.store().root()->revision, 0u);
}

TEST_F(WriteServiceTest, TypedFieldsChangeOnlyWhatIsSet) {
  ASSERT_THAT(calls_.Put(PutRequest("clip", "a", R"({"name":"a","extra":1.0,"version":"1"})")),
              IsOk());
  v1::PutModelRequest request;
  request.set_category("clip");
  request.set_name("a");
  request.mutable_model()->set_version("2");
  ASSERT_THAT(calls_.Put(request), IsOk());
  EXPECT_THAT(JsonOf("a"), HasSubstr(R"("extra":1.0)"));
  EXPECT_THAT(JsonOf("a"), HasSubstr(R"("version":"2")"));
  request.mutable_model()->set_json("{}");
  EXPECT_THAT(calls_.Put(request), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(WriteServiceTest, ManyModelsAreWrittenTogetherOrNotAtAll) {
  v1::WriteModelsRequest request;
  request.set_category("clip");
  for (const char* name : {"a", "b"}) {
    v1::PutOperation* put = request.add_operations()->mutable_put();
    put->set_name(name);
    put->set_json("{}");
  }
  const auto both = calls_.Write(request);
  ASSERT_THAT(both, IsOk());
  EXPECT_EQ(both->operations_size(), 2);
  EXPECT_EQ(both->committed().etag(), server_.Etag());
  EXPECT_EQ(server_.store().root()->revision, 2u);
  v1::WriteModelsRequest bad;
  bad.set_category("clip");
  bad.add_operations()->mutable_delete_()->set_name("a");
  bad.add_operations()->mutable_put()->set_name("c");
  bad.mutable_operations(1)->mutable_put()->set_json("7");
  const auto refused = calls_.Write(bad);
  ASSERT_THAT(refused, HasReason("BAD_JSON"));
  ASSERT_THAT(ExtrasOf(refused.status()).field_violations, SizeIs(1));
  EXPECT_EQ(ExtrasOf(refused.status()).field_violations[0].field, "operations[1].put.json");
  EXPECT_EQ(Clip().record_count(), 2u);
  request.set_if_match(std::string(32, 'x'));
  EXPECT_THAT(calls_.Write(request), HasReason("ETAG_MISMATCH"));
  request.clear_if_match();
  *request.add_operations() = request.operations(0);
  EXPECT_THAT(calls_.Write(request), HasReason("DUPLICATE_OPERATION"));
  request.clear_operations();
  EXPECT_THAT(calls_.Write(request), HasReason("BAD_FIELD"));
  for (int i = 0; i < 1001; ++i) request.add_operations()->mutable_delete_()->set_name("x");
  EXPECT_THAT(calls_.Write(request), HasReason("TOO_MANY_OPERATIONS"));
}

TEST_F(WriteServiceTest, ValidationTellsEverythingAndChangesNothing) {
  ASSERT_THAT(calls_.Put(PutRequest("clip", "a", R"({"name":"a","version":"1"})")), IsOk());
  v1::PutModelRequest request = PutRequest("clip", "a", R"({"name":"a","version":"2"})");
  request.mutable_options()->set_validate_only(true);
  const auto checked = calls_.Put(request);
  ASSERT_THAT(checked, IsOk());
  const v1::Validated& validated = checked->validated();
  EXPECT_EQ(validated.violation_count(), 0u);
  EXPECT_EQ(validated.etag().size(), 32u);
  ASSERT_EQ(validated.diff_size(), 1);
  EXPECT_EQ(validated.diff(0).net_operation(), v1::NET_OPERATION_MODIFIED);
  std::vector<std::string> paths;
  for (const v1::FieldDiff& field : validated.diff(0).fields()) paths.push_back(field.field_path());
  EXPECT_THAT(paths, ::testing::Contains("version"));
  request.set_json(R"({"name":"z","version":7})");
  request.set_if_match(std::string(32, 'x'));
  const auto bad = calls_.Put(request);
  ASSERT_THAT(bad, IsOk());
  EXPECT_EQ(bad->validated().violation_count(), 3u);
  EXPECT_EQ(bad->validated().violations(0).reason(), "ETAG_MISMATCH");
  request.clear_if_match();
  const auto fields = calls_.Put(request);
  ASSERT_THAT(fields, IsOk());
  EXPECT_EQ(fields->validated().violation_count(), 2u);
  EXPECT_EQ(server_.store().root()->revision, 1u);
}

TEST_F(WriteServiceTest, TheTrailNamesTheCause) {
  v1::PutModelRequest request = PutRequest("clip", "a", "{}");
  request.mutable_options()->set_request_id(kUuid);
  ASSERT_THAT(calls_.Put(request), IsOk());
  request.set_json(R"({"version":"2"})");
  request.mutable_options()->set_request_id("0B6BB1C8-4D2C-4D67-9A54-000000000000");
  request.mutable_options()->set_audit_request_id("job 7");
  ASSERT_THAT(calls_.Put(request), IsOk());
  std::vector<std::string> causes;
  ASSERT_THAT(server_.store().Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(
        Statement query,
        database.Prepare("SELECT request, caller FROM transactions ORDER BY revision"));
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return absl::OkStatus();
      causes.push_back(absl::StrCat(query.Bytes(0), " by ", query.Bytes(1)));
    }
  }),
              IsOk());
  EXPECT_THAT(causes, ElementsAre(absl::StrCat(kUuid, " by anonymous"), "job 7 by anonymous"));
  request.mutable_options()->set_audit_request_id("two\nlines");
  EXPECT_THAT(calls_.Put(request), HasReason("BAD_FIELD"));
  request.mutable_options()->set_audit_request_id(std::string(121, 'x'));
  EXPECT_THAT(calls_.Put(request), HasReason("BAD_FIELD"));
}

TEST_F(WriteServiceTest, ThereIsNoQueueToWriteTo) {
  v1::PutModelRequest request = PutRequest("clip", "a", "{}");
  request.mutable_options()->set_route(v1::WRITE_ROUTE_QUEUE);
  EXPECT_THAT(calls_.Put(request), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(calls_.Put(request), HasReason("QUEUE_DISABLED"));
  request.mutable_options()->set_route(v1::WRITE_ROUTE_DIRECT);
  EXPECT_THAT(calls_.Put(request), IsOk());
}

TEST_F(WriteServiceTest, TextModelsAreNormalised) {
  ASSERT_THAT(calls_.Put(PutRequest("text_generation", "Author/Model-7B",
                                    R"({"name":"Author/Model-7B","parameters":"7000000000"})")),
              IsOk());
  const DocumentKey key{"text_generation", Format::kV2};
  const Entry* entry = server_.store().root()->Find(key)->document->Find("Author/Model-7B");
  ASSERT_NE(entry, nullptr);
  EXPECT_THAT(entry->record->json, HasSubstr(R"("parameters":7000000000)"));
  EXPECT_THAT(calls_.Put(PutRequest("text_generation", "koboldcpp/Model-7B", "{}")),
              HasReason("BACKEND_PREFIXED_NAME"));
  EXPECT_THAT(calls_.Put(PutRequest("text_generation", "https://x/y", "{}")),
              HasReason("BAD_MODEL_NAME"));
}

TEST_F(WriteServiceTest, ManyWritesOneAfterTheOtherLeaveTheRightSet) {
  std::set<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    const std::string name = absl::StrCat("m", i % 40);
    if (i % 3 == 2 && expected.count(name) > 0) {
      ASSERT_THAT(calls_.Delete(DeleteRequest("clip", name)), IsOk());
      expected.erase(name);
    } else {
      ASSERT_THAT(calls_.Put(PutRequest("clip", name, absl::StrCat(R"({"version":")", i, "\"}"))),
                  IsOk());
      expected.insert(name);
    }
  }
  std::set<std::string> present;
  Clip().ForEach([&](const Entry& entry) { present.insert(entry.record->name); });
  EXPECT_EQ(present, expected);
}

TEST_F(WriteServiceTest, AV2WriteLeavesTheLegacyDocumentAlone) {
  CommitTo(server_.store(), Edit(kLegacyClip, {modelref::testing::Put("a", "old")}));
  ASSERT_THAT(calls_.Put(PutRequest("clip", "a", R"({"version":"2"})")), IsOk());
  EXPECT_EQ(server_.store().root()->Find(kLegacyClip)->mod_revision, 1u);
}

TEST_F(WriteServiceTest, ADocumentHasALimit) {
  ServiceFixture::Options options;
  options.writes.limits.document_bytes = 300;
  ServiceFixture small(options);
  WriteCalls calls(small);
  const std::string record = R"({"x":")" + std::string(100, 'x') + "\"}";
  EXPECT_THAT(calls.Put(PutRequest("clip", "a", record)), IsOk());
  EXPECT_THAT(calls.Put(PutRequest("clip", "b", record)), HasReason("DOCUMENT_TOO_LARGE"));
  EXPECT_THAT(calls.Put(PutRequest("clip", "a", R"({"x":"y"})")), IsOk());
}

TEST_F(WriteServiceTest, AServerThatCommitsNothingSaysWhy) {
  ServiceFixture::Options options;
  options.writes.refusal = Error(absl::StatusCode::kFailedPrecondition, "READ_ONLY_REPLICA",
                                 "write to h:1", {.metadata = {{"primary", "h:1"}}});
  ServiceFixture replica(options);
  WriteCalls calls(replica);
  const auto put = calls.Put(PutRequest("clip", "a", "{}"));
  EXPECT_THAT(put, HasReason("READ_ONLY_REPLICA"));
  EXPECT_EQ(ExtrasOf(put.status()).metadata["primary"], "h:1");
}

// Reason and field of each, "ETAG_MISMATCH" or "INVALID_RECORD version".
std::vector<std::string> Violations(const v1::Validated& validated) {
  std::vector<std::string> violations;
  for (const v1::Violation& violation : validated.violations()) {
    violations.push_back(violation.reason());
    if (!violation.field().empty()) violations.back() += " " + violation.field();
  }
  return violations;
}

TEST_F(WriteServiceTest, WhatIsWrongWithARecordIsToldAlsoWhereItMayNotBeWritten) {
  ASSERT_THAT(calls_.Put(PutRequest("clip", "a", "{}")), IsOk());
  v1::PutModelRequest put = PutRequest("clip", "a", R"({"version":1,"mine":1e999})");
  put.mutable_options()->set_validate_only(true);
  put.set_mode(v1::WRITE_MODE_CREATE_ONLY);
  auto checked = calls_.Put(put);
  ASSERT_THAT(checked, IsOk());
  EXPECT_THAT(Violations(checked->validated()),
              ElementsAre("MODEL_EXISTS", "INVALID_RECORD mine", "INVALID_RECORD version"));
  put.set_mode(v1::WRITE_MODE_UPSERT);
  put.set_if_match(std::string(32, 'x'));
  checked = calls_.Put(put);
  ASSERT_THAT(checked, IsOk());
  EXPECT_THAT(Violations(checked->validated()),
              ElementsAre("ETAG_MISMATCH", "INVALID_RECORD mine", "INVALID_RECORD version"));
  // Fields of a model that does not exist cannot be judged.
  v1::PutModelRequest fields;
  fields.set_category("clip");
  fields.set_name("none");
  fields.set_mode(v1::WRITE_MODE_UPDATE_ONLY);
  fields.mutable_model()->set_baseline("b");
  EXPECT_THAT(calls_.Put(fields), HasReason("MODEL_NOT_FOUND"));
  EXPECT_EQ(JsonOf("a").find("version"), std::string::npos);
  // What is outdated is the error.
  put.mutable_options()->set_validate_only(false);
  EXPECT_THAT(calls_.Put(put), HasReason("ETAG_MISMATCH"));
}

TEST_F(WriteServiceTest, TheContentOfARepeatedOperationIsJudgedToo) {
  v1::WriteModelsRequest request;
  request.set_category("clip");
  for (const char* json : {"{}", R"({"version":1})"}) {
    v1::PutOperation* put = request.add_operations()->mutable_put();
    put->set_name("a");
    put->set_json(json);
  }
  request.mutable_options()->set_validate_only(true);
  const auto checked = calls_.Write(request);
  ASSERT_THAT(checked, IsOk());
  EXPECT_THAT(Violations(checked->validated()),
              ElementsAre("DUPLICATE_OPERATION", "INVALID_RECORD version"));
  request.mutable_options()->set_validate_only(false);
  const auto refused = calls_.Write(request);
  EXPECT_THAT(refused, HasReason("DUPLICATE_OPERATION"));
  EXPECT_EQ(ExtrasOf(refused.status()).field_violations.back().field,
            "operations[1].put.json.version");
}

TEST_F(WriteServiceTest, ANameIsComplainedOfOnce) {
  const auto violations = [&](const std::string& category, const std::string& name) {
    v1::PutModelRequest put = PutRequest(category, name, R"({"parameters":1})");
    put.mutable_options()->set_validate_only(true);
    const auto checked = calls_.Put(put);
    EXPECT_THAT(checked, IsOk());
    return checked.ok() ? Violations(checked->validated()) : std::vector<std::string>();
  };
  EXPECT_THAT(violations("clip", std::string(513, 'x')), ElementsAre("BAD_MODEL_NAME"));
  EXPECT_THAT(violations("text_generation", "koboldcpp/M"), ElementsAre("BACKEND_PREFIXED_NAME"));
  EXPECT_THAT(violations("text_generation", "https://x/M"), ElementsAre("BAD_MODEL_NAME"));
}

}  // namespace
}  // namespace modelref::testing
