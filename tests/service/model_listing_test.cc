#include "service/model_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

DocumentPtr Numbered(int count, size_t padding = 0) {
  std::vector<std::pair<std::string, std::string>> records;
  for (int i = 0; i < count; ++i) {
    records.emplace_back(absl::StrCat("m", i),
                         absl::StrCat("{\"pad\":\"", std::string(padding, 'x'), "\"}"));
  }
  return DocumentOf(records);
}

Lister ListerOf(DocumentPtr document) { return Lister{.document = std::move(document)}; }

absl::Status Refusal(Lister* lister) {
  const absl::Status status = lister->List().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return status;
}

std::string OnlyField(const absl::Status& status) {
  const auto violations = ExtrasOf(status).field_violations;
  return violations.size() == 1 ? violations[0].field : absl::StrCat(violations.size(), " fields");
}

class ModelOrderTest : public testing::Test {
 protected:
  // Ties in every key; names in neither order.
  ModelOrderTest() {
    lister_.document = DocumentOf({{"b", R"({"parameters":7,"size_on_disk_bytes":1})"},
                                   {"a", R"({"parameters":7})"},
                                   {"e", R"({"size_on_disk_bytes":-5})"},
                                   {"D", R"({"parameters":-1,"size_on_disk_bytes":1})"},
                                   {"c", R"({"parameters":9223372036854775807})"}},
                                  1);
    lister_.Apply({{"e", RecordOf("e", R"({"size_on_disk_bytes":-6})")}});
  }

  // The same whatever the page size.
  std::vector<std::string> Names(v1::ModelOrder order) {
    lister_.request.set_order(order);
    lister_.request.set_page_size(1);
    const std::vector<std::string> one_by_one = lister_.AllNames();
    lister_.request.set_page_size(100);
    EXPECT_EQ(lister_.AllNames(), one_by_one);
    return one_by_one;
  }

  Lister lister_;
};

TEST_F(ModelOrderTest, StoredOrderIsThatOfTheDocument) {
  EXPECT_THAT(Names(v1::MODEL_ORDER_UNSPECIFIED), ElementsAre("b", "a", "e", "D", "c"));
}

TEST_F(ModelOrderTest, NamesAreComparedByBytes) {
  EXPECT_THAT(Names(v1::MODEL_ORDER_NAME), ElementsAre("D", "a", "b", "c", "e"));
  EXPECT_THAT(Names(v1::MODEL_ORDER_NAME_DESC), ElementsAre("e", "c", "b", "a", "D"));
}

TEST_F(ModelOrderTest, ModelsWithoutANumberComeLastBothWaysAndTiesByName) {
  EXPECT_THAT(Names(v1::MODEL_ORDER_PARAMETERS), ElementsAre("D", "a", "b", "c", "e"));
  EXPECT_THAT(Names(v1::MODEL_ORDER_PARAMETERS_DESC), ElementsAre("c", "a", "b", "D", "e"));
  EXPECT_THAT(Names(v1::MODEL_ORDER_SIZE), ElementsAre("e", "D", "b", "a", "c"));
  EXPECT_THAT(Names(v1::MODEL_ORDER_SIZE_DESC), ElementsAre("D", "b", "e", "a", "c"));
}

TEST_F(ModelOrderTest, TheMostRecentlyChangedComesFirst) {
  EXPECT_THAT(Names(v1::MODEL_ORDER_MOD_REVISION_DESC), ElementsAre("e", "D", "a", "b", "c"));
}

TEST_F(ModelOrderTest, AnUnknownOrderIsRefused) {
  lister_.request.set_order(static_cast<v1::ModelOrder>(99));
  const absl::Status status = Refusal(&lister_);
  EXPECT_EQ(ReasonOf(status), "BAD_FIELD");
  EXPECT_EQ(OnlyField(status), "order");
}

TEST(ListModelsTest, AnEmptyDocumentIsOneEmptyPage) {
  for (const v1::ModelOrder order : {v1::MODEL_ORDER_UNSPECIFIED, v1::MODEL_ORDER_NAME}) {
    Lister lister = ListerOf(Document::Empty());
    lister.request.set_order(order);
    EXPECT_THAT(lister.NextNames(), IsEmpty());
    EXPECT_EQ(lister.last.total_matches(), 0u);
    EXPECT_EQ(lister.last.next_page_token(), "");
  }
}

TEST(ListModelsTest, PagesHave100ModelsUnlessToldOtherwiseAnd1000AtMost) {
  Lister lister = ListerOf(Numbered(1500));
  EXPECT_EQ(lister.NextNames().size(), 100u);
  EXPECT_EQ(lister.last.total_matches(), 1500u);
  lister.request.clear_page_token();
  lister.request.set_page_size(1'000'000);
  EXPECT_EQ(lister.NextNames().size(), 1000u);
  EXPECT_EQ(lister.NextNames().size(), 500u);
  EXPECT_EQ(lister.last.next_page_token(), "");
}

