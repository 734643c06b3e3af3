// Writes under a legacy canonical format, over a real server.

#include <gmock/gmock.h>

#include <set>

#include "absl/strings/str_replace.h"
#include "tests/service/write_calls.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const DocumentKey kLegacyImages{"image_generation", Format::kLegacy};
const DocumentKey kLegacyText{"text_generation", Format::kLegacy};
const DocumentKey kText{"text_generation", Format::kV2};

constexpr char kImage[] = R"({"name":"m","baseline":"stable diffusion 1","type":"ckpt",)"
                          R"("inpainting":false,"nsfw":true,"min_bridge_version":5,"csam":[1],)"
                          R"("config":{"files":[{"path":"m.ckpt","sha256sum":")"
                          R"(0123456789012345678901234567890123456789012345678901234567890123"}],)"
                          R"("download":[{"file_name":"m.ckpt","file_url":"https://x/m"}]}})";

std::string NamedImage(const std::string& name) {
  return absl::StrReplaceAll(kImage, {{R"("name":"m")", absl::StrCat(R"("name":")", name, "\"")}});
}

v1::PutOperation PutOperation(const std::string& name, const std::string& json) {
  v1::PutOperation put;
  put.set_name(name);
  put.set_json(json);
  return put;
}

class WriteLegacyTest : public ::testing::Test {
 protected:
  static ServiceFixture::Options Options() {
    ServiceFixture::Options options;
    options.canonical = Format::kLegacy;
    return options;
  }
  std::string JsonOf(const DocumentKey& key, const std::string& name) {
    const Entry* entry = server_.store().root()->Find(key)->document->Find(name);
    return entry == nullptr ? "" : entry->record->json;
  }
  std::vector<std::string> NamesOf(const DocumentKey& key) {
    std::vector<std::string> names;
    server_.store().root()->Find(key)->document->ForEach(
        [&](const Entry& entry) { names.push_back(entry.record->name); });
    return names;
  }
  std::string SourceText(const std::string& category) {
    v1::GetCategoryRequest request;
    request.set_category(category);
    request.set_format(v1::FORMAT_LEGACY);
    request.set_representation(v1::REPRESENTATION_SOURCE_TEXT);
    v1::GetCategoryResponse response;
    grpc::ClientContext context;
    EXPECT_THAT(FromGrpcStatus(server_.reference().GetCategory(&context, request, &response)),
                IsOk());
    EXPECT_EQ(response.etag(), AsBytes(Sha256(response.json())));
    return response.json();
  }

  ServiceFixture server_{Options()};
  WriteCalls calls_{server_};
};

TEST_F(WriteLegacyTest, ALegacyWriteIsOneTransactionWithItsV2Record) {
  const auto put = calls_.Put(PutRequest("image_generation", "m", kImage));
  ASSERT_THAT(put, IsOk());
  const RootPtr root = server_.store().root();
  EXPECT_EQ(root->Find(kLegacyImages)->mod_revision, 2u);
  EXPECT_EQ(root->Find(kImages)->mod_revision, 2u);
  EXPECT_EQ(put->committed().position().revision(), 2u);
  EXPECT_THAT(JsonOf(kImages, "m"), HasSubstr(R"("baseline":"stable_diffusion_1")"));
  EXPECT_THAT(JsonOf(kLegacyImages, "m"), HasSubstr(R"("min_bridge_version":5)"));
  EXPECT_THAT(JsonOf(kLegacyImages, "m"), HasSubstr(R"("csam":[1])"));
}

