#include "tests/service/listing_fixture.h"
#include "tests/testing/shared_data.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace modelref {

RecordPtr RecordOf(absl::string_view name, absl::string_view json) {
  const absl::StatusOr<Json> tree = ParseJson(json);
  EXPECT_TRUE(tree.ok()) << tree.status();
  return MakeRecord(std::string(name), CanonicalJson(*tree));
}

DocumentPtr DocumentOf(const std::vector<std::pair<std::string, std::string>>& records,
                       uint64_t mod_revision) {
  std::vector<RecordPtr> made;
  for (const auto& [name, json] : records) made.push_back(RecordOf(name, json));
  return Document::FromRecords(std::move(made), mod_revision);
}

std::optional<Json> SharedJson(const std::string& path) {
  std::ifstream file(testing::SharedDir() + "/" + path);
  if (!file) return std::nullopt;
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  absl::StatusOr<Json> tree = ParseJson(text);
  EXPECT_TRUE(tree.ok()) << path << ": " << tree.status();
  return *std::move(tree);
}

DocumentPtr DocumentOfFile(const Json& file) {
  std::vector<RecordPtr> records;
  for (const auto& [name, record] : file.AsObject()->members()) {
    records.push_back(MakeRecord(name, CanonicalJson(record)));
  }
  return Document::FromRecords(std::move(records));
}

std::vector<std::string> Lister::NextNames() {
  absl::StatusOr<v1::ListModelsResponse> response = List();
  EXPECT_TRUE(response.ok()) << response.status();
  if (!response.ok()) return {};
  last = *std::move(response);
  request.set_page_token(last.next_page_token());
  return NamesOf(last);
}

std::vector<std::string> Lister::AllNames() {
  constexpr int kMostPages = 10'000;
  std::vector<std::string> names;
  request.clear_page_token();
  for (int page = 0; page < kMostPages; ++page) {
    const std::vector<std::string> more = NextNames();
    names.insert(names.end(), more.begin(), more.end());
    if (last.next_page_token().empty()) return names;
  }
  ADD_FAILURE() << "the listing does not end";
  return names;
}

std::vector<std::string> NamesOf(const v1::ListModelsResponse& response) {
  std::vector<std::string> names;
  for (const v1::Model& model : response.models()) names.push_back(model.name());
  return names;
}

}  // namespace modelref
