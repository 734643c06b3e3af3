#include "service/rpc/upload_call.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "tests/service/rpc/rpc_test_server.h"

namespace modelref::testing {
namespace {

constexpr char kMethod[] = "/test.Upload/Join";

// One upload, written by blocking calls as a generated stub would.
class TestUpload {
 public:
  explicit TestUpload(const std::shared_ptr<grpc::Channel>& channel) {
    const grpc::internal::RpcMethod rpc(kMethod, grpc::internal::RpcMethod::CLIENT_STREAMING);
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
    writer_.reset(grpc::internal::ClientWriterFactory<Text>::Create(channel.get(), rpc, &context_,
                                                                    &response_));
  }
  bool Write(const std::string& text) { return writer_->Write(MakeText(text)); }
  absl::StatusOr<std::string> Finish() {
    writer_->WritesDone();
    const absl::Status status = FromGrpcStatus(writer_->Finish());
    if (!status.ok()) return status;
    return response_.value();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  Text response_;
  std::unique_ptr<grpc::ClientWriter<Text>> writer_;
};

// Joins what it is sent; "bad" is refused.
class JoiningSink final : public UploadSink {
 public:
  struct Counts {
    std::atomic<int> made{0};
    std::atomic<int> gone{0};
    std::atomic<int> begun{0};
    std::atomic<int> taken{0};
    std::atomic<int> finished{0};
    Gate* hold = nullptr;  // Waited for by Take.
    std::atomic<const CallContext*> context{nullptr};
  };

  explicit JoiningSink(Counts* counts) : counts_(counts) { ++counts_->made; }
  ~JoiningSink() override { ++counts_->gone; }

  absl::Status Take(const grpc::ByteBuffer& message) override {
    Text text;
    RETURN_IF_ERROR(ParseMessage(message, &text));
    ++counts_->begun;
    if (counts_->hold != nullptr) counts_->hold->Wait();
    ++counts_->taken;
    if (text.value() == "bad") return Error(absl::StatusCode::kInvalidArgument, "BAD", "bad");
    parts_.push_back(text.value());
    return absl::OkStatus();
  }
  void Finish(RawReply reply) override {
    ++counts_->finished;
    reply.Send(SerializeMessage(MakeText(absl::StrJoin(parts_, "+"))));
  }

 private:
  Counts* const counts_;
  std::vector<std::string> parts_;
};

class UploadCallTest : public ::testing::Test {
 protected:
  void StartServer(const TestServer::Options& change = nullptr) {
    server_.emplace(
        [this](MethodTable* table) {
          table->AddUpload(
              kMethod, {},
              [this](const CallContext& context) -> absl::StatusOr<std::unique_ptr<UploadSink>> {
                EXPECT_TRUE(context.is_stream());
                counts_.context = &context;
                if (refuse_) return Error(absl::StatusCode::kUnavailable, "REFUSED", "not now");
                return std::make_unique<JoiningSink>(&counts_);
              });
        },
        change);
    ASSERT_TRUE(server_->start_status().ok()) << server_->start_status();
  }

