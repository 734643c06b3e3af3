// Reads that wait for a position, over a real server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/service/service_fixture.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

using ::testing::SizeIs;

class MinPositionTest : public ::testing::Test {
 protected:
  static ServiceFixture::Options Patience(absl::Duration follow) {
    ServiceFixture::Options options;
    options.positions.follow = follow;
    options.server = [](RpcServerOptions* server) { server->unary_queues = 1; };
    return options;
  }
  absl::StatusOr<v1::GetModelResponse> GetModel(const v1::Position& min_position) {
    v1::GetModelRequest request;
    request.set_category("clip");
    request.set_name("a");
    *request.mutable_read()->mutable_min_position() = min_position;
    grpc::ClientContext context;
    v1::GetModelResponse response;
    const grpc::Status status = server_->reference().GetModel(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }
  // How many calls of GetModel the server has begun.
  uint64_t Started() {
    for (const MethodStats& method : server_->server()->Stats().methods) {
      if (method.method == "/modelref.v1.ReferenceService/GetModel") return method.started;
    }
    return 0;
  }
  void Start(absl::Duration follow) {
    server_ = std::make_unique<ServiceFixture>(Patience(follow));
  }

  std::unique_ptr<ServiceFixture> server_;
};

TEST_F(MinPositionTest, APositionThatIsReachedIsAnsweredAtOnce) {
  Start(absl::ZeroDuration());
  server_->Put("a", "1");
  ASSERT_OK_AND_ASSIGN(const auto response, GetModel(server_->Position()));
  EXPECT_EQ(response.header().revision(), 1u);
}

TEST_F(MinPositionTest, AReadWaitsUntilThePositionIsReached) {
  Start(kDeadline);
  server_->Put("a", "1");
  const v1::Position next = server_->Position(1);
  absl::StatusOr<v1::GetModelResponse> response = absl::UnknownError("none");
  std::thread reader([&] { response = GetModel(next); });
  ASSERT_TRUE(Eventually([&] { return Started() == 1; }));
  server_->Put("a", "2");
  reader.join();
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->header().revision(), 2u);
  EXPECT_EQ(response->mod_revision(), 2u);
}

TEST_F(MinPositionTest, WaitingReadsDoNotHoldUpTheOthers) {
  Start(kDeadline);
  server_->Put("a", "1");
  const v1::Position next = server_->Position(1);
  // More than the server has threads of any kind.
  std::vector<std::thread> readers;
  std::atomic<int> answered{0};
  for (int i = 0; i < 30; ++i) {
    readers.emplace_back([&] { answered += GetModel(next).ok(); });
  }
  for (int i = 0; i < 20; ++i) EXPECT_THAT(GetModel(server_->Position()), IsOk());
  EXPECT_EQ(answered, 0);
  server_->Put("a", "2");
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(answered, 30);
}

TEST_F(MinPositionTest, APositionAheadOfThePrimaryIsRefusedAfterAMoment) {
  Start(absl::Milliseconds(100));
  server_->Put("a", "1");
  const absl::Status status = GetModel(server_->Position(5)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(status, HasReason("REVISION_IN_FUTURE"));
  EXPECT_EQ(ExtrasOf(status).metadata.at("head"), "1");
}

TEST_F(MinPositionTest, APositionOfAnotherHistoryIsRefused) {
  Start(absl::ZeroDuration());
  server_->Put("a", "1");
  v1::Position position = server_->Position();
  position.set_chain("otherone");
  EXPECT_THAT(GetModel(position), HasReason("EPOCH_MISMATCH"));
  position = server_->Position();
  position.set_epoch(std::string(16, 'e'));
  EXPECT_THAT(GetModel(position), HasReason("EPOCH_MISMATCH"));
}

TEST_F(MinPositionTest, AMalformedPositionIsABadField) {
  Start(absl::ZeroDuration());
  v1::Position position;
  position.set_revision(1);
  const absl::Status status = GetModel(position).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status, HasReason("BAD_FIELD"));
  EXPECT_EQ(ExtrasOf(status).field_violations.at(0).field, "read.min_position.epoch");
}

