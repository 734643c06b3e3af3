// ImportCategory, over a real server.

#include "service/write_import.h"

#include <gmock/gmock.h>

#include "tests/service/write_calls.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

using Parts = std::vector<v1::ImportCategoryRequest>;

class WriteImportTest : public ::testing::Test {
 protected:
  static v1::ImportCategoryRequest Header(v1::ImportMode mode) {
    v1::ImportCategoryRequest part;
    part.mutable_import_header()->set_category("clip");
    part.mutable_import_header()->set_mode(mode);
    return part;
  }
  static v1::ImportCategoryRequest Batch(const std::vector<std::string>& names,
                                         const std::string& version = "1") {
    v1::ImportCategoryRequest part;
    part.mutable_import_batch();
    for (const std::string& name : names) {
      v1::ImportRecord* record = part.mutable_import_batch()->add_records();
      record->set_name(name);
      record->set_json(absl::StrCat(R"({"name":")", name, R"(","version":")", version, "\"}"));
    }
    return part;
  }
  static v1::ImportCategoryRequest Commit(uint64_t count) {
    v1::ImportCategoryRequest part;
    part.mutable_import_commit()->set_record_count(count);
    return part;
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    server_.store().root()->Find(kClip)->document->ForEach(
        [&](const Entry& entry) { names.push_back(entry.record->name); });
    return names;
  }
  void Fill(const std::vector<std::string>& names) {
    ASSERT_THAT(calls_.Import({Header(v1::IMPORT_MODE_MERGE), Batch(names), Commit(names.size())}),
                IsOk());
  }

  ServiceFixture server_{ServiceFixture::Options{}};
  WriteCalls calls_{server_};
};

