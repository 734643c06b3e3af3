#include "backends/make_backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::DocumentJson;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class MakeBackendsTest : public ::testing::Test {
 protected:
  BackendOptions Primary() const {
    BackendOptions options;
    options.data_dir = dir_.path();
    return options;
  }
  BackendOptions Replica() const {
    BackendOptions options = Primary();
    options.mode = BackendOptions::Mode::kReplica;
    return options;
  }
  absl::StatusOr<Backends> Make(const BackendOptions& options) {
    return MakeBackends(options, registry_, clock_, executor_);
  }

  const DocumentKey kV2{"image_generation", Format::kV2};

  testing::TempDir dir_;
  testing::FakeClock clock_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  Executor executor_{Executor::Options{.threads = 1}};
};

TEST_F(MakeBackendsTest, APrimaryReadsItsFilesThroughACache) {
  dir_.Write("stable_diffusion.json", DocumentJson({"a"}));
  ASSERT_OK_AND_ASSIGN(const Backends primary, Make(Primary()));
  ASSERT_THAT(primary.reader->Fetch(kV2, FetchMode::kAllowCaches), IsOk());
  EXPECT_EQ(primary.reader, primary.cache);
  EXPECT_TRUE(primary.cache->IsCacheValid(kV2));
  EXPECT_EQ(primary.cache->ttl(), absl::Seconds(60));
  ASSERT_THAT(primary.statistics, SizeIs(2));
  EXPECT_EQ(primary.statistics[0]->Statistics().name, "caching");
  EXPECT_EQ(primary.statistics[1]->Statistics().name, "filesystem");
}

TEST_F(MakeBackendsTest, OnlyAPrimaryCreatesTheFilesOfCategoriesWithoutLegacyForm) {
  BackendOptions offline = Replica();
  offline.offline = true;
  ASSERT_THAT(Make(offline), IsOk());
  EXPECT_FALSE(dir_.Exists("video_generation.json"));
  ASSERT_THAT(Make(Primary()), IsOk());
  EXPECT_EQ(dir_.Read("video_generation.json"), "{}");
}

TEST_F(MakeBackendsTest, OfflineReadsTheDirectoryInEitherMode) {
  dir_.Write("stable_diffusion.json", DocumentJson({"a"}));
  for (BackendOptions options : {Primary(), Replica()}) {
    options.offline = true;
    ASSERT_OK_AND_ASSIGN(const Backends local, Make(options));
    EXPECT_THAT(local.reader->Fetch(kV2, FetchMode::kAllowCaches), IsOk());
    EXPECT_FALSE(dir_.Exists("video_generation.json"));
  }
}

// The files belong to a PRIMARY: a replica is never served from them by mistake.
TEST_F(MakeBackendsTest, AReplicaIsRefusedAndNotServedFromTheFiles) {
  BackendOptions grpc = Replica();
  grpc.grpc_upstream = "primary:19800";
  BackendOptions http = Replica();
  http.http_primary = "https://models.example/api";
  for (const BackendOptions& options : {Replica(), grpc, http}) {
    EXPECT_THAT(Make(options),
                AllOf(StatusIs(absl::StatusCode::kUnimplemented), HasReason("NOT_BUILT")));
  }
}

TEST_F(MakeBackendsTest, RedisIsNotBuiltYetAndNotIgnored) {
  BackendOptions options = Primary();
  options.use_redis = true;
  EXPECT_THAT(Make(options), HasReason("NOT_BUILT"));
}

TEST_F(MakeBackendsTest, ContradictionsAreRefused) {
  BackendOptions no_directory = Primary();
  no_directory.data_dir.clear();
  BackendOptions primary_with_upstream = Primary();
  primary_with_upstream.grpc_upstream = "primary:19800";
  BackendOptions two_upstreams = Replica();
  two_upstreams.grpc_upstream = "primary:19800";
  two_upstreams.http_primary = "https://models.example/api";
  BackendOptions replica_with_redis = Replica();
  replica_with_redis.use_redis = true;
  BackendOptions negative_ttl = Primary();
  negative_ttl.cache_ttl = -absl::Seconds(1);
  for (const BackendOptions& options :
       {no_directory, primary_with_upstream, two_upstreams, replica_with_redis, negative_ttl}) {
    EXPECT_THAT(Make(options), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

// H 7: 11.
TEST_F(MakeBackendsTest, AnExternalEditOfAPrimarysFileIsSeenBeforeTheTtl) {
  dir_.Write("stable_diffusion.json", DocumentJson({"a"}));
  ASSERT_OK_AND_ASSIGN(const Backends primary, Make(Primary()));
  ASSERT_THAT(primary.reader->Fetch(kV2, FetchMode::kAllowCaches), IsOk());
  dir_.Write("stable_diffusion.json", DocumentJson({"b"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot,
                       primary.reader->Fetch(kV2, FetchMode::kAllowCaches));
  EXPECT_THAT(testing::NamesOf(*snapshot->document), ElementsAre("b"));
}

}  // namespace
}  // namespace modelref
