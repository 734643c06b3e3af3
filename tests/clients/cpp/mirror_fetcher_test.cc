#include "clients/cpp/mirror_fetcher.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/base/error.h"
#include "backends/base/mutex.h"
#include "tests/clients/fake_server.h"
#include "tests/clients/sample_document.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::ThreeModels;

MirrorCopyPtr BaseCopy() {
  auto copy = std::make_shared<MirrorCopy>();
  copy->key = {"controlnet", Format::kV2};
  copy->document = MirrorDocument::Empty()->Apply(
      {},
      {MakeMirrorRecord("alpha", ThreeModels().record(0).json()), MakeMirrorRecord("old", "1")});
  copy->epoch = std::string(16, 'e');
  copy->revision = 90;
  return copy;
}

// A server with three models in controlnet, and what it was asked.
class MirrorFetcherTest : public ::testing::Test {
 protected:
  MirrorFetcherTest() {
    handlers_.stream_category = [this](const v1::StreamCategoryRequest& request,
                                       grpc::ServerContext&,
                                       grpc::ServerWriter<v1::StreamCategoryResponse>& writer) {
      MutexLock lock(&mutex_);
      transfers_.push_back(request);
      if (request.read().has_min_position() && !script_.position_error.ok()) {
        return script_.position_error;
      }
      for (v1::StreamCategoryResponse& part : ThreeModels().Parts()) writer.Write(part);
      return absl::OkStatus();
    };
    handlers_.get_delta = [this](const v1::GetDeltaRequest& request, grpc::ServerContext&,
                                 grpc::ServerWriter<v1::GetDeltaResponse>& writer) {
      MutexLock lock(&mutex_);
      deltas_.push_back(request);
      if (!script_.delta_error.ok()) return script_.delta_error;
      v1::GetDeltaResponse part;
      part.mutable_header()->set_revision(102);
      part.mutable_delta_header()->set_etag(ThreeModels().etag());
      part.mutable_delta_header()->set_full(script_.full);
      part.mutable_delta_header()->set_mod_revision(101);
      writer.Write(part);
      part.mutable_deletes()->add_names(script_.delete_name);
      writer.Write(part);
      part.clear_part();
      for (size_t i = script_.full ? 0 : 1; i < 3; ++i) {
        *part.mutable_upserts()->add_records() = ThreeModels().record(i);
      }
      writer.Write(part);
      part.mutable_category_end()->set_etag(ThreeModels().etag());
      writer.Write(part);
      return absl::OkStatus();
    };
    server_ = std::make_unique<FakeServer>(handlers_);
    ClientOptions options;
    options.address = server_->address();
    options.retry.max_attempts = 1;
    client_ = *Client::Create(options);
    fetch_.key = {"controlnet", Format::kV2};
    fetch_.min_epoch = std::string(16, 'e');
    fetch_.min_revision = 102;
  }
  struct Script {
    absl::Status position_error;  // To reads with a position.
    absl::Status delta_error;
    bool full = false;
    std::string delete_name = "old";
  };
  void Set(const Script& script) {
    MutexLock lock(&mutex_);
    script_ = script;
  }
  std::vector<v1::StreamCategoryRequest> transfers() {
    MutexLock lock(&mutex_);
    return transfers_;
  }
  std::vector<v1::GetDeltaRequest> deltas() {
    MutexLock lock(&mutex_);
    return deltas_;
  }
  absl::StatusOr<MirrorCopyPtr> Fetch() {
    return FetchMirrorCopy(*client_, fetch_, max_bytes_, &cancellation_);
  }

  FakeHandlers handlers_;
  Mutex mutex_;
  Script script_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::StreamCategoryRequest> transfers_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::GetDeltaRequest> deltas_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<FakeServer> server_;
  std::unique_ptr<Client> client_;
  MirrorFetch fetch_;
  size_t max_bytes_ = 1 << 20;
  Cancellation cancellation_;
};