TEST_F(WriteLegacyTest, TheFirstLegacyWriteDerivesTheWholeCategory) {
  CommitTo(server_.store(),
           Edit(kLegacyImages,
                {{"a", MakeRecord("a", R"({"name":"a","baseline":"stable diffusion 2"})")},
                 {"bad", MakeRecord("bad", R"({"name":"bad","baseline":5})")},
                 {"gone", MakeRecord("gone", R"({"name":"gone","baseline":"x"})")},
                 {"m", MakeRecord("m", R"({"name":"m","baseline":"x"})")},
                 {"z", MakeRecord("z", R"({"name":"z","baseline":"stable_cascade"})")}}));
  v1::WriteModelsRequest request;
  request.set_category("image_generation");
  *request.add_operations()->mutable_put() = PutOperation("m", kImage);
  *request.add_operations()->mutable_put() = PutOperation("new", NamedImage("new"));
  request.add_operations()->mutable_delete_()->set_name("gone");
  v1::WriteModelsRequest check = request;
  check.mutable_options()->set_validate_only(true);
  const auto validated = calls_.Write(check);
  ASSERT_THAT(validated, IsOk());
  ASSERT_EQ(validated->validated().warnings_size(), 1);
  EXPECT_EQ(validated->validated().warnings(0).reason(), "NOT_CONVERTED");
  EXPECT_EQ(validated->validated().warnings(0).model(), "bad");
  ASSERT_THAT(calls_.Write(request), IsOk());
  EXPECT_THAT(NamesOf(kImages), ElementsAre("a", "m", "z", "new"));
  EXPECT_THAT(JsonOf(kImages, "a"), HasSubstr(R"("baseline":"stable_diffusion_2_768")"));
  EXPECT_THAT(JsonOf(kImages, "m"), HasSubstr(R"("baseline":"stable_diffusion_1")"));
  // From then on a model that is missing there is missing on purpose.
  CommitTo(server_.store(), Edit(kImages, {Remove("z")}));
  ASSERT_THAT(calls_.Delete(DeleteRequest("image_generation", "new")), IsOk());
  EXPECT_THAT(NamesOf(kImages), ElementsAre("a", "m"));
}

TEST_F(WriteLegacyTest, TheFirstLegacyWriteOfALargeCategoryDerivesItWholesale) {
  std::vector<RecordChange> models;
  for (int i = 0; i < 2000; ++i) {
    const std::string name = absl::StrCat("m", i);
    models.push_back({name, MakeRecord(name, absl::StrCat(R"({"name":")", name, "\"}"))});
  }
  CommitTo(server_.store(), Edit({"clip", Format::kLegacy}, std::move(models)));
  ASSERT_THAT(calls_.Put(PutRequest("clip", "c", R"({"name":"c"})")), IsOk());
  EXPECT_EQ(server_.store().root()->Find(kClip)->document->record_count(), 2001u);
}

TEST_F(WriteLegacyTest, ALegacyWriteOverADamagedV2DocumentIsRefused) {
  CommitTo(server_.store(),
           Edit(kLegacyImages, {{"a", MakeRecord("a", R"({"name":"a","baseline":"x"})")}}));
  server_.store().SetDamage(kImages, absl::DataLossError("line 3"));
  for (const bool validates : {false, true}) {
    v1::PutModelRequest put = PutRequest("image_generation", "m", kImage);
    put.mutable_options()->set_validate_only(validates);
    const auto answer = calls_.Put(put);
    if (validates) {
      ASSERT_THAT(answer, IsOk());
      EXPECT_EQ(answer->validated().violations(0).reason(), "DOCUMENT_DAMAGED");
    } else {
      EXPECT_THAT(answer, StatusIs(absl::StatusCode::kFailedPrecondition,
                                   HasSubstr("image_generation/v2 is damaged: line 3")));
      EXPECT_THAT(answer, HasReason("DOCUMENT_DAMAGED"));
    }
  }
  EXPECT_THAT(calls_.Delete(DeleteRequest("image_generation", "a")), HasReason("DOCUMENT_DAMAGED"));
  EXPECT_FALSE(server_.store().root()->Find(kImages)->damage.ok());
  EXPECT_THAT(NamesOf(kImages), ElementsAre());
  EXPECT_THAT(NamesOf(kLegacyImages), ElementsAre("a"));
}

