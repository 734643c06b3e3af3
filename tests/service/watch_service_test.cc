// Watch over a real server: what the transport adds.

#include "service/watch_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/service/service_fixture.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::SizeIs;

// One stream, read message by message.
class WatchCall {
 public:
  WatchCall(ServiceFixture& server, const v1::WatchRequest& request)
      : reader_(server.watch().Watch(&context_, request)) {}

  // The next message; fails the test at the end.
  v1::WatchResponse Read() {
    v1::WatchResponse message;
    EXPECT_TRUE(reader_->Read(&message));
    return message;
  }
  std::vector<v1::WatchResponse> Read(int count) {
    std::vector<v1::WatchResponse> messages;
    for (int i = 0; i < count; ++i) messages.push_back(Read());
    return messages;
  }
  ReadStream<v1::WatchResponse> ReadToEnd() {
    return ServiceFixture::ReadAll<v1::WatchResponse>(reader_.get());
  }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
};

v1::WatchRequest Request() {
  v1::WatchRequest request;
  request.mutable_filter()->add_categories("clip");
  return request;
}

v1::WatchRequest RequestNow() {
  v1::WatchRequest request = Request();
  request.mutable_now();
  return request;
}

v1::WatchRequest Resume(v1::WatchRequest request, const std::string& token) {
  request.set_resume_token(token);
  return request;
}

class WatchServiceTest : public ::testing::Test {
 protected:
  static ServiceFixture::Options Quick() {
    ServiceFixture::Options options;
    options.store.history_transactions = 4;
    options.positions.follow = absl::ZeroDuration();
    return options;
  }
};

TEST_F(WatchServiceTest, AStreamTellsTheStateAndThenEachChange) {
  ServiceFixture server(Quick());
  server.Put("a", "1");
  WatchCall call(server, Request());
  const auto opening = call.Read(4);
  EXPECT_TRUE(opening[0].has_created());
  EXPECT_TRUE(opening[3].has_snapshot_end());
  server.Put("a", "2");
  const v1::WatchResponse change = call.Read();
  EXPECT_EQ(change.header().revision(), 2u);
  EXPECT_EQ(change.events().events(0).coalesced(), 1u);
}

TEST_F(WatchServiceTest, AnyTokenContinuesTheStreamAnyNumberOfTimes) {
  ServiceFixture server(Quick());
  WatchCall call(server, RequestNow());
  std::vector<v1::WatchResponse> messages = {call.Read()};
  for (int i = 0; i < 3; ++i) {
    server.Put("a", absl::StrCat(i));
    messages.push_back(call.Read());
  }
  for (size_t at = 0; at < messages.size(); ++at) {
    for (int again = 0; again < 2; ++again) {
      WatchCall next(server, Resume(RequestNow(), messages[at].resume_token()));
      const v1::WatchResponse created = next.Read();
      EXPECT_EQ(created.created().resume(), v1::RESUME_KIND_EXACT);
      EXPECT_EQ(created.header().revision(), messages[at].header().revision());
      for (size_t i = at + 1; i < messages.size(); ++i) {
        EXPECT_EQ(next.Read().header().revision(), messages[i].header().revision());
      }
    }
  }
}