TEST_F(MirrorFetcherTest, WithoutACopyTheWholeIsStreamed) {
  ASSERT_OK_AND_ASSIGN(const MirrorCopyPtr copy, Fetch());
  EXPECT_EQ(copy->document->ToJson(), ThreeModels().json());
  EXPECT_EQ(copy->mod_revision, 102u);
  EXPECT_EQ(copy->revision, 102u);
  EXPECT_TRUE(deltas().empty());
  ASSERT_EQ(transfers().size(), 1u);
  EXPECT_EQ(transfers()[0].read().min_position().revision(), 102u);
  EXPECT_EQ(transfers()[0].format(), v1::FORMAT_V2);
}

TEST_F(MirrorFetcherTest, FromACopyADeltaIsAppliedAndChecked) {
  fetch_.base = BaseCopy();
  ASSERT_OK_AND_ASSIGN(const MirrorCopyPtr copy, Fetch());
  EXPECT_EQ(copy->document->ToJson(), ThreeModels().json());
  EXPECT_EQ(copy->mod_revision, 101u);
  ASSERT_EQ(deltas().size(), 1u);
  EXPECT_EQ(deltas()[0].since().revision(), 90u);
  EXPECT_EQ(deltas()[0].base_etag(), AsBytes(BaseCopy()->document->etag()));
  EXPECT_EQ(deltas()[0].read().min_position().revision(), 102u);
  EXPECT_TRUE(transfers().empty());
}

TEST_F(MirrorFetcherTest, DeltaThatIsTheWholeReplacesTheCopy) {
  fetch_.base = BaseCopy();
  Set({.full = true});
  ASSERT_OK_AND_ASSIGN(const MirrorCopyPtr copy, Fetch());
  EXPECT_EQ(copy->document->ToJson(), ThreeModels().json());
}

TEST_F(MirrorFetcherTest, DeltaThatDoesNotAddUpIsAnIntegrityFailure) {
  fetch_.base = BaseCopy();
  Set({.delete_name = "alpha"});
  EXPECT_THAT(Fetch(), HasReason("INTEGRITY_FAILURE"));
}

TEST_F(MirrorFetcherTest, ServerThatCannotContinueIsAskedForTheWhole) {
  fetch_.base = BaseCopy();
  for (const absl::Status& error :
       {absl::UnimplementedError(""),
        Error(absl::StatusCode::kFailedPrecondition, "EPOCH_MISMATCH", ""),
        Error(absl::StatusCode::kFailedPrecondition, "REVISION_IN_FUTURE", ""),
        Error(absl::StatusCode::kOutOfRange, "COMPACTED", "")}) {
    Set({.delta_error = error});
    ASSERT_OK_AND_ASSIGN(const MirrorCopyPtr copy, Fetch());
    EXPECT_EQ(copy->document->ToJson(), ThreeModels().json());
    EXPECT_EQ(transfers().back().if_none_match(), AsBytes(BaseCopy()->document->etag()));
  }
}

TEST_F(MirrorFetcherTest, ServerThatDoesNotKnowThePositionIsAskedWithout) {
  for (const absl::Status& error :
       {Error(absl::StatusCode::kUnimplemented, "NOT_BUILT", ""),
        Error(absl::StatusCode::kFailedPrecondition, "EPOCH_MISMATCH", "")}) {
    Set({.position_error = error});
    EXPECT_THAT(Fetch(), IsOk());
    EXPECT_FALSE(transfers().back().read().has_min_position());
  }
}

TEST_F(MirrorFetcherTest, DocumentThatIsTooLargeIsNotHeld) {
  max_bytes_ = 20;
  EXPECT_THAT(Fetch(), HasReason("DOCUMENT_TOO_LARGE"));
}

TEST_F(MirrorFetcherTest, OtherErrorsAreTheCallers) {
  Set({.position_error = Error(absl::StatusCode::kUnavailable, "REPLICA_BEHIND", "")});
  EXPECT_THAT(Fetch(), HasReason("REPLICA_BEHIND"));
  EXPECT_EQ(transfers().size(), 1u);
  fetch_.base = BaseCopy();
  Set({.delta_error = Error(absl::StatusCode::kNotFound, "CATEGORY_NOT_FOUND", "")});
  EXPECT_THAT(Fetch(), HasReason("CATEGORY_NOT_FOUND"));
  EXPECT_EQ(transfers().size(), 1u);
}

}  // namespace
}  // namespace modelref