TEST_F(WriteLegacyTest, WhatOnlyV2KnowsSurvivesALegacyWrite) {
  CommitTo(server_.store(),
           Edit(kImages, {{"m", MakeRecord("m", R"({"name":"m","ours":1,"metadata":)"
                                                R"({"created_at":5,"created_by":"x"}})")}}));
  ASSERT_THAT(calls_.Put(PutRequest("image_generation", "m", kImage)), IsOk());
  EXPECT_THAT(JsonOf(kImages, "m"), HasSubstr(R"("ours":1)"));
  EXPECT_THAT(JsonOf(kImages, "m"), HasSubstr(R"("created_at":5,"created_by":"x")"));
  EXPECT_THAT(JsonOf(kImages, "m"), HasSubstr(R"("baseline":"stable_diffusion_1")"));
}

TEST_F(WriteLegacyTest, NsfwAndVersionOfATextModelSurviveAWriteThatDoesNotTouchThem) {
  CommitTo(server_.store(),
           Edit(kText, {{"A/M", MakeRecord("A/M", R"({"name":"A/M","parameters":1,"nsfw":true,)"
                                                  R"("version":"2"})")}}));
  const auto put = [&](const std::string& json) {
    ASSERT_THAT(calls_.Put(PutRequest("text_generation", "A/M", json)), IsOk());
  };
  put(R"({"parameters":1,"description":"x"})");
  put(R"({"parameters":1,"description":"y"})");
  EXPECT_THAT(JsonOf(kText, "A/M"), HasSubstr(R"("description":"y")"));
  EXPECT_THAT(JsonOf(kText, "A/M"), HasSubstr(R"("nsfw":true)"));
  EXPECT_THAT(JsonOf(kText, "A/M"), HasSubstr(R"("version":"2")"));
  put(R"({"parameters":1,"version":"3","nsfw":true})");
  EXPECT_THAT(JsonOf(kText, "A/M"), HasSubstr(R"("version":"3")"));
  put(R"({"parameters":1,"version":"3","nsfw":false})");
  EXPECT_THAT(JsonOf(kText, "A/M"), HasSubstr(R"("nsfw":false)"));
}

TEST_F(WriteLegacyTest, ADeleteTakesTheV2RecordAlong) {
  ASSERT_THAT(calls_.Put(PutRequest("image_generation", "m", kImage)), IsOk());
  ASSERT_THAT(calls_.Delete(DeleteRequest("image_generation", "m")), IsOk());
  EXPECT_EQ(JsonOf(kImages, "m"), "");
  EXPECT_EQ(JsonOf(kLegacyImages, "m"), "");
  EXPECT_EQ(server_.store().root()->revision, 4u);
}