  JoiningSink::Counts counts_;
  bool refuse_ = false;
  std::optional<TestServer> server_;
};

TEST_F(UploadCallTest, AnswersOnceWithAllThatWasSentInOrder) {
  StartServer();
  TestUpload upload(server_->channel());
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(upload.Write(absl::StrCat(i)));
  const absl::StatusOr<std::string> answer = upload.Finish();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->substr(0, 9), "0+1+2+3+4");
  EXPECT_EQ(counts_.taken, 50);
  EXPECT_TRUE(Eventually([this] { return counts_.gone == 1; }));
  EXPECT_TRUE(Eventually([this] { return (*server_)->Stats().methods[0].finished[0] == 1; }));
}

TEST_F(UploadCallTest, AnUploadOfNothingIsAnsweredToo) {
  StartServer();
  const absl::StatusOr<std::string> answer = TestUpload(server_->channel()).Finish();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "");
}

TEST_F(UploadCallTest, ARefusedMessageEndsTheCallWhileThePeerStillSends) {
  StartServer();
  TestUpload upload(server_->channel());
  upload.Write("good");
  upload.Write("bad");
  for (int i = 0; i < 1000 && upload.Write("more"); ++i) {
  }
  EXPECT_EQ(ReasonOf(upload.Finish().status()), "BAD");
  EXPECT_EQ(counts_.finished, 0);
  EXPECT_TRUE(Eventually([this] { return counts_.gone == 1; }));
}

TEST_F(UploadCallTest, ACancelledUploadIsNeverFinished) {
  Gate hold;
  counts_.hold = &hold;
  StartServer();
  TestUpload upload(server_->channel());
  ASSERT_TRUE(upload.Write("a"));
  ASSERT_TRUE(Eventually([this] { return counts_.begun == 1; }));
  upload.Cancel();
  EXPECT_EQ(upload.Finish().status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(Eventually([this] { return counts_.context.load()->IsCancelled(); }));
  hold.Open();
  EXPECT_TRUE(Eventually([this] { return counts_.gone == 1; }));
  EXPECT_EQ(counts_.finished, 0);
}

TEST_F(UploadCallTest, AnUploadThatStallsIsEnded) {
  StartServer(
      [](RpcServerOptions* options) { options->upload_stalled_after = absl::Milliseconds(50); });
  TestUpload upload(server_->channel());
  ASSERT_TRUE(upload.Write("a"));
  ASSERT_TRUE(Eventually([this] { return counts_.gone == 1; }));
  EXPECT_EQ(ReasonOf(upload.Finish().status()), "UPLOAD_STALLED");
}

TEST_F(UploadCallTest, ASinkThatIsNotMadeIsTheAnswer) {
  refuse_ = true;
  StartServer();
  TestUpload upload(server_->channel());
  EXPECT_EQ(ReasonOf(upload.Finish().status()), "REFUSED");
}

TEST_F(UploadCallTest, AnUploadEndsWithTheRightOfItsCallerAlsoBehindItsLastMessage) {
  std::atomic<bool> revoked{false};
  StartServer([&](RpcServerOptions* options) {
    options->stream_review = [&](const CallContext& context) -> absl::Status {
      EXPECT_EQ(context.method(), kMethod);
      if (!revoked) return absl::OkStatus();
      return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", "no longer");
    };
  });
  TestUpload in_between(server_->channel());
  TestUpload at_the_end(server_->channel());
  ASSERT_TRUE(in_between.Write("a"));
  ASSERT_TRUE(at_the_end.Write("a"));
  ASSERT_TRUE(Eventually([this] { return counts_.taken == 2; }));
  revoked = true;
  in_between.Write("b");
  EXPECT_EQ(ReasonOf(in_between.Finish().status()), "ROLE_REQUIRED");
  EXPECT_EQ(ReasonOf(at_the_end.Finish().status()), "ROLE_REQUIRED");
  EXPECT_EQ(counts_.taken, 2);
  EXPECT_EQ(counts_.finished, 0);
  EXPECT_EQ((*server_)->Stats().streams_revoked, 2u);
}

// Reviews that have to ask: each question waits for the test.
class UploadReviewTest : public UploadCallTest {
 protected:
  void Start() {
    StartServer([this](RpcServerOptions* options) {
      options->stream_review = [this](const CallContext&) -> AdmissionOutcome {
        return AdmissionQuestion([this](const CallContext&, AdmissionReply reply) {
          MutexLock lock(&mutex_);
          question_ = std::move(reply);
          ++asked_;
        });
      };
    });
  }
  // Answers the question of that number.
  void Decide(int number, const AdmissionVerdict& verdict) {
    ASSERT_TRUE(Eventually([&] { return asked_ == number; }));
    MutexLock lock(&mutex_);
    question_->Decide(verdict);
    question_.reset();
  }
  static absl::Status Good(CallContext&) { return absl::OkStatus(); }
  static absl::Status Revoked(CallContext&) {
    return Error(absl::StatusCode::kUnauthenticated, "CREDENTIAL_INVALID", "taken back");
  }

  std::atomic<int> asked_{0};
  Mutex mutex_;
  std::optional<AdmissionReply> question_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(UploadReviewTest, NothingIsTakenOrFinishedBeforeTheAnswer) {
  Start();
  TestUpload upload(server_->channel());
  ASSERT_TRUE(upload.Write("a"));
  ASSERT_TRUE(Eventually([this] { return asked_ == 1; }));
  EXPECT_EQ(counts_.begun, 0);
  EXPECT_EQ((*server_)->Stats().admissions_waiting, 0) << "it was admitted";
  Decide(1, &Good);
  ASSERT_TRUE(Eventually([this] { return counts_.taken == 1; }));
  std::thread decide([this] { Decide(2, &Good); });
  const absl::StatusOr<std::string> answer = upload.Finish();
  decide.join();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "a");
}

TEST_F(UploadReviewTest, ARefusalBehindTheLastMessageFinishesNothing) {
  Start();
  TestUpload upload(server_->channel());
  ASSERT_TRUE(upload.Write("a"));
  Decide(1, &Good);
  ASSERT_TRUE(Eventually([this] { return counts_.taken == 1; }));
  std::thread decide([this] { Decide(2, &Revoked); });
  EXPECT_EQ(ReasonOf(upload.Finish().status()), "CREDENTIAL_INVALID");
  decide.join();
  EXPECT_EQ(counts_.finished, 0);
  EXPECT_TRUE(Eventually([this] { return counts_.gone == 1; }));
  EXPECT_EQ((*server_)->Stats().streams_revoked, 1u);
}

TEST_F(UploadReviewTest, AQuestionThatNobodyAnswersRefuses) {
  Start();
  TestUpload upload(server_->channel());
  ASSERT_TRUE(upload.Write("a"));
  ASSERT_TRUE(Eventually([this] { return asked_ == 1; }));
  {
    MutexLock lock(&mutex_);
    question_.reset();
  }
  EXPECT_EQ(ReasonOf(upload.Finish().status()), "UNANSWERED");
  EXPECT_EQ(counts_.begun, 0);
}

TEST_F(UploadReviewTest, APeerThatLeavesMeanwhileIsGoneAndTheAnswerComesToNobody) {
  Start();
  TestUpload upload(server_->channel());
  ASSERT_TRUE(upload.Write("a"));
  ASSERT_TRUE(Eventually([this] { return asked_ == 1; }));
  upload.Cancel();
  ASSERT_TRUE(Eventually([this] { return counts_.gone == 1; }));
  Decide(1, &Good);
  EXPECT_EQ(upload.Finish().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(counts_.begun, 0);
  EXPECT_EQ(counts_.finished, 0);
}

TEST_F(UploadReviewTest, AServerStopsMeanwhile) {
  Start();
  TestUpload upload(server_->channel());
  ASSERT_TRUE(upload.Write("a"));
  ASSERT_TRUE(Eventually([this] { return asked_ == 1; }));
  (*server_)->Shutdown(absl::Milliseconds(20));
  EXPECT_FALSE(upload.Finish().ok());
  Decide(1, &Good);
  EXPECT_EQ(counts_.finished, 0);
}

TEST_F(UploadCallTest, AShutdownEndsUploadsThatGoOn) {
  StartServer();
  TestUpload upload(server_->channel());
  ASSERT_TRUE(upload.Write("a"));
  ASSERT_TRUE(Eventually([this] { return counts_.taken == 1; }));
  (*server_)->Shutdown(absl::Milliseconds(20));
  EXPECT_FALSE(upload.Finish().ok());
  EXPECT_EQ(counts_.gone, 1);
}

}  // namespace
}  // namespace modelref::testing
