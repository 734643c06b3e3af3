#include "service/category_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

const DocumentKey kKey{"image_generation", Format::kV2};

v1::GetCategoryStatisticsResponse Count(const DocumentPtr& document,
                                        const DocumentKey& key = kKey) {
  return CategoryStatistics(key, *document, nullptr).response();
}

std::vector<std::pair<std::string, uint64_t>> Pairs(
    const google::protobuf::RepeatedPtrField<v1::ValueCount>& counts) {
  std::vector<std::pair<std::string, uint64_t>> pairs;
  for (const v1::ValueCount& count : counts) pairs.emplace_back(count.value(), count.count());
  return pairs;
}

TEST(CategoryStatisticsTest, AnEmptyDocumentCountsNothing) {
  EXPECT_EQ(Count(Document::Empty()).SerializeAsString(), "");
}

TEST(CategoryStatisticsTest, CountsModelsValuesAndDownloads) {
  const std::string sha(64, 'a');
  const auto counted = Count(DocumentOf({
      {"a",
       absl::StrCat(
           R"({"baseline":"xl","nsfw":true,"style":"s","tags":["x","y","x"],
          "config":{"download":[{"file_url":"https://Host.example:8/f?x","sha256sum":")",
           sha, R"(","size_bytes":5},{"file_url":"http://u:p@host.example/g","size_bytes":6}]}})")},
      {"b", R"({"baseline":"xl","nsfw":false,"tags":["y"],"size_on_disk_bytes":100,
          "config":{"download":[{"file_name":"n","file_url":"https://other.example"}]}})"},
      {"c", R"({"baseline":"sd","style":"r","parameters":7})"},
      {"d", R"({"parameters_count":-3,"size_on_disk_bytes":-1})"},
  }));
  EXPECT_EQ(counted.total_models(), 4u);
  EXPECT_EQ(counted.nsfw_models(), 1u);
  EXPECT_THAT(Pairs(counted.baselines()), ElementsAre(Pair("xl", 2), Pair("sd", 1)));
  EXPECT_THAT(Pairs(counted.styles()), ElementsAre(Pair("r", 1), Pair("s", 1)));
  EXPECT_THAT(Pairs(counted.tags()), ElementsAre(Pair("y", 2), Pair("x", 1)));
  EXPECT_THAT(Pairs(counted.download_hosts()),
              ElementsAre(Pair("host.example", 2), Pair("other.example", 1)));
  EXPECT_EQ(counted.total_downloads(), 3u);
  EXPECT_EQ(counted.downloads_without_sha256(), 2u);
  EXPECT_EQ(counted.total_size_bytes(), 111u);
  EXPECT_EQ(counted.models_with_size(), 2u);
  EXPECT_EQ(counted.models_with_parameters(), 2u);
  EXPECT_EQ(counted.parameters_min(), -3);
  EXPECT_EQ(counted.parameters_max(), 7);
}

TEST(CategoryStatisticsTest, WithoutANumberThereIsNoRange) {
  const auto counted = Count(DocumentOf({{"a", R"({"parameters":"7"})"}}));
  EXPECT_FALSE(counted.has_parameters_min());
  EXPECT_FALSE(counted.has_parameters_max());
}

TEST(CategoryStatisticsTest, TheSumOfSizesDoesNotOverflow) {
  std::vector<std::pair<std::string, std::string>> records;
  for (int i = 0; i < 5; ++i) {
    records.emplace_back(absl::StrCat(i), R"({"size_on_disk_bytes":9223372036854775807})");
  }
  EXPECT_EQ(Count(DocumentOf(records)).total_size_bytes(), UINT64_MAX);
}

TEST(CategoryStatisticsTest, AListOfUniqueValuesKeepsTheMostFrequentAndFitsOneMessage) {
  std::vector<std::pair<std::string, std::string>> records;
  for (int i = 0; i < 3000; ++i) {
    records.emplace_back(absl::StrCat(i), absl::StrCat("{\"tags\":[\"often\",\"", i,
                                                       std::string(1000, 'x'), "\"]}"));
  }
  const auto counted = Count(DocumentOf(records));
  EXPECT_EQ(counted.tags(0).value(), "often");
  EXPECT_EQ(counted.tags(0).count(), 3000u);
  EXPECT_GT(counted.tags_size(), 400);
  EXPECT_LE(counted.ByteSizeLong(), kMaxValueListBytes);
}