TEST_F(WriteLegacyTest, V2WritesAreOnlyForCategoriesWithoutALegacyForm) {
  v1::PutModelRequest v2 = PutRequest("image_generation", "m", "{}");
  v2.set_format(v1::FORMAT_V2);
  EXPECT_THAT(calls_.Put(v2), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(calls_.Put(v2), HasReason("WRONG_FORMAT"));
  EXPECT_THAT(calls_.Put(PutRequest("lora", "l", "{}")), IsOk());
  v1::PutModelRequest legacy = PutRequest("lora", "l", "{}");
  legacy.set_format(v1::FORMAT_LEGACY);
  EXPECT_THAT(calls_.Put(legacy), HasReason("WRONG_FORMAT"));
}

TEST_F(WriteLegacyTest, ATextModelIsListedUnderTheNamesOfTheBackendsToo) {
  ASSERT_THAT(calls_.Put(PutRequest("text_generation", "A/M-7B", R"({"parameters":7000000000})")),
              IsOk());
  EXPECT_THAT(NamesOf(kLegacyText), ElementsAre("A/M-7B", "aphrodite/A/M-7B", "koboldcpp/M-7B"));
  EXPECT_THAT(NamesOf(kText), ElementsAre("A/M-7B"));
  EXPECT_THAT(JsonOf(kLegacyText, "koboldcpp/M-7B"), HasSubstr(R"("name":"koboldcpp/M-7B")"));
  ASSERT_THAT(calls_.Delete(DeleteRequest("text_generation", "A/M-7B")), IsOk());
  EXPECT_THAT(NamesOf(kLegacyText), ElementsAre());
  EXPECT_THAT(NamesOf(kText), ElementsAre());
}

TEST_F(WriteLegacyTest, TwoModelsThatShareABackendNameDoNotHurtEachOther) {
  for (const char* name : {"A/M", "B/M"}) {
    ASSERT_THAT(calls_.Put(PutRequest("text_generation", name,
                                      absl::StrCat(R"({"parameters":1,"url":"https://)",
                                                   std::string(name).substr(0, 1), "\"}"))),
                IsOk());
  }
  // The later row counts.
  EXPECT_THAT(JsonOf(kLegacyText, "koboldcpp/M"), HasSubstr("https://B"));
  ASSERT_THAT(
      calls_.Put(PutRequest("text_generation", "A/M", R"({"parameters":2,"url":"https://C"})")),
      IsOk());
  EXPECT_THAT(JsonOf(kLegacyText, "koboldcpp/M"), HasSubstr("https://B"));
  ASSERT_THAT(calls_.Delete(DeleteRequest("text_generation", "B/M")), IsOk());
  EXPECT_THAT(JsonOf(kLegacyText, "koboldcpp/M"), HasSubstr("https://C"));
  ASSERT_THAT(calls_.Delete(DeleteRequest("text_generation", "A/M")), IsOk());
  EXPECT_THAT(NamesOf(kLegacyText), ElementsAre());
}

TEST_F(WriteLegacyTest, BothOwnersOfABackendNameMayGoInOneWrite) {
  for (const char* name : {"A/M", "B/M"}) {
    ASSERT_THAT(calls_.Put(PutRequest("text_generation", name, R"({"parameters":1})")), IsOk());
  }
  v1::WriteModelsRequest request;
  request.set_category("text_generation");
  for (const char* name : {"B/M", "A/M"})
    request.add_operations()->mutable_delete_()->set_name(name);
  ASSERT_THAT(calls_.Write(request), IsOk());
  EXPECT_THAT(NamesOf(kLegacyText), ElementsAre());
}

TEST_F(WriteLegacyTest, TheSourceTextFollowsTheWrites) {
  EXPECT_EQ(SourceText("clip"), "{}");
  ASSERT_THAT(calls_.Put(PutRequest("clip", "c", R"({"name":"c","type":"clip"})")), IsOk());
  EXPECT_EQ(SourceText("clip"),
            "{\n  \"c\": {\n    \"name\": \"c\",\n    \"type\": \"clip\"\n  }\n}");
  ASSERT_THAT(calls_.Put(PutRequest("text_generation", "A/M", R"({"parameters":1})")), IsOk());
  EXPECT_THAT(SourceText("text_generation"), HasSubstr("  \"koboldcpp/M\": {\n"));
  ASSERT_THAT(calls_.Delete(DeleteRequest("clip", "c")), IsOk());
  EXPECT_EQ(SourceText("clip"), "{}");
}

TEST_F(WriteLegacyTest, TheTrailNamesTheModelOnceInEachForm) {
  ASSERT_THAT(calls_.Put(PutRequest("text_generation", "A/M", R"({"parameters":1})")), IsOk());
  const auto history = server_.store().History(0, server_.store().root()->revision);
  ASSERT_TRUE(history.has_value());
  ASSERT_EQ(history->size(), 1u);
  EXPECT_EQ(history->front()->deltas.size(), 2u);
}

TEST_F(WriteLegacyTest, ACategoryWithoutALegacyFormIsReadWhereItIsWritten) {
  ASSERT_THAT(calls_.Put(PutRequest("lora", "l", "{}")), IsOk());
  v1::GetModelRequest get;
  get.set_category("lora");
  get.set_name("l");
  v1::GetModelResponse model;
  grpc::ClientContext get_context;
  EXPECT_THAT(FromGrpcStatus(server_.reference().GetModel(&get_context, get, &model)), IsOk());
  v1::ListCategoriesResponse list;
  grpc::ClientContext list_context;
  ASSERT_THAT(FromGrpcStatus(server_.reference().ListCategories(
                  &list_context, v1::ListCategoriesRequest(), &list)),
              IsOk());
  for (const v1::CategorySummary& summary : list.categories()) {
    const bool is_v2 = !FindBuiltInCategory(summary.category())->has_legacy();
    EXPECT_EQ(summary.format(), is_v2 ? v1::FORMAT_V2 : v1::FORMAT_LEGACY) << summary.category();
    EXPECT_EQ(summary.model_count(), summary.category() == "lora" ? 1u : 0u);
  }
  get.set_format(v1::FORMAT_LEGACY);
  grpc::ClientContext legacy_context;
  EXPECT_THAT(FromGrpcStatus(server_.reference().GetModel(&legacy_context, get, &model)),
              StatusIs(absl::StatusCode::kNotFound));
}

// The records of the legacy text document as `category get | category import` sends them.
std::vector<v1::ImportCategoryRequest> ImportOf(const Document& document) {
  std::vector<v1::ImportCategoryRequest> parts(3);
  parts[0].mutable_import_header()->set_category("text_generation");
  parts[0].mutable_import_header()->set_mode(v1::IMPORT_MODE_REPLACE);
  parts[1].mutable_import_batch();
  document.ForEach([&](const Entry& entry) {
    v1::ImportRecord* record = parts[1].mutable_import_batch()->add_records();
    record->set_name(entry.record->name);
    record->set_json(entry.record->json);
  });
  parts[2].mutable_import_commit()->set_record_count(document.record_count());
  parts[2].mutable_import_commit()->set_content_etag(std::string(AsBytes(document.etag())));
  return parts;
}

TEST_F(WriteLegacyTest, AnExportOfTextModelsCanBeImportedAsItIs) {
  for (const char* name : {"A/M", "B/M", "C/N"}) {
    ASSERT_THAT(calls_.Put(PutRequest("text_generation", name,
                                      absl::StrCat(R"({"parameters":1,"url":")", name, "\"}"))),
                IsOk());
  }
  const RootPtr before = server_.store().root();
  auto parts = ImportOf(*before->Find(kLegacyText)->document);
  const auto same = calls_.Import(parts);
  ASSERT_THAT(same, IsOk());
  EXPECT_EQ(same->unchanged(), 3u);
  EXPECT_EQ(same->skipped(), 0u);
  EXPECT_EQ(server_.store().root()->revision, before->revision);
  // Into an empty document it makes the same one.
  ASSERT_THAT(calls_.Delete(DeleteRequest("text_generation", "A/M")), IsOk());
  ASSERT_THAT(calls_.Import(parts), IsOk());
  std::set<std::string> names;
  for (const std::string& name : NamesOf(kLegacyText)) names.insert(name);
  EXPECT_EQ(names.size(), before->Find(kLegacyText)->document->record_count());
  EXPECT_THAT(JsonOf(kLegacyText, "koboldcpp/M"), HasSubstr("\"url\":\"B/M\""));
}

TEST_F(WriteLegacyTest, AnEntryThatDoesNotFollowFromItsModelIsNotImported) {
  ASSERT_THAT(calls_.Put(PutRequest("text_generation", "A/M", R"({"parameters":1})")), IsOk());
  auto parts = ImportOf(*server_.store().root()->Find(kLegacyText)->document);
  v1::ImportRecord* entry = parts[1].mutable_import_batch()->mutable_records(1);
  ASSERT_EQ(entry->name(), "aphrodite/A/M");
  entry->set_json(absl::StrReplaceAll(entry->json(), {{R"("nsfw":false)", R"("nsfw":true)"}}));
  EXPECT_THAT(calls_.Import(parts), HasReason("ETAG_MISMATCH"));
  parts[2].mutable_import_commit()->clear_content_etag();
  EXPECT_THAT(calls_.Import(parts), HasReason("BACKEND_PREFIXED_NAME"));
  parts[0].mutable_import_header()->set_skip_invalid(true);
  const auto skipped = calls_.Import(parts);
  ASSERT_THAT(skipped, IsOk());
  EXPECT_EQ(skipped->skipped(), 1u);
}

}  // namespace
}  // namespace modelref::testing
