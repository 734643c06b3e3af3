#include "clients/cpp/catalogue_fetcher.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/clients/cpp/fake_source.h"
#include "tests/clients/sample_document.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::FakeSource;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::SampleDocument;
using ::modelref::testing::StatusIs;
using ::modelref::testing::ThreeModels;
using Part = v1::FetchAllCategoriesResponse;

// The parts of one document under another name.
void Append(const SampleDocument& document, const std::string& category, std::vector<Part>* parts) {
  for (v1::StreamCategoryResponse& part : document.Parts()) {
    Part& copy = parts->emplace_back();
    ASSERT_TRUE(copy.ParseFromString(part.SerializeAsString()));
    if (copy.has_category_header()) copy.mutable_category_header()->set_category(category);
  }
}

absl::Status RunOn(CatalogueFetcher& fetcher, std::vector<Part> parts, absl::Status end) {
  FakeSource<Part> source(std::move(parts), std::move(end));
  return fetcher.Run(source);
}

TEST(CatalogueFetcherTest, DamagedCategoryHidesOnlyItself) {
  std::vector<Part> parts;
  Append(ThreeModels(), "clip", &parts);
  v1::CategoryError* error = parts.emplace_back().mutable_category_error();
  error->set_category("esrgan");
  error->set_code(static_cast<int>(absl::StatusCode::kDataLoss));
  error->set_reason("DOCUMENT_DAMAGED");
  error->set_message("line 3");
  CatalogueFetcher fetcher({}, ClientOptions());
  ASSERT_THAT(RunOn(fetcher, parts, absl::OkStatus()), IsOk());
  const FetchedCatalogue catalogue = std::move(fetcher).Take();
  ASSERT_EQ(catalogue.documents.size(), 2u);
  EXPECT_EQ(catalogue.documents.at("clip")->content, ThreeModels().json());
  EXPECT_THAT(catalogue.documents.at("esrgan"), HasReason("DOCUMENT_DAMAGED"));
}

TEST(CatalogueFetcherTest, BrokenStreamIsContinuedWithWhatIsMissing) {
  std::vector<Part> parts;
  Append(ThreeModels(), "clip", &parts);
  std::vector<Part> cut = parts;
  Append(ThreeModels(), "esrgan", &cut);
  cut.resize(cut.size() - 2);
  CatalogueFetcher fetcher({}, ClientOptions());
  ASSERT_THAT(RunOn(fetcher, cut, absl::UnavailableError("gone")),
              StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_EQ(fetcher.request().known_size(), 1);
  EXPECT_EQ(fetcher.request().known(0).category(), "clip");
  EXPECT_EQ(fetcher.request().known(0).etag(), ThreeModels().etag());

  std::vector<Part> rest(1);
  *rest[0].mutable_category_header() = ThreeModels().header();
  rest[0].mutable_category_header()->set_category("clip");
  rest[0].mutable_category_header()->set_not_modified(true);
  *rest.emplace_back().mutable_category_end() = ThreeModels().end();
  Append(ThreeModels(), "esrgan", &rest);
  ASSERT_THAT(RunOn(fetcher, rest, absl::OkStatus()), IsOk());
  const FetchedCatalogue catalogue = std::move(fetcher).Take();
  EXPECT_EQ(catalogue.documents.at("clip")->content, ThreeModels().json());
  EXPECT_EQ(catalogue.documents.at("esrgan")->content, ThreeModels().json());
}

TEST(CatalogueFetcherTest, EndInsideADocumentIsNoEnd) {
  std::vector<Part> parts;
  Append(ThreeModels(), "clip", &parts);
  parts.pop_back();
  CatalogueFetcher fetcher({}, ClientOptions());
  EXPECT_THAT(RunOn(fetcher, parts, absl::OkStatus()), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(CatalogueFetcherTest, DocumentAboveTheLimitIsRefused) {
  std::vector<Part> parts;
  Append(ThreeModels(), "clip", &parts);
  ClientOptions options;
  options.max_document_bytes = 20;
  CatalogueFetcher fetcher({}, options);
  EXPECT_THAT(RunOn(fetcher, parts, absl::OkStatus()), HasReason("DOCUMENT_TOO_LARGE"));
}

TEST(CatalogueFetcherTest, RecordsWithoutAHeaderAreRefused) {
  std::vector<Part> parts;
  Append(ThreeModels(), "clip", &parts);
  parts.erase(parts.begin());
  CatalogueFetcher fetcher({}, ClientOptions());
  EXPECT_THAT(RunOn(fetcher, parts, absl::OkStatus()), HasReason(kIntegrityFailure));
}

}  // namespace
}  // namespace modelref
