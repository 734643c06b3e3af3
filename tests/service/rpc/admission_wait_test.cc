// Admission that waits for somebody's answer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "backends/base/error.h"
#include "tests/service/rpc/rpc_test_server.h"
#include "tests/service/rpc/stream_feed.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

constexpr char kEcho[] = "/test.Echo/Echo";
constexpr char kWatch[] = "/test.Echo/Watch";

absl::Status Admitted(CallContext&) { return absl::OkStatus(); }
absl::Status Refused(CallContext&) {
  return Error(absl::StatusCode::kUnauthenticated, "CREDENTIAL_INVALID", "nobody knows you");
}

class Name final : public CallAttachment {};

// A stream that sends one message and then waits for ever.
class OneMessage final : public StreamSource {
 public:
  StreamStep Next(StreamPhase phase) override {
    if (phase != StreamPhase::kServing) return EndStream{absl::OkStatus()};
    if (std::exchange(sent_, true)) return WaitForWake{};
    return SendMessage{SerializeMessage(MakeText("hello")).value()};
  }

 private:
  bool sent_ = false;
};

// Questions that the test answers.
class AdmissionWaitTest : public ::testing::Test {
 protected:
  void Start(int max_waiting = 100) {
    server_ = std::make_unique<TestServer>(
        [this](MethodTable* table) {
          AddText(table, kEcho, [this](const CallContext& context, const std::string& text) {
            ++handled_;
            const bool named = context.Attached<Name>() != nullptr;
            return absl::StatusOr<std::string>(named ? text + " by name" : text);
          });
          table->ServerStream<Text>(
              kWatch,
              [this](const CallContext&, const Text&,
                     const Waker&) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
                ++handled_;
                return std::unique_ptr<StreamSource>(std::make_unique<OneMessage>());
              });
        },
        [this, max_waiting](RpcServerOptions* options) {
          options->max_admissions_waiting = max_waiting;
          options->admission = [this](CallContext&) -> AdmissionOutcome {
            return AdmissionQuestion([this](const CallContext&, AdmissionReply reply) {
              MutexLock lock(&mutex_);
              questions_.push_back(std::move(reply));
            });
          };
        });
  }

  size_t Waiting() {
    MutexLock lock(&mutex_);
    return questions_.size();
  }
  // Answers the oldest question.
  void Decide(const AdmissionVerdict& verdict) {
    ASSERT_TRUE(Eventually([this] { return Waiting() > 0; }));
    MutexLock lock(&mutex_);
    questions_.front().Decide(verdict);
    questions_.erase(questions_.begin());
  }
  std::thread CallInBackground(absl::StatusOr<std::string>* answer,
                               grpc::ClientContext* context = nullptr) {
    return std::thread([this, answer, context] {
      grpc::ClientContext own;
      *answer = server_->Call(kEcho, "hello", context != nullptr ? context : &own);
    });
  }

  std::atomic<int> handled_{0};
  Mutex mutex_;
  std::vector<AdmissionReply> questions_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<TestServer> server_;  // Last: it calls what is above.
};

TEST_F(AdmissionWaitTest, ACallRunsWhenItsQuestionWasAnswered) {
  Start();
  absl::StatusOr<std::string> answer;
  std::thread call = CallInBackground(&answer);
  ASSERT_TRUE(Eventually([this] { return Waiting() == 1; }));
  EXPECT_EQ(handled_, 0);
  EXPECT_EQ((*server_)->Stats().admissions_waiting, 1);
  Decide([](CallContext& context) {
    context.Attach(std::make_shared<const Name>());
    return absl::OkStatus();
  });
  call.join();
  EXPECT_THAT(answer, IsOkAndHolds("hello by name"));
  EXPECT_EQ((*server_)->Stats().admissions_waiting, 0);
}

TEST_F(AdmissionWaitTest, ARefusalAfterTheWaitIsTheAnswer) {
  Start();
  absl::StatusOr<std::string> answer;
  std::thread call = CallInBackground(&answer);
  Decide(&Refused);
  call.join();
  EXPECT_THAT(answer, HasReason("CREDENTIAL_INVALID"));
  EXPECT_EQ(handled_, 0);
  EXPECT_EQ((*server_)->Stats().calls_not_admitted, 1u);
}

TEST_F(AdmissionWaitTest, AQueueServesOthersWhileCallsWait) {
  Start();
  std::vector<absl::StatusOr<std::string>> answers(8);
  std::vector<std::thread> calls;
  for (auto& answer : answers) calls.push_back(CallInBackground(&answer));
  ASSERT_TRUE(Eventually([this] { return Waiting() == 8; }));
  for (int i = 0; i < 8; ++i) Decide(&Admitted);
  for (std::thread& call : calls) call.join();
  for (const auto& answer : answers) EXPECT_THAT(answer, IsOkAndHolds("hello"));
}