TEST(ListModelsTest, ThePageThatEndsWithTheLastModelHasNoToken) {
  Lister lister = ListerOf(Numbered(4));
  lister.request.set_page_size(2);
  EXPECT_EQ(lister.NextNames().size(), 2u);
  EXPECT_NE(lister.last.next_page_token(), "");
  EXPECT_EQ(lister.NextNames().size(), 2u);
  EXPECT_EQ(lister.last.next_page_token(), "");
}

TEST(ListModelsTest, ANegativePageSizeIsRefused) {
  Lister lister = ListerOf(Numbered(4));
  lister.request.set_page_size(-1);
  const absl::Status status = Refusal(&lister);
  EXPECT_EQ(ReasonOf(status), "BAD_FIELD");
  EXPECT_EQ(OnlyField(status), "page_size");
}

TEST(ListModelsTest, APageEndsBeforeOneMebibyteOfModels) {
  Lister lister = ListerOf(Numbered(40, 100'000));
  lister.request.set_page_size(1000);
  size_t seen = 0;
  do {
    const size_t count = lister.NextNames().size();
    seen += count;
    v1::ListModelsResponse models;
    *models.mutable_models() = lister.last.models();
    EXPECT_LE(models.ByteSizeLong(), kMaxPageBytes);
    // One more would not have fitted.
    const bool is_last = lister.last.next_page_token().empty();
    EXPECT_TRUE(is_last || models.ByteSizeLong() + 100'000 > kMaxPageBytes);
  } while (!lister.last.next_page_token().empty());
  EXPECT_EQ(seen, 40u);
}

TEST(ListModelsTest, AModelAboveOneMebibyteComesAlone) {
  Lister lister = ListerOf(Numbered(3, 2'000'000));
  for (const char* name : {"m0", "m1", "m2"}) {
    EXPECT_THAT(lister.NextNames(), ElementsAre(name));
    EXPECT_EQ(lister.last.total_matches(), 3u);
  }
  EXPECT_EQ(lister.last.next_page_token(), "");
}

TEST(ListModelsTest, TheReadMaskDecidesWhatAPageHolds) {
  Lister lister = ListerOf(Numbered(1000, 5000));
  lister.request.set_page_size(1000);
  lister.request.add_read_mask("etag");
  EXPECT_EQ(lister.NextNames().size(), 1000u) << "without the JSON all fit";
  EXPECT_EQ(lister.last.models(0).json(), "");
  EXPECT_EQ(lister.last.models(0).etag().size(), 32u);
  lister.request.add_read_mask("size");
  EXPECT_EQ(OnlyField(Refusal(&lister)), "read_mask[1]");
}

TEST(ListModelsTest, ADamagedTokenIsRefused) {
  Lister lister = ListerOf(Numbered(300));
  lister.NextNames();
  lister.request.mutable_page_token()->back() ^= 1;
  EXPECT_EQ(ReasonOf(Refusal(&lister)), "BAD_PAGE_TOKEN");
}

TEST(ListModelsTest, ATokenOfAnotherQueryIsRefused) {
  Lister lister = ListerOf(Numbered(300));
  lister.NextNames();
  const v1::ListModelsRequest good = lister.request;
  lister.request.set_order(v1::MODEL_ORDER_NAME);
  EXPECT_EQ(ReasonOf(Refusal(&lister)), "BAD_PAGE_TOKEN");
  lister.request = good;
  lister.request.mutable_filter()->set_nsfw(false);
  EXPECT_EQ(ReasonOf(Refusal(&lister)), "BAD_PAGE_TOKEN");
  for (const DocumentKey& key :
       {DocumentKey{"image_generation", Format::kLegacy}, DocumentKey{"clip", Format::kV2}}) {
    const auto page = ListModels(good, {key, lister.document, 1}, &lister.indexes);
    EXPECT_EQ(ReasonOf(page.status()), "BAD_PAGE_TOKEN") << key.ToString();
  }
}

TEST(ListModelsTest, PageSizeAndReadMaskMayChangeBetweenPages) {
  Lister lister = ListerOf(Numbered(5));
  lister.request.set_page_size(2);
  EXPECT_THAT(lister.NextNames(), ElementsAre("m0", "m1"));
  lister.request.set_page_size(1);
  lister.request.add_read_mask("name");
  EXPECT_THAT(lister.NextNames(), ElementsAre("m2"));
}

}  // namespace
}  // namespace modelref