TEST_F(MinPositionTest, AReplicaThatIsBehindSaysWhenToComeAgain) {
  ServiceFixture::Options options;
  options.positions.is_replica = true;
  options.positions.patience = absl::Milliseconds(50);
  server_ = std::make_unique<ServiceFixture>(options);
  const absl::Status status = GetModel(server_->Position(1)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(status, HasReason("REPLICA_BEHIND"));
  EXPECT_TRUE(ExtrasOf(status).retry_after.has_value());
}

// Each kind of read, with the options as given: its status.
class EveryRead {
 public:
  EveryRead(ServiceFixture* server, const v1::ReadOptions& read) : server_(server), read_(read) {}

  std::vector<absl::Status> Statuses() {
    v1::ReferenceService::Stub& stub = server_->reference();
    std::vector<absl::Status> statuses;
    statuses.push_back(Call<v1::GetCategoryRequest, v1::GetCategoryResponse>(
        [&](auto... args) { return stub.GetCategory(args...); }));
    statuses.push_back(Call<v1::GetModelRequest, v1::GetModelResponse>(
        [&](auto... args) { return stub.GetModel(args...); }));
    statuses.push_back(Call<v1::BatchGetModelsRequest, v1::BatchGetModelsResponse>(
        [&](auto... args) { return stub.BatchGetModels(args...); }));
    statuses.push_back(Call<v1::ListModelsRequest, v1::ListModelsResponse>(
        [&](auto... args) { return stub.ListModels(args...); }));
    statuses.push_back(Call<v1::GetCategoryStatisticsRequest, v1::GetCategoryStatisticsResponse>(
        [&](auto... args) { return stub.GetCategoryStatistics(args...); }));
    statuses.push_back(Stream<v1::StreamCategoryRequest, v1::StreamCategoryResponse>(
        [&](auto... args) { return stub.StreamCategory(args...); }));
    statuses.push_back(Stream<v1::GetDeltaRequest, v1::GetDeltaResponse>(
        [&](auto... args) { return stub.GetDelta(args...); }));
    grpc::ClientContext context;
    v1::FetchAllCategoriesRequest all;
    *all.mutable_read() = read_;
    statuses.push_back(ServiceFixture::ReadAll<v1::FetchAllCategoriesResponse>(
                           stub.FetchAllCategories(&context, all).get())
                           .status);
    return statuses;
  }

 private:
  template <typename Request>
  Request Make() {
    Request request;
    request.set_category("clip");
    if constexpr (std::is_same_v<Request, v1::GetModelRequest>) request.set_name("a");
    *request.mutable_read() = read_;
    return request;
  }
  template <typename Request, typename Response, typename Method>
  absl::Status Call(Method method) {
    const Request request = Make<Request>();
    grpc::ClientContext context;
    Response response;
    return FromGrpcStatus(method(&context, request, &response));
  }
  template <typename Request, typename Response, typename Method>
  absl::Status Stream(Method method) {
    const Request request = Make<Request>();
    grpc::ClientContext context;
    return ServiceFixture::ReadAll<Response>(method(&context, request).get()).status;
  }

  ServiceFixture* const server_;
  const v1::ReadOptions read_;
};

TEST_F(MinPositionTest, EveryReadWaitsForIt) {
  Start(absl::ZeroDuration());
  server_->Put("a", "1");
  v1::ReadOptions read;
  *read.mutable_min_position() = server_->Position();
  const std::vector<absl::Status> reached = EveryRead(server_.get(), read).Statuses();
  ASSERT_THAT(reached, SizeIs(8));
  for (const absl::Status& status : reached) EXPECT_THAT(status, IsOk());
  *read.mutable_min_position() = server_->Position(1);
  for (const absl::Status& status : EveryRead(server_.get(), read).Statuses()) {
    EXPECT_THAT(status, HasReason("REVISION_IN_FUTURE"));
  }
  read.Clear();
  *read.mutable_at_position() = server_->Position();
  for (const absl::Status& status : EveryRead(server_.get(), read).Statuses()) {
    EXPECT_THAT(status, HasReason("NOT_BUILT"));
  }
}

TEST_F(MinPositionTest, ARefreshComesAfterThePosition) {
  Start(kDeadline);
  server_->Put("a", "1");
  v1::ReadOptions read;
  read.set_force_refresh(true);
  *read.mutable_min_position() = server_->Position();
  for (const absl::Status& status : EveryRead(server_.get(), read).Statuses()) {
    EXPECT_THAT(status, IsOk());
  }
}

TEST_F(MinPositionTest, AServerThatStopsAnswersThoseWhoWait) {
  Start(kDeadline);
  const v1::Position next = server_->Position(1);
  absl::Status status;
  std::thread reader([&] { status = GetModel(next).status(); });
  ASSERT_TRUE(Eventually([&] { return Started() == 1; }));
  server_->server()->Shutdown(absl::Milliseconds(50));
  reader.join();
  EXPECT_FALSE(status.ok());
}

// --- GetDelta ------------------------------------------------------------------------------------

class GetDeltaTest : public ::testing::Test {
 protected:
  static ServiceFixture::Options Forgetful() {
    ServiceFixture::Options options;
    options.store.history_transactions = 4;
    options.positions.follow = absl::ZeroDuration();
    return options;
  }
  // What the caller holds: a copy as of now.
  v1::GetDeltaRequest CopyNow() {
    v1::GetDeltaRequest request;
    request.set_category("clip");
    *request.mutable_since() = server_.Position();
    request.set_base_etag(server_.Etag());
    copy_.clear();
    server_.store().root()->Find(kClip)->document->ForEach(
        [&](const Entry& entry) { copy_.emplace_back(entry.record->name, entry.record->json); });
    return request;
  }
  void Commit(std::vector<RecordChange> changes) {
    ASSERT_NE(CommitTo(server_.store(), Edit(kClip, std::move(changes))), 0u);
  }
  // Follows the delta, as the protocol says, and compares the result with the document.
  v1::DeltaHeader Follow(const v1::GetDeltaRequest& request) {
    const auto stream = server_.GetDelta(request);
    EXPECT_THAT(stream.status, IsOk());
    EXPECT_GE(stream.messages.size(), 2u);
    upserts_ = deletes_ = 0;
    parts_ = stream.messages.size();
    v1::DeltaHeader header;
    std::string piece;
    for (const v1::GetDeltaResponse& message : stream.messages) {
      EXPECT_EQ(message.header().revision(), server_.store().root()->revision);
      EXPECT_LE(message.ByteSizeLong(), size_t{256} << 10);
      if (message.has_delta_header()) {
        header = message.delta_header();
        if (header.full()) copy_.clear();
      }
      for (const std::string& name : message.deletes().names()) Delete(name);
      for (const v1::Record& record : message.upserts().records()) Upsert(record, &piece);
    }
    const v1::CategoryEnd& end = stream.messages.back().category_end();
    EXPECT_EQ(end.record_count(), upserts_);
    EXPECT_EQ(end.etag(), server_.Etag());
    EXPECT_EQ(header.etag(), server_.Etag());
    DocumentEtagBuilder builder;
    for (const auto& [name, json] : copy_) builder.Add(name, RecordEtag(json));
    EXPECT_EQ(AsBytes(builder.Finish()), server_.Etag()) << "the copy is the document";
    return header;
  }
  void Delete(const std::string& name) {
    ++deletes_;
    for (auto it = copy_.begin(); it != copy_.end(); ++it) {
      if (it->first != name) continue;
      copy_.erase(it);
      return;
    }
  }
  void Upsert(const v1::Record& record, std::string* piece) {
    *piece += record.json();
    if (record.continues()) return;
    const std::string json = std::exchange(*piece, {});
    ++upserts_;
    for (auto& [name, old] : copy_) {
      if (name != record.name()) continue;
      old = json;
      return;
    }
    copy_.emplace_back(record.name(), json);
  }

  ServiceFixture server_{Forgetful()};
  std::vector<std::pair<std::string, std::string>> copy_;
  size_t upserts_ = 0;
  size_t deletes_ = 0;
  size_t parts_ = 0;
};

TEST_F(GetDeltaTest, ACurrentCopyGetsNothing) {
  Commit({Put("a", "1")});
  EXPECT_FALSE(Follow(CopyNow()).full());
  EXPECT_EQ(parts_, 2u);
  v1::GetDeltaRequest request = CopyNow();
  request.clear_since();
  EXPECT_FALSE(Follow(request).full()) << "the etag says it all";
  EXPECT_EQ(parts_, 2u);
}

TEST_F(GetDeltaTest, OnlyWhatChangedIsSent) {
  Commit({Put("a", "1"), Put("b", "1"), Put("c", "1"), Put("d", "1")});
  const v1::GetDeltaRequest request = CopyNow();
  Commit({Put("b", "2"), Remove("c"), Put("e", "1")});
  const v1::DeltaHeader header = Follow(request);
  EXPECT_FALSE(header.full());
  EXPECT_EQ(header.mod_revision(), 7u);
  EXPECT_EQ(upserts_, 2u);
  EXPECT_EQ(deletes_, 1u);
}

TEST_F(GetDeltaTest, ARecordThatWasMadeAnewMovesToTheEnd) {
  Commit({Put("a", "1"), Put("b", "1"), Put("c", "1")});
  const v1::GetDeltaRequest request = CopyNow();
  Commit({Remove("a")});
  Commit({Put("a", "1")});
  EXPECT_FALSE(Follow(request).full());
  EXPECT_EQ(upserts_, 1u);
  EXPECT_EQ(deletes_, 1u);
}

TEST_F(GetDeltaTest, ARecordThatCameAndWentIsNotMentioned) {
  Commit({Put("a", "1"), Put("b", "1")});
  const v1::GetDeltaRequest request = CopyNow();
  Commit({Put("x", "1")});
  Commit({Remove("x"), Put("a", "2")});
  EXPECT_FALSE(Follow(request).full());
  EXPECT_EQ(deletes_, 0u);
}

TEST_F(GetDeltaTest, ChangesOlderThanMemoryComeFromTheDatabase) {
  Commit({Put("a", "1"), Put("b", "1"), Put("c", "1"), Put("d", "1")});
  const v1::GetDeltaRequest request = CopyNow();
  Commit({Remove("a")});
  Commit({Put("a", "9"), Remove("b")});
  Commit({Put("x", "1")});
  Commit({Remove("x")});
  for (int i = 0; i < 10; ++i) Commit({Put("c", absl::StrCat(i, "new"))});
  ASSERT_GT(server_.store().history_floor(), 4u);
  EXPECT_FALSE(Follow(request).full());
  EXPECT_EQ(upserts_, 2u);
  EXPECT_EQ(deletes_, 3u) << "a, b, and x that the copy never had";
}

TEST_F(GetDeltaTest, ACopyThatIsNotKnownIsReplaced) {
  Commit({Put("a", "1"), Put("b", "1")});
  v1::GetDeltaRequest request = CopyNow();
  Commit({Put("a", "2")});
  const v1::GetDeltaRequest good = request;
  request.clear_since();
  EXPECT_TRUE(Follow(request).full());
  EXPECT_EQ(upserts_, 2u);
  request = good;
  request.mutable_since()->set_epoch(std::string(16, 'e'));
  EXPECT_TRUE(Follow(request).full());
  request = good;
  request.mutable_since()->set_chain("otherone");
  EXPECT_TRUE(Follow(request).full());
  request = good;
  *request.mutable_since() = server_.Position(7);
  EXPECT_TRUE(Follow(request).full());
}

TEST_F(GetDeltaTest, ACopyThatCannotHaveBeenTheDocumentIsReplaced) {
  Commit({Put("a", "1"), Put("b", "1")});
  v1::GetDeltaRequest request = CopyNow();
  request.set_base_etag(std::string(32, 'x'));
  EXPECT_TRUE(Follow(request).full()) << "nothing changed since, yet it is another";
  Commit({Put("a", "2")});
  EXPECT_TRUE(Follow(request).full()) << "the step before the change is known";
}

TEST_F(GetDeltaTest, WithoutAnEtagThePositionIsBelieved) {
  Commit({Put("a", "1"), Put("b", "1")});
  v1::GetDeltaRequest request = CopyNow();
  request.clear_base_etag();
  Commit({Put("a", "2")});
  EXPECT_FALSE(Follow(request).full());
  EXPECT_EQ(upserts_, 1u);
}

TEST_F(GetDeltaTest, ADocumentThatChangedAltogetherIsSentWhole) {
  Commit({Put("a", "1"), Put("b", "1")});
  const v1::GetDeltaRequest request = CopyNow();
  Commit({Put("a", "2"), Put("b", "2")});
  EXPECT_TRUE(Follow(request).full());
}

TEST_F(GetDeltaTest, ADocumentThatBecameEmptyIsADeltaOfDeletes) {
  Commit({Put("a", "1"), Put("b", "1")});
  const v1::GetDeltaRequest request = CopyNow();
  Commit({Remove("a"), Remove("b")});
  EXPECT_FALSE(Follow(request).full());
  EXPECT_EQ(deletes_, 2u);
}

TEST_F(GetDeltaTest, LargeDeltasComeInParts) {
  Commit(PutMany(3000, "1"));
  const v1::GetDeltaRequest request = CopyNow();
  std::vector<RecordChange> changes;
  for (int i = 0; i < 1000; ++i) changes.push_back(Put(absl::StrCat("name", i), "2"));
  for (int i = 1000; i < 2500; ++i) changes.push_back(Remove(absl::StrCat("name", i)));
  changes.push_back(Put("large", std::string(900 << 10, 'x')));
  Commit(std::move(changes));
  EXPECT_FALSE(Follow(request).full()) << "more steps than memory lists: the database knows";
  EXPECT_EQ(upserts_, 1001u);
  EXPECT_EQ(deletes_, 1500u);
  EXPECT_GE(parts_, 7u);
}

TEST_F(GetDeltaTest, NamesBeyondOneMessageComeInParts) {
  std::vector<RecordChange> creates;
  std::vector<RecordChange> removes;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = absl::StrCat(std::string(480, 'n'), i);
    creates.push_back(Put(name, "1"));
    removes.push_back(Remove(name));
  }
  creates.push_back(Put("stays", "1"));
  Commit(std::move(creates));
  const v1::GetDeltaRequest request = CopyNow();
  Commit(std::move(removes));
  Follow(request);
  EXPECT_EQ(deletes_, 1000u);
  EXPECT_GE(parts_, 4u);
}

TEST_F(GetDeltaTest, ABadRequestSaysWhatIsWrong) {
  v1::GetDeltaRequest request;
  request.set_category("no_such");
  EXPECT_THAT(server_.GetDelta(request).status, HasReason("CATEGORY_NOT_FOUND"));
  request.set_category("clip");
  request.set_base_etag("short");
  EXPECT_THAT(server_.GetDelta(request).status, HasReason("BAD_FIELD"));
  request.clear_base_etag();
  request.mutable_since()->set_revision(7);
  EXPECT_EQ(ExtrasOf(server_.GetDelta(request).status).field_violations.at(0).field, "since.epoch");
}

TEST_F(GetDeltaTest, ADamagedDocumentIsItsOwnError) {
  server_.store().SetDamage(kClip, absl::DataLossError("clip.json: line 1"));
  v1::GetDeltaRequest request;
  request.set_category("clip");
  EXPECT_THAT(server_.GetDelta(request).status, StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace modelref::testing
