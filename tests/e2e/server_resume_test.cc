// A server that stops while many streams hang on it: every one of them goes on, and misses nothing.
// MODELREF_DRAIN_STREAMS sets how many; then the server takes the time that it takes by default.

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/e2e/watch_crowd.h"
#include "tests/testing/environment.h"
#include "tests/testing/event.h"

namespace modelref::testing {
namespace {

constexpr char kCategory[] = "clip";
// What a deployment gives a server that is asked to stop.
constexpr absl::Duration kExitWithin = absl::Seconds(45);
constexpr absl::Duration kPatience = absl::Minutes(2);

// Changes one document again and again through one server.
class SteadyWriter {
 public:
  explicit SteadyWriter(ServerChild& server)
      : client_(server.client()), thread_([this] { Run(); }) {}
  ~SteadyWriter() { Stop(); }

  void Stop() {
    stopping_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  // The document's revision after the last write.
  uint64_t last() const { return last_.load(); }
  int writes() const { return writes_.load(); }

 private:
  void Run() {
    while (!stopping_.load()) {
      v1::PutModelRequest put;
      put.set_category(kCategory);
      put.set_name("m");
      put.set_json(absl::StrCat(R"({"name":"m","description":")", writes_.load(), "\"}"));
      const auto written = client_.PutModel(put);
      // A server that has stopped writes no more.
      if (!written.ok()) return;
      last_.store(written->header().revision());
      writes_.fetch_add(1);
      for (int i = 0; i < 20; ++i) PauseBetweenLooks();
    }
  }

  Client& client_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> last_{0};
  std::atomic<int> writes_{0};
  std::thread thread_;
};

class ServerResumeTest : public ::testing::Test {
 protected:
  ServerResumeTest() { data_.Write("clip.json", Models(1, 3)); }

  std::unique_ptr<ServerChild> NewServer() const {
    std::vector<std::string> flags;
    // The whole half minute is for the long run.
    if (!IsLong()) flags = {"--set", "runtime.drain_spread=3s"};
    return std::make_unique<ServerChild>(data_.path(), flags);
  }
  static bool IsLong() { return std::getenv("MODELREF_DRAIN_STREAMS") != nullptr; }

  void OpenCrowd(const ServerChild& server) {
    crowd_ = std::make_unique<WatchCrowd>(server.address(), kCategory, streams_);
    EXPECT_TRUE(Eventually([&] { return crowd_->counts().open == streams_; }, kPatience));
  }
  // Ends the server and says how long it took.
  static absl::Duration Stop(ServerChild& server) {
    const absl::Time began = RealClock().TimeNow();
    server.process().Signal(SIGTERM);
    EXPECT_EQ(server.process().Wait(), 0) << server.process().err();
    const absl::Duration took = RealClock().TimeNow() - began;
    EXPECT_LT(took, kExitWithin);
    return took;
  }
  // Every stream has gone on once from its token and knows of `revision`.
  void ExpectAllWentOn(uint64_t revision) {
    EXPECT_TRUE(Eventually(
        [&] {
          const WatchCrowd::Counts now = crowd_->counts();
          return now.open == streams_ && now.behind == revision;
        },
        kPatience));
    const WatchCrowd::Counts counts = crowd_->counts();
    EXPECT_EQ(counts.behind, revision);
    EXPECT_EQ(counts.drained, streams_);
    EXPECT_EQ(counts.exact + counts.coalesced, streams_);
    EXPECT_EQ(counts.resync, 0);
    EXPECT_EQ(counts.gaps, 0) << counts.first_gap;
    for (const auto& [said, count] : counts.broken) ADD_FAILURE() << count << " broke: " << said;
    for (const auto& [said, count] : counts.refusals) {
      ADD_FAILURE() << count << " were refused: " << said;
    }
  }
  void Report(const char* how, absl::Duration took, int writes) const {
    const WatchCrowd::Counts counts = crowd_->counts();
    std::printf("%zu streams, %s: exit after %s, %zu exact, %zu coalesced, %d writes meanwhile\n",
                streams_, how, absl::FormatDuration(took).c_str(), counts.exact, counts.coalesced,
                writes);
  }

  const size_t streams_ = NumberFromEnvironment("MODELREF_DRAIN_STREAMS", 1'000);
  const TempDir data_;
  std::unique_ptr<WatchCrowd> crowd_;
};

TEST_F(ServerResumeTest, EveryStreamGoesOnAtAnotherServerAndMissesNoEvent) {
  const auto stopping = NewServer();
  const auto staying = NewServer();
  OpenCrowd(*stopping);
  SteadyWriter writer(*staying);
  // Each has a token that a change brought.
  EXPECT_TRUE(Eventually([&] { return crowd_->counts().behind > 0; }, kPatience));
  crowd_->GoOnAt(staying->address());
  const int before = writer.writes();
  const absl::Duration took = Stop(*stopping);
  EXPECT_TRUE(Eventually([&] { return crowd_->counts().drained == streams_; }, kPatience));
  writer.Stop();
  EXPECT_GT(writer.writes(), before);
  ExpectAllWentOn(writer.last());
  Report("elsewhere", took, writer.writes() - before);
}

TEST_F(ServerResumeTest, EveryStreamGoesOnAfterARestartAndMissesNoEvent) {
  auto server = NewServer();
  OpenCrowd(*server);
  uint64_t last = 0;
  int writes = 0;
  absl::Duration took;
  {
    // It goes on while the streams end one after the other, so that most miss some of it.
    SteadyWriter writer(*server);
    EXPECT_TRUE(Eventually([&] { return crowd_->counts().behind > 0; }, kPatience));
    crowd_->GoOnAt("");
    writes = -writer.writes();
    took = Stop(*server);
    writer.Stop();
    writes += writer.writes();
    last = writer.last();
  }
  EXPECT_GT(writes, 0);
  EXPECT_TRUE(Eventually([&] { return crowd_->counts().drained == streams_; }, kPatience));
  server = NewServer();
  crowd_->GoOnAt(server->address());
  ExpectAllWentOn(last);
  SteadyWriter writer(*server);
  EXPECT_TRUE(Eventually([&] { return writer.writes() > 2; }));
  writer.Stop();
  ExpectAllWentOn(writer.last());
  Report("after a restart", took, writes);
}

}  // namespace
}  // namespace modelref::testing
