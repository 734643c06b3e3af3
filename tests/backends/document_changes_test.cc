#include "backends/document_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace modelref {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

DocumentPtr DocumentOf(const std::vector<std::pair<std::string, std::string>>& records) {
  std::vector<RecordPtr> made;
  for (const auto& [name, json] : records) made.push_back(MakeRecord(name, json));
  return Document::FromRecords(std::move(made), 1);
}

// "name=json", or "-name" for a delete.
std::vector<std::string> Changes(const Document& before, const Document& after) {
  std::vector<std::string> told;
  for (const RecordChange& change : ChangesBetween(before, after)) {
    told.push_back(change.after == nullptr ? "-" + change.name
                                           : change.name + "=" + std::string(change.after->json));
  }
  return told;
}

TEST(DocumentChangesTest, UpdatesAndCreatesComeInTheNewOrderThenDeletes) {
  const DocumentPtr before = DocumentOf({{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}});
  const DocumentPtr after = DocumentOf({{"new", "1"}, {"c", "2"}, {"b", "1"}});
  EXPECT_THAT(Changes(*before, *after), ElementsAre("new=1", "c=2", "-a", "-d"));
}

TEST(DocumentChangesTest, AnotherOrderAloneIsNoChange) {
  const DocumentPtr before = DocumentOf({{"a", "1"}, {"b", "1"}});
  EXPECT_THAT(Changes(*before, *DocumentOf({{"b", "1"}, {"a", "1"}})), IsEmpty());
}

}  // namespace
}  // namespace modelref