TEST_F(AdmissionWaitTest, OnlySoManyCallsWait) {
  Start(2);
  absl::StatusOr<std::string> first;
  absl::StatusOr<std::string> second;
  std::thread one = CallInBackground(&first);
  std::thread two = CallInBackground(&second);
  ASSERT_TRUE(Eventually([this] { return Waiting() == 2; }));
  const absl::StatusOr<std::string> third = server_->Call(kEcho, "hello");
  EXPECT_THAT(third, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(third, HasReason("OVERLOADED"));
  EXPECT_TRUE(ExtrasOf(third.status()).retry_after.has_value());
  Decide(&Admitted);
  Decide(&Admitted);
  one.join();
  two.join();
  EXPECT_THAT(first, IsOk());
  EXPECT_THAT(second, IsOk());
  EXPECT_EQ((*server_)->Stats().admissions_waiting, 0);
}

TEST_F(AdmissionWaitTest, ACallThatIsCancelledWaitsNoMore) {
  Start();
  grpc::ClientContext context;
  absl::StatusOr<std::string> answer;
  std::thread call = CallInBackground(&answer, &context);
  ASSERT_TRUE(Eventually([this] { return Waiting() == 1; }));
  context.TryCancel();
  call.join();
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(Eventually([this] { return (*server_)->Stats().admissions_waiting == 0; }));
  Decide(&Admitted);  // To nobody.
  EXPECT_EQ(handled_, 0);
}

TEST_F(AdmissionWaitTest, ADeadlineEndsTheWait) {
  Start();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  absl::StatusOr<std::string> answer;
  std::thread call = CallInBackground(&answer, &context);
  call.join();
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(Eventually([this] { return (*server_)->Stats().admissions_waiting == 0; }));
  EXPECT_EQ(handled_, 0);
}

TEST_F(AdmissionWaitTest, AQuestionThatNobodyAnswersEndsTheCall) {
  Start();
  absl::StatusOr<std::string> answer;
  std::thread call = CallInBackground(&answer);
  ASSERT_TRUE(Eventually([this] { return Waiting() == 1; }));
  {
    MutexLock lock(&mutex_);
    questions_.clear();
  }
  call.join();
  EXPECT_THAT(answer, HasReason("UNANSWERED"));
}

TEST_F(AdmissionWaitTest, OnlyTheFirstVerdictCounts) {
  Start();
  absl::StatusOr<std::string> answer;
  std::thread call = CallInBackground(&answer);
  ASSERT_TRUE(Eventually([this] { return Waiting() == 1; }));
  {
    MutexLock lock(&mutex_);
    questions_.front().Decide(&Admitted);
    questions_.front().Decide(&Refused);
  }
  call.join();
  EXPECT_THAT(answer, IsOk());
}

TEST_F(AdmissionWaitTest, AStreamBeginsWhenItsQuestionWasAnswered) {
  Start();
  TestStream stream(server_->channel(), kWatch, "");
  ASSERT_TRUE(Eventually([this] { return Waiting() == 1; }));
  EXPECT_EQ((*server_)->Stats().streams_open, 0);
  Decide(&Admitted);
  EXPECT_THAT(stream.Read(), IsOkAndHolds("hello"));
}

TEST_F(AdmissionWaitTest, AStreamThatWaitsWhenTheServerDrainsIsRefused) {
  Start();
  TestStream stream(server_->channel(), kWatch, "");
  ASSERT_TRUE(Eventually([this] { return Waiting() == 1; }));
  (*server_)->BeginDrain(absl::ZeroDuration());
  Decide(&Admitted);
  EXPECT_THAT(stream.Read(), HasReason("DRAINING"));
  EXPECT_EQ(handled_, 0);
}

TEST_F(AdmissionWaitTest, AServerStopsWhileCallsWait) {
  Start();
  absl::StatusOr<std::string> answer;
  std::thread call = CallInBackground(&answer);
  TestStream stream(server_->channel(), kWatch, "");
  ASSERT_TRUE(Eventually([this] { return Waiting() == 2; }));
  server_->Destroy();
  call.join();
  EXPECT_FALSE(answer.ok());
  EXPECT_FALSE(stream.Read().ok());
  EXPECT_EQ(handled_, 0);
  // The answer comes when nobody is there any more.
  MutexLock lock(&mutex_);
  for (const AdmissionReply& question : questions_) question.Decide(&Admitted);
}

// Streams that are reviewed.
class StreamReviewTest : public ::testing::Test {
 protected:
  void Start() {
    Start([this](const CallContext& context) -> absl::Status {
      ++reviews_;
      if (!revoked_ || context.method() != kWatch) return absl::OkStatus();
      return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", "no longer");
    });
  }
  void Start(const StreamReview& review) {
    server_ = std::make_unique<TestServer>(
        [](MethodTable* table) {
          table->ServerStream<Text>(
              kWatch,
              [](const CallContext&, const Text&,
                 const Waker&) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
                return std::unique_ptr<StreamSource>(std::make_unique<OneMessage>());
              });
        },
        [&review](RpcServerOptions* options) { options->stream_review = review; });
  }
  std::atomic<int> reviews_{0};
  std::atomic<bool> revoked_{false};
  std::unique_ptr<TestServer> server_;
};

