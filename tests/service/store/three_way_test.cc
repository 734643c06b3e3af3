#include "service/store/three_way.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/service/store/edits.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::NamesOf;
using ::modelref::testing::RecordJson;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A record by what stands in it; empty: there is none.
using Values = std::map<std::string, std::string>;

DocumentPtr DocumentOf(const Values& values) {
  std::vector<RecordPtr> records;
  for (const auto& [name, value] : values) {
    if (!value.empty()) records.push_back(MakeRecord(name, RecordJson(value)));
  }
  return Document::FromRecords(std::move(records));
}

RecordEtags EtagsOf(const Values& values) {
  RecordEtags etags;
  for (const auto& [name, value] : values) {
    if (!value.empty()) etags[name] = RecordEtag(RecordJson(value));
  }
  return etags;
}

RecordValue ValueOf(const std::string& value) {
  return value.empty() ? RecordValue() : RecordValue(RecordEtag(RecordJson(value)));
}

absl::StatusOr<bool> NothingWasReplaced(const std::string&, const RecordValue&) { return false; }

FileEdit Merge(const Values& committed, const Values& base, const Values& file,
               const WasReplaced& was_replaced = NothingWasReplaced,
               const std::vector<RecordProblem>& problems = {}) {
  absl::StatusOr<FileEdit> edit = MergeThreeWays(*DocumentOf(committed), EtagsOf(base),
                                                 *DocumentOf(file), problems, was_replaced);
  EXPECT_TRUE(edit.ok()) << edit.status();
  return edit.ok() ? *std::move(edit) : FileEdit();
}

// What the document and the base are afterwards for one record "r".
struct Case {
  const char* base;
  const char* file;
  const char* committed;
  bool is_replaced;  // The value of the file was replaced a short while ago.
  const char* document;
  bool is_overruled = false;
};

TEST(MergeThreeWaysTest, EveryCombinationOfBaseFileAndCommitLeadsToOneOfThem) {
  const std::vector<std::string> values = {"", "1", "2", "3"};
  int changes = 0;
  int overruled = 0;
  for (const std::string& base : values) {
    for (const std::string& file : values) {
      for (const std::string& committed : values) {
        for (const bool is_replaced : {false, true}) {
          SCOPED_TRACE("base '" + base + "' file '" + file + "' committed '" + committed + "' " +
                       (is_replaced ? "replaced" : ""));
          const FileEdit edit =
              Merge({{"r", committed}}, {{"r", base}}, {{"r", file}},
                    [&](const std::string& name, const RecordValue& value) -> absl::StatusOr<bool> {
                      return is_replaced && name == "r" && value == ValueOf(file);
                    });
          const bool is_edited = file != base && file != committed;
          const bool takes_file = is_edited && !is_replaced;
          ASSERT_THAT(edit.changes, SizeIs(takes_file ? 1 : 0));
          if (takes_file) {
            EXPECT_EQ(edit.changes[0].name, "r");
            EXPECT_EQ(edit.changes[0].after == nullptr ? "" : edit.changes[0].after->json,
                      file.empty() ? "" : RecordJson(file));
          }
          EXPECT_THAT(edit.overruled, SizeIs(is_edited && is_replaced ? 1 : 0));
          EXPECT_EQ(edit.equals_file, takes_file || file == committed);
          // The base becomes what the file holds.
          ASSERT_EQ(edit.base.count("r"), file == base ? 0u : 1u);
          if (file != base) {
            EXPECT_EQ(edit.base.at("r"), ValueOf(file));
          }
          changes += takes_file ? 1 : 0;
          overruled += edit.overruled.empty() ? 0 : 1;
        }
      }
    }
  }
  EXPECT_EQ(changes, 36) << "of 64, 16 keep the base and 12 equal the commit";
  EXPECT_EQ(overruled, 36);
}

TEST(MergeThreeWaysTest, WhatEachCaseMeans) {
  const Case cases[] = {
      {"1", "1", "2", false, "2"},       // Not edited, committed meanwhile.
      {"1", "2", "1", false, "2"},       // Edited.
      {"1", "2", "2", false, "2"},       // Both did the same.
      {"1", "2", "3", false, "2"},       // Both changed it: the later one is the file.
      {"2", "1", "2", true, "2", true},  // A stale editor wrote what a commit had replaced.
      {"", "1", "", false, "1"},         // Created by hand.
      {"1", "", "1", false, ""},         // Deleted by hand.
      {"", "", "1", false, "1"},         // Committed, not written yet.
      {"1", "1", "", false, ""},         // Deleted by a commit, not written yet.
      {"", "1", "", true, "", true},     // A stale editor brings back what a commit deleted.
      {"1", "", "1", true, "1", true},   // A stale editor does not know what a commit created.
      {"1", "", "", false, ""},          // Both deleted it.
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(std::string("base '") + one.base + "' file '" + one.file + "' committed '" +
                 one.committed + "'");
    const Values committed = {{"r", one.committed}};
    const FileEdit edit =
        Merge(committed, {{"r", one.base}}, {{"r", one.file}},
              [&](const std::string&, const RecordValue&) { return one.is_replaced; });
    const DocumentPtr after = DocumentOf(committed)->Apply(edit.changes, 1);
    EXPECT_EQ(after->etag(), DocumentOf({{"r", one.document}})->etag());
    EXPECT_THAT(edit.overruled, SizeIs(one.is_overruled ? 1 : 0));
  }
}

TEST(MergeThreeWaysTest, ARecordThatCannotBeReadIsNeitherChangedNorDeleted) {
  const FileEdit edit = Merge({{"bad", "1"}, {"gone", "1"}}, {{"bad", "1"}, {"gone", "1"}}, {},
                              NothingWasReplaced, {{"bad", 1, "too deep"}});
  ASSERT_THAT(edit.changes, SizeIs(1));
  EXPECT_EQ(edit.changes[0].name, "gone");
  EXPECT_EQ(edit.base.count("bad"), 0u) << "when it can be read again, it is compared with before";
}

TEST(MergeThreeWaysTest, UpdatesAndCreatesComeInTheOrderOfTheFileThenDeletes) {
  const FileEdit edit = Merge({{"b", "1"}, {"x", "1"}}, {{"b", "1"}, {"x", "1"}},
                              {{"a", "new"}, {"b", "2"}, {"c", "new"}});
  std::vector<std::string> names;
  for (const RecordChange& change : edit.changes) names.push_back(change.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "x"));
  EXPECT_EQ(edit.changes.back().after, nullptr);
}

TEST(MergeThreeWaysTest, AFileInAnotherOrderIsNoEdit) {
  const DocumentPtr file =
      Document::FromRecords({MakeRecord("b", RecordJson("1")), MakeRecord("a", RecordJson("1"))});
  const Values values = {{"a", "1"}, {"b", "1"}};
  ASSERT_OK_AND_ASSIGN(const FileEdit edit, MergeThreeWays(*DocumentOf(values), EtagsOf(values),
                                                           *file, {}, NothingWasReplaced));
  EXPECT_THAT(edit.changes, IsEmpty());
  EXPECT_THAT(edit.base, IsEmpty());
  EXPECT_TRUE(edit.equals_file);
}

TEST(MergeThreeWaysTest, AnErrorOfTheQuestionIsItsError) {
  const auto fails = [](const std::string&, const RecordValue&) -> absl::StatusOr<bool> {
    return absl::UnavailableError("no history");
  };
  EXPECT_THAT(MergeThreeWays(*DocumentOf({}), {}, *DocumentOf({{"a", "1"}}), {}, fails),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace modelref
