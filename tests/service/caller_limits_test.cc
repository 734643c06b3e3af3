#include "service/caller_limits.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "backends/base/error.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;

constexpr char kRemote[] = "ipv4:10.0.0.7:1000";

Caller Named(const std::string& id) {
  Caller caller;
  caller.id = id;
  caller.peer = PeerKind::kRemote;
  return caller;
}

Caller Anonymous(PeerKind peer) {
  Caller caller;
  caller.peer = peer;
  return caller;
}

TEST(CallerLimitsTest, AnIdentifiedCallerHasSoManyStreamsFromWherever) {
  CallerLimits limits({.streams_per_caller = 2});
  std::vector<std::shared_ptr<const void>> places;
  for (const char* peer : {kRemote, "ipv4:10.0.0.8:1000"}) {
    ASSERT_OK_AND_ASSIGN(auto place, limits.TakeStream(Named("a"), peer));
    places.push_back(std::move(place));
  }
  EXPECT_THAT(limits.TakeStream(Named("a"), kRemote), HasReason("STREAM_LIMIT"));
  EXPECT_THAT(limits.TakeStream(Named("b"), kRemote), IsOk());
  EXPECT_EQ(limits.stats().streams_refused, 1);
  places.pop_back();
  EXPECT_THAT(limits.TakeStream(Named("a"), kRemote), IsOk());
}

TEST(CallerLimitsTest, WithoutIdentityAConnectionHasSoManyAndThisMachineAny) {
  CallerLimits limits({.streams_per_caller = 1});
  const Caller remote = Anonymous(PeerKind::kRemote);
  ASSERT_OK_AND_ASSIGN(const auto place, limits.TakeStream(remote, kRemote));
  EXPECT_THAT(limits.TakeStream(remote, kRemote), HasReason("STREAM_LIMIT"));
  ASSERT_OK_AND_ASSIGN(const auto other, limits.TakeStream(remote, "ipv4:10.0.0.7:1001"));
  for (const PeerKind peer : {PeerKind::kUnix, PeerKind::kLoopback}) {
    ASSERT_OK_AND_ASSIGN(const auto local, limits.TakeStream(Anonymous(peer), "unix:"));
    EXPECT_THAT(limits.TakeStream(Anonymous(peer), "unix:"), IsOk());
  }
}

TEST(CallerLimitsTest, CallsBeyondTheRateWaitAsLongAsTheyAreTold) {
  CallerLimits limits({.calls_per_second = 10});
  const SteadyTime start = SteadyClock::now();
  for (int i = 0; i < 10; ++i) EXPECT_THAT(limits.TakeCall(Named("a"), kRemote, start), IsOk());
  const absl::Status refused = limits.TakeCall(Named("a"), kRemote, start);
  EXPECT_THAT(refused, HasReason("RATE_LIMIT"));
  EXPECT_EQ(limits.stats().calls_refused, 1);
  const absl::Duration wait = ExtrasOf(refused).retry_after.value_or(absl::ZeroDuration());
  EXPECT_EQ(wait, absl::Milliseconds(100));
  EXPECT_THAT(limits.TakeCall(Named("b"), kRemote, start), IsOk());
  EXPECT_THAT(limits.TakeCall(Named("a"), kRemote, start + absl::ToChronoNanoseconds(wait)),
              IsOk());
}

TEST(CallerLimitsTest, AnAddressIsOneCallerForItsRateWhateverThePort) {
  CallerLimits limits({.calls_per_second = 1});
  const SteadyTime start = SteadyClock::now();
  const Caller remote = Anonymous(PeerKind::kRemote);
  EXPECT_THAT(limits.TakeCall(remote, kRemote, start), IsOk());
  EXPECT_THAT(limits.TakeCall(remote, "ipv4:10.0.0.7:2000", start), HasReason("RATE_LIMIT"));
  EXPECT_THAT(limits.TakeCall(remote, "ipv4:10.0.0.8:1000", start), IsOk());
  EXPECT_THAT(limits.TakeCall(remote, "ipv6:[2001:db8::1]:1", start), IsOk());
  EXPECT_THAT(limits.TakeCall(remote, "ipv6:[2001:db8::2]:1", start), HasReason("RATE_LIMIT"));
}

TEST(CallerLimitsTest, QuietCallersAreForgottenWithoutHarm) {
  CallerLimits limits({.calls_per_second = 1});
  const SteadyTime start = SteadyClock::now();
  EXPECT_THAT(limits.TakeCall(Named("a"), kRemote, start), IsOk());
  const SteadyTime later = start + std::chrono::minutes(1);
  EXPECT_THAT(limits.TakeCall(Named("b"), kRemote, later), IsOk());
  EXPECT_THAT(limits.TakeCall(Named("a"), kRemote, later), IsOk());
  EXPECT_THAT(limits.TakeCall(Named("a"), kRemote, later), HasReason("RATE_LIMIT"));
}

}  // namespace
}  // namespace modelref