TEST_F(WatchServiceTest, ATokenOfAnotherStreamIsRefused) {
  ServiceFixture server(Quick());
  WatchCall call(server, RequestNow());
  v1::WatchRequest request = Resume(RequestNow(), call.Read().resume_token());
  request.mutable_filter()->add_categories("blip");
  const auto other = WatchCall(server, request).ReadToEnd();
  EXPECT_THAT(other.status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(other.status, HasReason("BAD_RESUME_TOKEN"));
  const auto garbage = WatchCall(server, Resume(RequestNow(), "garbage")).ReadToEnd();
  EXPECT_THAT(garbage.status, HasReason("BAD_RESUME_TOKEN"));
  EXPECT_THAT(garbage.messages, IsEmpty());
}

TEST_F(WatchServiceTest, APositionThatCannotBeContinuedFailsWithItsCodeWhenAskedTo) {
  ServiceFixture server(Quick());
  server.Put("a", "1");
  v1::WatchRequest request = Request();
  request.set_on_gap(v1::ON_GAP_FAIL);
  *request.mutable_position() = server.Position(3);
  const auto future = WatchCall(server, request).ReadToEnd();
  EXPECT_THAT(future.status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(future.status, HasReason("REVISION_IN_FUTURE"));
  request.mutable_position()->set_epoch(std::string(16, 'e'));
  const auto unknown = WatchCall(server, request).ReadToEnd();
  EXPECT_THAT(unknown.status, HasReason("EPOCH_MISMATCH"));
  EXPECT_EQ(ExtrasOf(unknown.status).metadata.at("head"), "1");
  request.set_on_gap(v1::ON_GAP_RESYNC);
  WatchCall resync(server, request);
  EXPECT_EQ(resync.Read().created().resume(), v1::RESUME_KIND_RESYNC);
  EXPECT_EQ(resync.Read().snapshot_begin().reason(), v1::SNAPSHOT_REASON_EPOCH_CHANGED);
}

TEST_F(WatchServiceTest, AStreamWaitsForAPositionWithoutHoldingUpTheOthers) {
  ServiceFixture::Options options = Quick();
  options.positions.follow = kDeadline;
  options.server = [](RpcServerOptions* server) { server->stream_queues = 1; };
  ServiceFixture server(options);
  v1::WatchRequest request = Request();
  *request.mutable_position() = server.Position(1);
  WatchCall waiting(server, request);
  WatchCall other(server, RequestNow());
  other.Read();
  server.Put("a", "1");
  other.Read();
  EXPECT_EQ(waiting.Read().created().resume(), v1::RESUME_KIND_EXACT);
}

TEST_F(WatchServiceTest, ADrainIsToldBeforeTheEndAndItsTokenIsGood) {
  ServiceFixture server(Quick());
  WatchCall call(server, RequestNow());
  call.Read();
  server.server()->BeginDrain(absl::ZeroDuration());
  const auto end = call.ReadToEnd();
  EXPECT_THAT(end.status, IsOk());
  ASSERT_THAT(end.messages, SizeIs(1));
  EXPECT_EQ(end.messages[0].drain().reason(), v1::DRAIN_REASON_SHUTDOWN);
  EXPECT_GT(end.messages[0].drain().reconnect_after_max().seconds(), 0);
  EXPECT_FALSE(end.messages[0].resume_token().empty());
  EXPECT_THAT(WatchCall(server, RequestNow()).ReadToEnd().status, HasReason("DRAINING"));
}

TEST_F(WatchServiceTest, AStreamEndsAtItsGreatestAgeWithADrain) {
  ServiceFixture::Options options = Quick();
  options.watch.max_age = absl::Milliseconds(200);
  ServiceFixture server(options);
  const auto end = WatchCall(server, RequestNow()).ReadToEnd();
  EXPECT_THAT(end.status, IsOk());
  ASSERT_FALSE(end.messages.empty());
  EXPECT_EQ(end.messages.back().drain().reason(), v1::DRAIN_REASON_MAX_AGE);
}

// The wall clock may step: streams must be neither silenced nor ended by it.
TEST_F(WatchServiceTest, AStepOfTheClockChangesNothing) {
  ServiceFixture server(Quick());
  v1::WatchRequest request = RequestNow();
  request.mutable_progress_interval()->set_seconds(5);
  WatchCall back(server, request);
  back.Read();
  server.clock().Advance(-absl::Hours(1));
  WatchCall ahead(server, request);
  ahead.Read();
  server.clock().Advance(absl::Hours(2));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(back.Read().has_bookmark());
  EXPECT_TRUE(ahead.Read().has_bookmark());
  EXPECT_THAT(std::chrono::steady_clock::now() - begun, Lt(std::chrono::seconds(10)));
}

// Nobody reads: the server holds one message, counts the stall, then gives the call up. What the
// client read before stays good.
TEST_F(WatchServiceTest, AReaderThatStopsIsCountedAndCutOffAndComesBackWhereItWas) {
  ServiceFixture::Options options = Quick();
  options.server = [](RpcServerOptions* server) {
    server->write_stalled_after = absl::Milliseconds(100);
    server->write_cancelled_after = absl::Seconds(1);
  };
  ServiceFixture server(options);
  v1::WatchRequest request = RequestNow();
  request.set_payload(v1::PAYLOAD_DELTA_INLINE);
  request.set_max_inline_bytes(512 << 10);
  WatchCall call(server, request);
  const v1::WatchResponse created = call.Read();
  ASSERT_TRUE(Eventually([&] {
    server.Put(
        "a", std::string(200 << 10, static_cast<char>('a' + server.store().root()->revision % 20)));
    return server.server()->Stats().writes_stalled == 1;
  }));
  ASSERT_TRUE(Eventually([&] { return server.server()->Stats().writes_cancelled == 1; }));
  EXPECT_TRUE(Eventually([&] { return server.server()->Stats().writes_stalled == 0; }));
  EXPECT_TRUE(Eventually([&] { return server.hub().statistics().sessions == 0; }));
  const auto rest = call.ReadToEnd();
  EXPECT_FALSE(rest.status.ok());
  const std::string token =
      rest.messages.empty() ? created.resume_token() : rest.messages.back().resume_token();
  WatchCall next(server, Resume(request, token));
  EXPECT_NE(next.Read().created().resume(), v1::RESUME_KIND_RESYNC);
  EXPECT_EQ(next.Read().header().revision() > created.header().revision(), true);
}

TEST_F(WatchServiceTest, NothingIsLeftOfCallsThatWereCancelled) {
  ServiceFixture server(Quick());
  {
    std::vector<std::unique_ptr<WatchCall>> calls;
    for (int i = 0; i < 20; ++i) {
      calls.push_back(std::make_unique<WatchCall>(server, RequestNow()));
      calls.back()->Read();
    }
    EXPECT_EQ(server.hub().statistics().sessions, 20u);
    for (const auto& call : calls) call->Cancel();
    for (const auto& call : calls) EXPECT_FALSE(call->ReadToEnd().status.ok());
  }
  EXPECT_TRUE(Eventually([&] { return server.hub().statistics().sessions == 0; }));
  EXPECT_EQ(server.hub().changes().subscribers(), 0u);
  EXPECT_EQ(server.server()->Stats().streams_open, 0);
}

TEST_F(WatchServiceTest, TheHeadSaysWhereTheServerStandsInLessThan200Bytes) {
  ServiceFixture server(Quick());
  for (int i = 0; i < 9; ++i) server.Put("a", absl::StrCat(i));
  grpc::ClientContext context;
  v1::GetHeadResponse head;
  ASSERT_TRUE(server.watch().GetHead(&context, v1::GetHeadRequest(), &head).ok());
  EXPECT_EQ(head.position().revision(), 9u);
  EXPECT_EQ(head.history_floor(), 5u);
  EXPECT_EQ(head.digest().size(), 16u);
  EXPECT_THAT(head.ByteSizeLong(), Lt(200u));
}

}  // namespace
}  // namespace modelref::testing
