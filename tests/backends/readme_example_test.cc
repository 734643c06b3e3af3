// The worked example of backends/README.md, compiled and put to use. README shows the region
// between the two marks; readme_test.cc compares them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/caching_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

// [example]
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/backend.h"
#include "backends/base/error.h"
#include "backends/document_parser.h"

namespace modelref {

// A catalogue that is part of the program: for demonstrations and for machines without network. It
// never changes, so its version is constant and it needs no lock.
class BundledBackend final : public ModelReferenceBackend, public VersionProbe {
 public:
  explicit BundledBackend(std::map<DocumentKey, std::string> texts) : texts_(std::move(texts)) {}

  absl::StatusOr<SnapshotPtr> Fetch(const DocumentKey& key, FetchMode) override {
    const auto text = texts_.find(key);
    if (text == texts_.end()) {
      return Error(absl::StatusCode::kNotFound, "DOCUMENT_NOT_FOUND", key.ToString());
    }
    absl::StatusOr<ParsedDocument> parsed = ParseDocument(text->second);
    if (!parsed.ok()) {
      const absl::Status damage = Annotated(parsed.status(), key.ToString());
      return Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED", damage.message());
    }
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->document = std::move(parsed->document);
    snapshot->problems = std::move(parsed->problems);
    snapshot->version = "bundled";
    if (key.format == Format::kLegacy) {
      snapshot->source_text = std::make_shared<const std::string>(text->second);
    }
    return SnapshotPtr(std::move(snapshot));
  }

  // Nothing here blocks, so the answer comes on the caller's thread. A source that reads files or
  // the network gives the work to an Executor, or to its own event loop.
  void FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) override {
    done(Fetch(key, mode));
  }

  std::vector<std::string> Categories() const override {
    std::vector<std::string> categories;
    for (const auto& [key, text] : texts_) {
      if (categories.empty() || categories.back() != key.category) {
        categories.push_back(key.category);
      }
    }
    return categories;
  }

  absl::StatusOr<std::string> CurrentVersion(const DocumentKey& key) override {
    if (texts_.count(key) == 0) {
      return Error(absl::StatusCode::kNotFound, "DOCUMENT_NOT_FOUND", key.ToString());
    }
    return std::string("bundled");
  }

 private:
  const std::map<DocumentKey, std::string> texts_;
};

}  // namespace modelref
// [/example]

namespace modelref {
namespace {

using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;

const DocumentKey kClip{"clip", Format::kV2};
const DocumentKey kBlip{"blip", Format::kLegacy};

std::shared_ptr<BundledBackend> MakeBundle() {
  return std::make_shared<BundledBackend>(
      std::map<DocumentKey, std::string>{{kClip, R"({"ViT-L/14": {}})"}, {kBlip, "{"}});
}

TEST(ReadmeExampleTest, TheExampleKeepsTheContract) {
  const auto bundle = MakeBundle();
  EXPECT_THAT(bundle->Categories(), ElementsAre("blip", "clip"));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr clip, bundle->Fetch(kClip, FetchMode::kAllowCaches));
  EXPECT_EQ(clip->document->ToJson(), R"({"ViT-L/14":{}})");
  EXPECT_THAT(bundle->CurrentVersion(kClip), IsOkAndHolds(clip->version));
  EXPECT_THAT(bundle->Fetch(kBlip, FetchMode::kAllowCaches),
              StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("blip/legacy")));
  EXPECT_THAT(bundle->Fetch({"ti", Format::kV2}, FetchMode::kAllowCaches),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(ReadmeExampleTest, TheExampleIsCachedLikeAnyOther) {
  const auto bundle = MakeBundle();
  testing::FakeClock clock;
  Executor executor{Executor::Options{.threads = 1}};
  CachingBackend::Options options;
  options.probe = bundle;
  const auto cache = CachingBackend::Make(bundle, options, clock, executor);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr first, cache->Fetch(kClip, FetchMode::kAllowCaches));
  EXPECT_THAT(cache->Fetch(kClip, FetchMode::kAllowCaches), IsOkAndHolds(first));
}

}  // namespace
}  // namespace modelref
