// Random documents, filters and orders, against a listing that walks the trees.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

using Texts = google::protobuf::RepeatedPtrField<std::string>;

struct Naive {
  std::string name;
  std::optional<std::string> baseline;
  std::optional<std::string> style;
  bool nsfw = false;
  std::vector<std::string> tags;
  std::optional<int64_t> parameters;
  std::optional<int64_t> size;
};

Naive NaiveOf(const Record& record) {
  const JsonObject object = *ParseJson(record.json)->AsObject();
  const auto text = [&](absl::string_view key) -> std::optional<std::string> {
    const Json* const value = object.Find(key);
    if (value == nullptr || value->AsString() == nullptr) return std::nullopt;
    return *value->AsString();
  };
  const auto number = [&](absl::string_view key) -> std::optional<int64_t> {
    const Json* const value = object.Find(key);
    int64_t parsed = 0;
    if (value == nullptr || value->AsNumber() == nullptr) return std::nullopt;
    if (!absl::SimpleAtoi(value->AsNumber()->lexeme, &parsed)) return std::nullopt;
    return parsed;
  };
  Naive naive{record.name, text("baseline"), text("style")};
  const Json* const nsfw = object.Find("nsfw");
  naive.nsfw = nsfw != nullptr && nsfw->AsBool() != nullptr && *nsfw->AsBool();
  if (const Json* const tags = object.Find("tags"); tags != nullptr && tags->AsArray() != nullptr) {
    for (const Json& tag : *tags->AsArray()) naive.tags.push_back(*tag.AsString());
  }
  naive.parameters = number("parameters");
  naive.size = number("size_on_disk_bytes");
  return naive;
}

bool Holds(const Texts& texts, const std::optional<std::string>& value) {
  return value.has_value() && std::find(texts.begin(), texts.end(), *value) != texts.end();
}

bool Matches(const v1::ModelFilter& filter, const Naive& model) {
  const auto tagged = [&](const std::string& tag) {
    return std::find(model.tags.begin(), model.tags.end(), tag) != model.tags.end();
  };
  const auto any = [&](const Texts& tags) { return std::any_of(tags.begin(), tags.end(), tagged); };
  const Texts& all = filter.tags_all();
  return absl::StrContains(absl::AsciiStrToLower(model.name),
                           absl::AsciiStrToLower(filter.name_contains())) &&
         (filter.baselines().empty() || Holds(filter.baselines(), model.baseline)) &&
         (filter.styles().empty() || Holds(filter.styles(), model.style)) &&
         (!filter.has_nsfw() || filter.nsfw() == model.nsfw) &&
         (filter.tags_any().empty() || any(filter.tags_any())) &&
         std::all_of(all.begin(), all.end(), tagged) && !any(filter.tags_none()) &&
         (!filter.has_parameters_min() ||
          (model.parameters.has_value() && *model.parameters >= filter.parameters_min())) &&
         (!filter.has_parameters_max() ||
          (model.parameters.has_value() && *model.parameters <= filter.parameters_max()));
}

// Whether `a` comes first; both numbers may be missing.
bool NumberLess(const std::optional<int64_t>& a, const std::optional<int64_t>& b, bool descending,
                bool tie) {
  if (a == b) return tie;
  if (!a.has_value() || !b.has_value()) return a.has_value();
  return descending ? *a > *b : *a < *b;
}

