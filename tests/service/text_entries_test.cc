// Which entries of the legacy text document follow from its models, write by write.

#include "service/write/text_entries.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/json.h"
#include "backends/convert/text_names.h"
#include "service/store/store.h"
#include "service/write/write_evaluation.h"
#include "tests/testing/environment.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

const DocumentKey kText{"text_generation", Format::kLegacy};

class TextEntriesTest : public ::testing::Test {
 protected:
  WritePlan Plan() {
    absl::StatusOr<WritePlan> plan =
        StartPlan(registry_, Format::kLegacy, kText.category, v1::FORMAT_LEGACY);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return *std::move(plan);
  }
  static WriteStep Put(const std::string& name, const std::string& url) {
    WriteStep step;
    step.name = name;
    step.json = absl::StrCat(R"({"parameters":1,"url":")", url, "\"}");
    return step;
  }
  static WriteStep Delete(const std::string& name) {
    WriteStep step;
    step.name = name;
    step.is_delete = true;
    return step;
  }
  // How long the decision takes, without what is prepared before.
  absl::Duration Commit(const WritePlan& plan) {
    const RootPtr root = store_.root();
    const std::vector<PreparedPut> prepared = PreparePuts(*root, plan, limits_, clock_.TimeNow());
    const absl::Time begin = RealClock().TimeNow();
    Evaluation evaluation =
        EvaluateWrite(*root, plan, prepared, limits_, clock_.TimeNow(), &rivals_);
    const absl::Duration took = RealClock().TimeNow() - begin;
    EXPECT_TRUE(evaluation.violations.empty()) << ErrorOf(evaluation.violations);
    EXPECT_THAT(store_.Commit("test", std::move(evaluation.edits)), IsOk());
    return took;
  }
  const Document& Now() { return *store_.root()->Find(kText)->document; }
  std::map<std::string, std::string> Models() {
    std::map<std::string, std::string> models;
    Now().ForEach([&](const Entry& entry) {
      if (!HasTextBackendPrefix(entry.record->name)) models[entry.record->name] = "";
    });
    return models;
  }
  // The document must hold what readers of a table with its models get.
  void ExpectEntriesOfModels() {
    std::map<std::string, std::string> expected, is;
    Now().ForEach([&](const Entry& entry) {
      const std::string& name = entry.record->name;
      is[name] = entry.record->json;
      if (HasTextBackendPrefix(name)) return;
      for (const std::string& variant : TextNameVariants(name)) {
        Json record = *ParseJson(entry.record->json);
        record.AsObject()->Set("name", variant);
        expected[variant] = CanonicalJson(record);
      }
    });
    ASSERT_EQ(is, expected);
  }

  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  const WriteLimits limits_;
  FakeClock clock_;
  Store store_{{kText, {"text_generation", Format::kV2}}, clock_, Store::Options()};
  TextRivals rivals_;
};

TEST_F(TextEntriesTest, RandomWritesOfModelsThatShareEntriesLeaveWhatReadersOfTheTableGet) {
  const uint64_t seed = NumberFromEnvironment("MODELREF_TEST_SEED", 11);
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  const std::vector<std::string> names = {"A/M", "B/M", "M", "C/M/x", "A/N", "N", "D/M"};
  for (int round = 0; round < 600 && !HasFatalFailure(); ++round) {
    WritePlan plan = Plan();
    plan.replaces = random() % 8 == 0;
    plan.allow_mass_removal = true;
    std::vector<std::string> left = names;
    std::shuffle(left.begin(), left.end(), random);
    left.resize(1 + random() % 3);
    for (const std::string& name : left) {
      // Few values: models that are alike but for their names are the hard case.
      const bool deletes = !plan.replaces && random() % 3 == 0;
      if (!deletes) {
        plan.steps.push_back(Put(name, random() % 2 == 0 ? "https://a" : "https://b"));
      } else if (Models().count(name) > 0) {
        plan.steps.push_back(Delete(name));
      }
    }
    // As after a restart.
    if (random() % 50 == 0) rivals_ = TextRivals();
    Commit(plan);
    ExpectEntriesOfModels();
  }
}

TEST_F(TextEntriesTest, ADecisionTakesTimeForItsStepsAndNotForAllModels) {
  const auto import = [&](int from, int to) {
    WritePlan plan = Plan();
    for (int i = from; i < to; ++i) {
      plan.steps.push_back(Put(absl::StrCat("A/M", i), "https://a"));
    }
    return Commit(plan);
  };
  const absl::Duration small = import(0, 2'000);
  const absl::Duration large = import(2'000, 22'000);
  absl::Duration single = absl::InfiniteDuration();
  for (int i = 0; i < 20; ++i) {
    WritePlan plan = Plan();
    plan.steps.push_back(Put("A/M5", absl::StrCat("https://", i)));
    single = std::min(single, Commit(plan));
  }
  std::printf("2,000 models: %s, 20,000 more: %s, one of 22,000: %s\n",
              absl::FormatDuration(small).c_str(), absl::FormatDuration(large).c_str(),
              absl::FormatDuration(single).c_str());
  EXPECT_EQ(Now().record_count(), 66'000u);
  // Ten times the steps; with a look at every model for each it was over a hundred.
  EXPECT_LT(large, 40 * small);
  EXPECT_LT(single, large / 500);
}

TEST(TextRivalsTest, FollowsFromAnyDocumentToAnyOther) {
  const auto document = [](const std::vector<std::string>& names) {
    std::vector<RecordPtr> records;
    for (const std::string& name : names) records.push_back(MakeRecord(name, "{}"));
    return Document::FromRecords(std::move(records));
  };
  TextRivals rivals;
  EXPECT_TRUE(rivals.Claimants("M").empty());
  rivals.Follow(document({"A/M", "aphrodite/A/M", "koboldcpp/M", "B/N", "C/M"}));
  EXPECT_EQ(rivals.Claimants("M"), (std::vector<std::string>{"A/M", "C/M"}));
  EXPECT_EQ(rivals.Claimants("N"), (std::vector<std::string>{"B/N"}));
  rivals.Follow(document({"C/M"}));
  EXPECT_EQ(rivals.Claimants("M"), (std::vector<std::string>{"C/M"}));
  EXPECT_TRUE(rivals.Claimants("N").empty());
  rivals.Follow(Document::Empty());
  EXPECT_TRUE(rivals.Claimants("M").empty());
}

}  // namespace
}  // namespace modelref::testing