TEST(CategoryStatisticsTest, CountsMadeFromOlderOnesEqualNewOnes) {
  std::mt19937 random(1);
  const auto json = [&random] {
    return absl::StrCat("{\"tags\":[\"", random() % 9, "\"],\"nsfw\":", random() % 2 ? "true" : "0",
                        ",\"parameters\":", random() % 100, "}");
  };
  std::vector<std::pair<std::string, std::string>> records;
  for (int i = 0; i < 3000; ++i) records.emplace_back(absl::StrCat(i), json());
  DocumentPtr document = DocumentOf(records);
  CategoryStatisticsCache cache(size_t{1} << 30);
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(cache.Get(kKey, document)->response().SerializeAsString(),
              Count(document).SerializeAsString());
    const std::string name = absl::StrCat(random() % 3100);
    const RecordPtr after = round % 3 == 0 ? nullptr : RecordOf(name, json());
    document = document->Apply({{name, after}}, 1);
  }
}

TEST(HostOfTest, FindsTheHostAndNothingElse) {
  EXPECT_EQ(HostOf("https://Civitai.com/api/download/models/1?type=Model"), "civitai.com");
  EXPECT_EQ(HostOf("http://user:pass@h.example:443"), "h.example");
  EXPECT_EQ(HostOf("https://h.example?at=a@b.example"), "h.example");
  EXPECT_EQ(HostOf("https://h.example#x@y"), "h.example");
  EXPECT_EQ(HostOf("https://[2001:DB8::1]:80/x"), "[2001:db8::1]");
  for (const char* url : {"", "file.ckpt", "https://", "https:///x", "https://[::1", "h.example/x",
                          "https://user@/x", "://"}) {
    EXPECT_EQ(HostOf(url), "") << url;
  }
}

// Counts the values of one member over a file, by walking the tree.
std::map<std::string, uint64_t> CountTree(const Json& file, absl::string_view member) {
  std::map<std::string, uint64_t> counts;
  for (const auto& [name, record] : file.AsObject()->members()) {
    const Json* const value = record.AsObject()->Find(member);
    if (value == nullptr) continue;
    if (value->AsString() != nullptr) ++counts[*value->AsString()];
    std::set<std::string> elements;
    if (value->AsArray() != nullptr) {
      for (const Json& element : *value->AsArray()) elements.insert(*element.AsString());
    }
    for (const std::string& element : elements) ++counts[element];
  }
  return counts;
}

void ExpectCounts(const Json& file, absl::string_view member,
                  const google::protobuf::RepeatedPtrField<v1::ValueCount>& counts) {
  const auto pairs = Pairs(counts);
  const auto expected = CountTree(file, member);
  EXPECT_EQ((std::map<std::string, uint64_t>(pairs.begin(), pairs.end())), expected);
  EXPECT_EQ(pairs.size(), expected.size());
  EXPECT_TRUE(std::is_sorted(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  }));
}

TEST(CategoryStatisticsGoldenTest, TheRealCataloguesAreCountedCompletely) {
  for (const char* path :
       {"golden/v2/stable_diffusion.json", "golden/v2/text_generation.every_third_model.json"}) {
    const std::optional<Json> file = SharedJson(path);
    if (!file.has_value()) GTEST_SKIP() << "no reference data: " << path;
    const auto counted = Count(DocumentOfFile(*file));
    EXPECT_EQ(counted.total_models(), file->AsObject()->size());
    ExpectCounts(*file, "baseline", counted.baselines());
    ExpectCounts(*file, "style", counted.styles());
    ExpectCounts(*file, "tags", counted.tags());
  }
}

TEST(CategoryStatisticsGoldenTest, EveryRealTextModelHasANumberOfParameters) {
  const std::optional<Json> file = SharedJson("golden/text_legacy_from_csv.json");
  if (!file.has_value()) GTEST_SKIP() << "no reference data";
  const auto counted = Count(DocumentOfFile(*file), {"text_generation", Format::kLegacy});
  EXPECT_EQ(counted.models_with_parameters(), counted.total_models());
  EXPECT_GT(counted.total_models(), 2000u);
  EXPECT_GT(counted.parameters_min(), 0);
}

}  // namespace
}  // namespace modelref