std::vector<std::string> NaiveList(const v1::ListModelsRequest& request, const Document& document) {
  std::vector<Naive> models;
  document.ForEach([&](const Entry& entry) {
    const Naive model = NaiveOf(*entry.record);
    if (Matches(request.filter(), model)) models.push_back(model);
  });
  const v1::ModelOrder order = request.order();
  std::stable_sort(models.begin(), models.end(), [order](const Naive& a, const Naive& b) {
    const bool by_name = a.name < b.name;
    switch (order) {
      case v1::MODEL_ORDER_NAME:
        return by_name;
      case v1::MODEL_ORDER_NAME_DESC:
        return b.name < a.name;
      case v1::MODEL_ORDER_PARAMETERS:
      case v1::MODEL_ORDER_PARAMETERS_DESC:
        return NumberLess(a.parameters, b.parameters, order == v1::MODEL_ORDER_PARAMETERS_DESC,
                          by_name);
      case v1::MODEL_ORDER_SIZE:
      case v1::MODEL_ORDER_SIZE_DESC:
        return NumberLess(a.size, b.size, order == v1::MODEL_ORDER_SIZE_DESC, by_name);
      default:
        return false;
    }
  });
  std::vector<std::string> names;
  for (const Naive& model : models) names.push_back(model.name);
  return names;
}

class AgreementTest : public testing::Test {
 protected:
  bool OneIn(unsigned n) { return random_() % n == 0; }
  std::string Value() { return absl::StrCat("V", random_() % 6); }

  std::string RandomRecord() {
    std::string json = "{";
    if (!OneIn(4)) absl::StrAppend(&json, "\"baseline\":\"", Value(), "\",");
    if (!OneIn(3)) absl::StrAppend(&json, "\"style\":\"", Value(), "\",");
    if (!OneIn(3)) absl::StrAppend(&json, "\"nsfw\":", OneIn(2) ? "true," : "false,");
    if (!OneIn(3)) absl::StrAppend(&json, "\"parameters\":", random_() % 9, OneIn(5) ? ".5," : ",");
    if (!OneIn(3)) absl::StrAppend(&json, "\"size_on_disk_bytes\":", random_() % 9, ",");
    absl::StrAppend(&json, "\"tags\":[\"", Value(), "\"");
    while (!OneIn(3)) absl::StrAppend(&json, ",\"", Value(), "\"");
    return json + "]}";
  }

  v1::ModelFilter RandomFilter() {
    v1::ModelFilter filter;
    if (OneIn(4)) filter.set_name_contains(OneIn(2) ? "oDEL 1" : "7");
    while (OneIn(3)) filter.add_baselines(Value());
    while (OneIn(4)) filter.add_styles(Value());
    if (OneIn(4)) filter.set_nsfw(OneIn(2));
    while (OneIn(3)) filter.add_tags_any(Value());
    while (OneIn(4)) filter.add_tags_all(Value());
    while (OneIn(4)) filter.add_tags_none(Value());
    if (OneIn(4)) filter.set_parameters_min(static_cast<int64_t>(random_() % 5));
    if (OneIn(4)) filter.set_parameters_max(static_cast<int64_t>(5 + random_() % 5));
    return filter;
  }

  const unsigned seed_ = std::random_device()();
  std::mt19937 random_{seed_};
};

TEST_F(AgreementTest, EveryListingEqualsTheNaiveOne) {
  SCOPED_TRACE(absl::StrCat("seed ", seed_));
  size_t listed = 0;
  for (int document = 0; document < 10; ++document) {
    std::vector<std::pair<std::string, std::string>> records;
    for (unsigned i = 0; i < 700; ++i) {
      records.emplace_back(absl::StrCat("Model ", random_() % 1000, ".", i), RandomRecord());
    }
    Lister lister{.document = DocumentOf(records)};
    for (int query = 0; query < 40; ++query) {
      *lister.request.mutable_filter() = RandomFilter();
      lister.request.set_order(static_cast<v1::ModelOrder>(random_() % 7));
      lister.request.set_page_size(1 + static_cast<int>(random_() % 300));
      SCOPED_TRACE(lister.request.ShortDebugString());
      const std::vector<std::string> expected = NaiveList(lister.request, *lister.document);
      ASSERT_EQ(lister.AllNames(), expected);
      EXPECT_EQ(lister.last.total_matches(), expected.size());
      listed += expected.size();
    }
  }
  EXPECT_GT(listed, 1000u);
}

}  // namespace
}  // namespace modelref