TEST_F(WriteImportTest, AMergeAddsAndUpdatesAndKeepsTheRest) {
  Fill({"a", "b"});
  const auto merged = calls_.Import(
      {Header(v1::IMPORT_MODE_MERGE), Batch({"b"}, "2"), Batch({"c", "a"}), Commit(3)});
  ASSERT_THAT(merged, IsOk());
  EXPECT_EQ(merged->created(), 1u);
  EXPECT_EQ(merged->updated(), 1u);
  EXPECT_EQ(merged->unchanged(), 1u);
  EXPECT_THAT(Names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(merged->committed().etag(), server_.Etag());
  EXPECT_EQ(server_.store().root()->revision, 4u);
}

TEST_F(WriteImportTest, AnImportIsNeverQueued) {
  v1::ImportCategoryRequest header = Header(v1::IMPORT_MODE_MERGE);
  header.mutable_import_header()->mutable_options()->set_route(v1::WRITE_ROUTE_QUEUE);
  EXPECT_THAT(calls_.Import({header, Batch({"a"}), Commit(1)}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(WriteImportTest, AReplacementDeletesTheOthersAndTakesOverTheOrder) {
  Fill({"a", "b", "c", "d"});
  const auto replaced =
      calls_.Import({Header(v1::IMPORT_MODE_REPLACE), Batch({"a", "d", "c", "new"}), Commit(4)});
  ASSERT_THAT(replaced, IsOk());
  EXPECT_EQ(replaced->deleted(), 1u);
  EXPECT_EQ(replaced->created(), 1u);
  EXPECT_EQ(replaced->unchanged(), 3u);
  EXPECT_THAT(Names(), ElementsAre("a", "d", "c", "new"));
  const auto again =
      calls_.Import({Header(v1::IMPORT_MODE_REPLACE), Batch({"a", "d", "c", "new"}), Commit(4)});
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(again->committed().changed());
}

TEST_F(WriteImportTest, AMassRemovalMustBeMeant) {
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) names.push_back(absl::StrCat("m", i));
  Fill(names);
  Parts parts = {Header(v1::IMPORT_MODE_REPLACE), Batch({"m0", "m1"}), Commit(2)};
  EXPECT_THAT(calls_.Import(parts), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(calls_.Import(parts), HasReason("MASS_REMOVAL"));
  EXPECT_THAT(Names(), SizeIs(12));
  parts[0].mutable_import_header()->set_allow_mass_removal(true);
  ASSERT_THAT(calls_.Import(parts), IsOk());
  EXPECT_THAT(Names(), ElementsAre("m0", "m1"));
}

TEST_F(WriteImportTest, PartsComeInOneOrderOnly) {
  const auto header = Header(v1::IMPORT_MODE_MERGE);
  const auto batch = Batch({"a"});
  for (const Parts& parts :
       {Parts{batch}, Parts{header, header}, Parts{header, batch, Commit(1), batch},
        Parts{Commit(0)}, Parts{header, v1::ImportCategoryRequest()}}) {
    EXPECT_THAT(calls_.Import(parts), HasReason("BAD_IMPORT_SEQUENCE"));
  }
  EXPECT_THAT(calls_.Import({header, batch}), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(calls_.Import({}), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(calls_.Import({header, batch, Commit(2)}), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(calls_.Import({Header(v1::IMPORT_MODE_UNSPECIFIED)}), HasReason("BAD_FIELD"));
  EXPECT_THAT(calls_.Import({header, batch, batch}), HasReason("DUPLICATE_OPERATION"));
  EXPECT_EQ(server_.store().root()->revision, 0u);
}

TEST_F(WriteImportTest, WhatArrivedIsComparedWithWhatWasSent) {
  DocumentEtagBuilder builder;
  builder.Add("a", RecordEtag(R"({"name":"a","version":"1"})"));
  v1::ImportCategoryRequest commit = Commit(1);
  const Etag etag = builder.Finish();
  commit.mutable_import_commit()->set_content_etag(std::string(AsBytes(etag)));
  EXPECT_THAT(calls_.Import({Header(v1::IMPORT_MODE_MERGE), Batch({"a"}, "2"), commit}),
              HasReason("ETAG_MISMATCH"));
  EXPECT_THAT(calls_.Import({Header(v1::IMPORT_MODE_MERGE), Batch({"a"}), commit}), IsOk());
}

TEST_F(WriteImportTest, ALargeRecordComesInPieces) {
  const std::string text = R"({"name":"a","x":")" + std::string(1000, 'x') + "\"}";
  Parts parts = {Header(v1::IMPORT_MODE_MERGE)};
  for (size_t at = 0; at < text.size(); at += 400) {
    v1::ImportCategoryRequest part;
    v1::ImportRecord* record = part.mutable_import_batch()->add_records();
    record->set_name("a");
    record->set_json(text.substr(at, 400));
    record->set_continues(at + 400 < text.size());
    parts.push_back(part);
  }
  Parts broken = parts;
  broken.pop_back();
  broken.push_back(Commit(1));
  EXPECT_THAT(calls_.Import(broken), HasReason("BAD_IMPORT_SEQUENCE"));
  parts.push_back(Commit(1));
  ASSERT_THAT(calls_.Import(parts), IsOk());
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(WriteImportTest, InvalidRecordsFailTheImportOrAreLeftOut) {
  Fill({"b"});
  v1::ImportCategoryRequest batch = Batch({"a", "b", "c"}, "2");
  batch.mutable_import_batch()->mutable_records(1)->set_json("7");
  v1::ImportRecord* bad_name = batch.mutable_import_batch()->add_records();
  bad_name->set_name("tab\t");
  bad_name->set_json("{}");
  Parts parts = {Header(v1::IMPORT_MODE_REPLACE), batch, Commit(4)};
  EXPECT_THAT(calls_.Import(parts), StatusIs(absl::StatusCode::kInvalidArgument));
  parts[0].mutable_import_header()->set_skip_invalid(true);
  const auto imported = calls_.Import(parts);
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->skipped(), 2u);
  EXPECT_EQ(imported->skipped_records_size(), 2);
  EXPECT_EQ(imported->created(), 2u);
  // Its last good record stays.
  EXPECT_THAT(Names(), ::testing::UnorderedElementsAre("a", "b", "c"));
}

TEST_F(WriteImportTest, ADryRunTellsAndChangesNothing) {
  Fill({"a"});
  Parts parts = {Header(v1::IMPORT_MODE_REPLACE), Batch({"b"}), Commit(1)};
  parts[0].mutable_import_header()->mutable_options()->set_validate_only(true);
  const auto checked = calls_.Import(parts);
  ASSERT_THAT(checked, IsOk());
  EXPECT_EQ(checked->created(), 1u);
  EXPECT_EQ(checked->deleted(), 1u);
  EXPECT_EQ(checked->validated().diff_size(), 2);
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(WriteImportTest, ARepeatedImportGetsTheFirstAnswer) {
  Parts parts = {Header(v1::IMPORT_MODE_MERGE), Batch({"a"}), Commit(1)};
  parts[0].mutable_import_header()->mutable_options()->set_request_id(
      "0b6bb1c8-4d2c-4d67-9a54-5d1f0f2a1b77");
  const auto first = calls_.Import(parts);
  ASSERT_THAT(first, IsOk());
  const auto again = calls_.Import(parts);
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->committed().replayed());
  EXPECT_EQ(again->created(), 1u);
  parts[1] = Batch({"b"});
  EXPECT_THAT(calls_.Import(parts), HasReason("REQUEST_ID_REUSED"));
}

TEST_F(WriteImportTest, ImportsUnderWayMayNotTakeAllMemory) {
  ServiceFixture::Options options;
  options.writes.staged_bytes = 2000;
  ServiceFixture small(options);
  WriteCalls calls(small);
  EXPECT_THAT(calls.Import({Header(v1::IMPORT_MODE_MERGE),
                            Batch({"a", "b", "c", "d", "e", "f", "g", "h"}), Commit(8)}),
              HasReason("MEMORY_LIMIT"));
  // What was staged is given back.
  EXPECT_TRUE(Eventually([&] {
    return calls.Import({Header(v1::IMPORT_MODE_MERGE), Batch({"a", "b"}), Commit(2)}).ok();
  }));
}

TEST_F(WriteImportTest, ManyModelsComeAtOnce) {
  Parts parts = {Header(v1::IMPORT_MODE_REPLACE)};
  for (int batch = 0; batch < 20; ++batch) {
    std::vector<std::string> names;
    for (int i = 0; i < 500; ++i) names.push_back(absl::StrCat("m", batch, "-", i));
    parts.push_back(Batch(names));
  }
  parts.push_back(Commit(10'000));
  const auto imported = calls_.Import(parts);
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->created(), 10'000u);
  EXPECT_EQ(server_.store().root()->Find(kClip)->document->record_count(), 10'000u);
  EXPECT_EQ(Names().front(), "m0-0");
  EXPECT_EQ(Names().back(), "m19-499");
}

}  // namespace
}  // namespace modelref::testing