TEST_F(StreamReviewTest, StreamsEndWithTheReasonWhenTheirRightDoes) {
  Start();
  TestStream first(server_->channel(), kWatch, "");
  TestStream second(server_->channel(), kWatch, "");
  ASSERT_THAT(first.Read(), IsOk());
  ASSERT_THAT(second.Read(), IsOk());
  (*server_)->ReviewStreams();
  ASSERT_TRUE(Eventually([this] { return reviews_ == 2; }));
  EXPECT_EQ((*server_)->Stats().streams_open, 2);
  revoked_ = true;
  (*server_)->ReviewStreams();
  EXPECT_THAT(first.Read(), HasReason("ROLE_REQUIRED"));
  EXPECT_THAT(second.Read(), HasReason("ROLE_REQUIRED"));
  EXPECT_EQ((*server_)->Stats().streams_revoked, 2u);
}

TEST_F(StreamReviewTest, AReviewThatHasToAskEndsTheStreamByItsAnswer) {
  Mutex mutex;
  std::vector<AdmissionReply> questions;
  const auto asked = [&] {
    MutexLock lock(&mutex);
    return questions.size();
  };
  Start([&](const CallContext&) -> AdmissionOutcome {
    return AdmissionQuestion([&](const CallContext&, AdmissionReply reply) {
      MutexLock lock(&mutex);
      questions.push_back(std::move(reply));
    });
  });
  TestStream stream(server_->channel(), kWatch, "");
  ASSERT_THAT(stream.Read(), IsOk());
  (*server_)->ReviewStreams();
  ASSERT_TRUE(Eventually([&] { return asked() == 1; }));
  // While it is being asked it is not asked once more.
  (*server_)->ReviewStreams();
  {
    MutexLock lock(&mutex);
    questions[0].Decide(&Admitted);
  }
  ASSERT_TRUE(Eventually([&] {
    (*server_)->ReviewStreams();
    return asked() == 2;
  }));
  EXPECT_EQ((*server_)->Stats().streams_open, 1);
  EXPECT_EQ((*server_)->Stats().admissions_waiting, 0);
  {
    MutexLock lock(&mutex);
    questions[1].Decide(&Refused);
  }
  EXPECT_THAT(stream.Read(), HasReason("CREDENTIAL_INVALID"));
  EXPECT_EQ((*server_)->Stats().streams_revoked, 1u);
}

TEST_F(StreamReviewTest, AStreamThatEndsWhileItIsAskedAboutNeedsNoAnswer) {
  std::vector<AdmissionReply> questions;
  std::atomic<int> asked{0};
  Start([&](const CallContext&) -> AdmissionOutcome {
    return AdmissionQuestion([&](const CallContext&, AdmissionReply reply) {
      questions.push_back(std::move(reply));
      ++asked;
    });
  });
  TestStream stream(server_->channel(), kWatch, "");
  ASSERT_THAT(stream.Read(), IsOk());
  (*server_)->ReviewStreams();
  ASSERT_TRUE(Eventually([&] { return asked == 1; }));
  (*server_)->BeginDrain(absl::ZeroDuration());
  EXPECT_THAT(stream.Read(), StatusIs(absl::StatusCode::kOutOfRange)) << "its own end";
  questions[0].Decide(&Refused);
  server_->Destroy();
}

TEST_F(StreamReviewTest, WithoutAReviewNothingEnds) {
  TestServer server([](MethodTable* table) {
    table->ServerStream<Text>(
        kWatch,
        [](const CallContext&, const Text&,
           const Waker&) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
          return std::unique_ptr<StreamSource>(std::make_unique<OneMessage>());
        });
  });
  TestStream stream(server.channel(), kWatch, "");
  ASSERT_THAT(stream.Read(), IsOk());
  server->ReviewStreams();
  EXPECT_EQ(server->Stats().streams_open, 1);
  EXPECT_EQ(server->Stats().streams_revoked, 0u);
}

}  // namespace
}  // namespace modelref::testing
