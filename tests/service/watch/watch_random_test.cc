// Random transactions on a store that forgets soon, random readers, and clients that believe what
// they are told. MODELREF_TEST_SEED repeats a run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/service/watch/client_model.h"
#include "tests/service/watch/validators.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/fake_clock.h"

namespace modelref {
namespace {

using ::modelref::testing::CheckAll;
using ::modelref::testing::ClientModel;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::PlanFor;
using ::modelref::testing::Put;
using ::modelref::testing::Remove;
using ::modelref::testing::SessionReader;
using ::modelref::testing::WatchWorld;
using ::testing::IsEmpty;

constexpr int kOperations = 24'000;
constexpr int kReaders = 8;
const DocumentKey kControlnet{"controlnet", Format::kV2};
const std::vector<DocumentKey> kKeys = {kClip, kLegacyClip, kControlnet, kImages};

uint64_t Seed() {
  const char* fixed = std::getenv("MODELREF_TEST_SEED");
  return fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : std::random_device()();
}

// What happened in a run, so that a run that tests nothing fails.
struct Coverage {
  size_t deltas = 0;
  size_t reads = 0;
  size_t folded = 0;
  size_t without_history = 0;
  size_t bookmarks = 0;
  size_t freshness = 0;
  size_t unchanged = 0;
  size_t streams = 0;
};

// A stream and the client behind it.
struct Reader {
  Reader(WatchWorld& world, const WatchPlan& plan, absl::Time now,
         std::map<DocumentKey, ClientModel::Copy> copies)
      : session(world.hub, plan, now), client(world.log, plan.watched.keys, std::move(copies)) {}

  SessionReader session;
  ClientModel client;
};

class WatchRandomTest : public ::testing::Test {
 protected:
  static Store::Options Forgetful() {
    Store::Options options;
    options.history_transactions = 12;
    options.history_changes = 60;
    return options;
  }
  size_t Pick(size_t count) { return random_() % count; }
  bool OneIn(size_t count) { return Pick(count) == 0; }

  RecordChange RandomStep() {
    const std::string name = absl::StrCat("model", Pick(14));
    return OneIn(3) ? Remove(name) : Put(name, std::string(1 + 20 * Pick(3), 'x'));
  }
  void Commit() {
    std::vector<DocumentEdit> edits;
    for (const DocumentKey& key : kKeys) {
      if (!OneIn(3)) continue;
      std::vector<RecordChange> steps;
      for (size_t i = 0; i <= Pick(4); ++i) steps.push_back(RandomStep());
      edits.push_back(Edit(key, std::move(steps)));
    }
    world_.CommitAll(std::move(edits));
  }
  void ChangeFreshness() {
    const auto cause = static_cast<FreshnessCause>(Pick(5));
    world_.store.SetFreshness(kKeys[Pick(kKeys.size())], cause, "");
  }

  // A stream with some documents, sometimes with what an earlier one left.
  std::unique_ptr<Reader> Open(const Reader* earlier) {
    std::set<DocumentKey> keys;
    for (const DocumentKey& key : kKeys) {
      if (OneIn(2)) keys.insert(key);
    }
    if (keys.empty()) keys.insert(kClip);
    const bool now = OneIn(3);
    WatchPlan plan =
        PlanFor(now ? WatchPlan::Start::kNow : WatchPlan::Start::kSnapshot, std::move(keys));
    plan.inline_delta = OneIn(2);
    plan.max_inline_bytes = OneIn(2) ? 120 : 64 << 10;
    std::map<DocumentKey, ClientModel::Copy> copies;
    if (!now && earlier != nullptr && earlier->client.complete()) {
      for (const auto& [key, copy] : earlier->client.copies()) {
        if (plan.watched.keys.count(key) == 0) continue;
        copies[key] = copy;
        plan.known.emplace_back(key, copy.etag);
      }
    }
    ++coverage_.streams;
    return std::make_unique<Reader>(world_, plan, clock_.TimeNow(), std::move(copies));
  }

  // Returns false when there was nothing to read.
  bool ReadOne(Reader& reader) {
    const auto message = reader.session.Read(clock_.TimeNow());
    if (!message) return false;
    EXPECT_THAT(reader.client.Apply(*message), IsEmpty());
    Count(*message);
    // Before its snapshot is complete a client may hold anything.
    if (reader.client.complete() && !message->has_created()) {
      EXPECT_THAT(reader.client.Compare(), IsEmpty());
    }
    return true;
  }
  void Count(const v1::WatchResponse& message) {
    coverage_.bookmarks += message.has_bookmark();
    coverage_.freshness += message.has_freshness();
    for (const char bits : message.snapshot_end().unchanged()) coverage_.unchanged += bits != 0;
    for (const v1::WatchEvent& event : message.events().events()) {
      coverage_.folded += event.coalesced() > 1;
      coverage_.without_history += event.keys_truncated() && !event.has_prev_mod_revision();
    }
  }
  void Close(Reader& reader) {
    EXPECT_THAT(CheckAll(reader.session.trace(), world_.log), IsEmpty());
    coverage_.deltas += reader.client.deltas();
    coverage_.reads += reader.client.reads();
  }

  void RandomOperation(std::vector<std::unique_ptr<Reader>>* readers) {
    std::unique_ptr<Reader>& reader = (*readers)[Pick(readers->size())];
    const size_t dice = Pick(100);
    if (dice < 40) {
      Commit();
    } else if (dice < 45) {
      ChangeFreshness();
    } else if (dice < 50) {
      clock_.Advance(absl::Seconds(Pick(15)));
    } else if (dice < 52) {
      Close(*reader);
      reader = Open(reader.get());
    } else {
      // The first readers are quick, the last ones slow.
      const size_t wish = reader == readers->back() && !OneIn(10) ? 0 : 1 + Pick(8);
      for (size_t i = 0; i < wish && ReadOne(*reader); ++i) {
      }
    }
  }

  const uint64_t seed_ = Seed();
  std::mt19937_64 random_{seed_};
  FakeClock clock_;
  WatchWorld world_{kKeys, clock_, Forgetful()};
  Coverage coverage_;
};

TEST_F(WatchRandomTest, ClientsThatFollowTheirStreamsHoldTheStore) {
  SCOPED_TRACE(absl::StrCat("MODELREF_TEST_SEED=", seed_));
  RecordProperty("seed", absl::StrCat(seed_));
  std::printf("MODELREF_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed_));
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < kReaders; ++i) readers.push_back(Open(nullptr));
  for (int i = 0; i < kOperations && !HasFailure(); ++i) RandomOperation(&readers);
  for (const std::unique_ptr<Reader>& reader : readers) {
    while (ReadOne(*reader)) {
    }
    EXPECT_EQ(reader->client.revision(),
              reader->session.trace().messages.back().header().revision());
    EXPECT_TRUE(reader->client.complete());
    EXPECT_THAT(reader->client.Compare(), IsEmpty());
    Close(*reader);
  }
  EXPECT_GT(coverage_.deltas, 100u);
  EXPECT_GT(coverage_.reads, 100u);
  EXPECT_GT(coverage_.folded, 100u);
  EXPECT_GT(coverage_.without_history, 10u);
  EXPECT_GT(coverage_.bookmarks, 10u);
  EXPECT_GT(coverage_.freshness, 100u);
  EXPECT_GT(coverage_.unchanged, 10u);
  EXPECT_GT(coverage_.streams, 100u);
}

}  // namespace
}  // namespace modelref
