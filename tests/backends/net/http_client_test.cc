#include "backends/net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/fake_http_server.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Result = absl::StatusOr<HttpResponse>;

constexpr char kSecret[] = "very-secret-key";

Result Get(HttpClient& client, HttpRequest request) {
  auto done = std::make_shared<std::promise<Result>>();
  client.Get(std::move(request), [done](Result result) { done->set_value(std::move(result)); });
  return done->get_future().get();
}

HttpRequest RequestTo(const FakeHttpServer& server) {
  HttpRequest request;
  request.url = absl::StrCat(server.url(), "a/b?c=d");
  request.headers = {{"apikey", kSecret}};
  return request;
}

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClient client_{HttpClient::Options()};
};

TEST_F(HttpClientTest, AnAnswerIsStatusBodyAndWhenToComeAgain) {
  const FakeHttpServer server([](const std::string& head) {
    const bool asked = absl::StartsWith(head, "GET /a/b?c=d HTTP/1.1\r\n") &&
                       absl::StrContains(head, absl::StrCat("apikey: ", kSecret, "\r\n"));
    return HttpAnswer(asked ? 503 : 400, "come later", "Retry-After: 7\r\n");
  });
  ASSERT_OK_AND_ASSIGN(const HttpResponse response, Get(client_, RequestTo(server)));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "come later");
  EXPECT_EQ(response.retry_after, absl::Seconds(7));
}

TEST_F(HttpClientTest, ARedirectIsAnAnswerAndNotFollowed) {
  const FakeHttpServer other([](const std::string&) { return HttpAnswer(200, "stolen"); });
  const FakeHttpServer server([&other](const std::string&) {
    return HttpAnswer(302, "", absl::StrCat("Location: ", other.url(), "\r\n"));
  });
  ASSERT_OK_AND_ASSIGN(const HttpResponse response, Get(client_, RequestTo(server)));
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(other.requests(), 0);
}

TEST_F(HttpClientTest, APeerThatSaysNothingCostsTheTimeOutAndNoMore) {
  const FakeHttpServer server([](const std::string&) { return HttpReply{.hold = true}; });
  HttpRequest request = RequestTo(server);
  request.timeout = absl::Milliseconds(100);
  EXPECT_THAT(Get(client_, request), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                              AllOf(HasSubstr("127.0.0.1"), Not(HasSubstr("a/b")),
                                                    Not(HasSubstr(kSecret)))));
}

TEST_F(HttpClientTest, AHalfSentAnswerIsNone) {
  const FakeHttpServer server([](const std::string&) {
    HttpReply reply = HttpAnswer(200, "a whole answer");
    reply.bytes.resize(reply.bytes.size() - 3);
    return reply;
  });
  EXPECT_THAT(Get(client_, RequestTo(server)), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(HttpClientTest, AnAnswerBeyondTheLimitIsNotRead) {
  const FakeHttpServer told([](const std::string&) { return HttpAnswer(200, "0123456789"); });
  const FakeHttpServer endless([](const std::string&) {
    return HttpReply{.bytes = "HTTP/1.1 200 OK\r\n\r\n", .endless = true};
  });
  for (const FakeHttpServer* server : {&told, &endless}) {
    HttpRequest request = RequestTo(*server);
    request.max_bytes = 9;
    EXPECT_THAT(Get(client_, request), StatusIs(absl::StatusCode::kResourceExhausted));
  }
  HttpRequest request = RequestTo(told);
  request.max_bytes = 10;
  EXPECT_THAT(Get(client_, request), IsOk());
}

TEST_F(HttpClientTest, WhatIsNoHttpIsUnavailable) {
  const FakeHttpServer server([](const std::string&) { return HttpReply{.bytes = "SSH-2.0\r\n"}; });
  EXPECT_THAT(Get(client_, RequestTo(server)), StatusIs(absl::StatusCode::kUnavailable));
  HttpRequest nobody;
  nobody.url = "http://127.0.0.1:1/";
  EXPECT_THAT(Get(client_, nobody), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(HttpClientTest, APeerWithoutAVerifiedCertificateIsRefused) {
  const FakeHttpServer server([](const std::string&) { return HttpAnswer(200, ""); });
  HttpRequest request;
  request.url = absl::StrCat("https", absl::string_view(server.url()).substr(4));
  request.timeout = absl::Seconds(2);
  EXPECT_FALSE(Get(client_, request).ok());
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(HttpClientTest, WhatCannotBeSentIsToldAtOnce) {
  for (const char* url :
       {"", "ftp://h/", "file:///etc/passwd", "h", "http://me:pw@h/", "http://"}) {
    HttpRequest request;
    request.url = url;
    EXPECT_THAT(Get(client_, request), StatusIs(absl::StatusCode::kInvalidArgument)) << url;
  }
  const FakeHttpServer server([](const std::string&) { return HttpAnswer(200, ""); });
  HttpRequest request = RequestTo(server);
  request.headers = {{"apikey", "one\r\nhost: other"}};
  EXPECT_THAT(Get(client_, request), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(HttpClientTest, ManyRequestsAreOnTheirWayAtOnce) {
  std::atomic<int> present{0};
  std::promise<void> all_here;
  const std::shared_future<void> all = all_here.get_future().share();
  const FakeHttpServer server([&](const std::string&) {
    if (++present == 8) all_here.set_value();
    all.wait();
    return HttpAnswer(200, "together");
  });
  std::vector<std::future<Result>> answers;
  for (int i = 0; i < 8; ++i) {
    auto done = std::make_shared<std::promise<Result>>();
    answers.push_back(done->get_future());
    client_.Get(RequestTo(server), [done](Result result) { done->set_value(std::move(result)); });
  }
  for (auto& answer : answers) EXPECT_THAT(answer.get(), IsOk());
}

TEST_F(HttpClientTest, StoppingAnswersEverybody) {
  const FakeHttpServer server([](const std::string&) { return HttpReply{.hold = true}; });
  auto done = std::make_shared<std::promise<Result>>();
  client_.Get(RequestTo(server), [done](Result result) { done->set_value(std::move(result)); });
  client_.Stop();
  EXPECT_THAT(done->get_future().get(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Get(client_, RequestTo(server)), StatusIs(absl::StatusCode::kUnavailable));
  client_.Stop();
}

TEST(HttpUrlTest, AUrlHasAHostAndMayBePrivate) {
  EXPECT_THAT(HostOfUrl("https://aihorde.net/api/"), IsOkAndHolds("aihorde.net"));
  EXPECT_THAT(HostOfUrl("http://[::1]:81/x"), IsOkAndHolds("[::1]:81"));
  EXPECT_FALSE(HostOfUrl("https://user@h/").ok());
  for (const char* url :
       {"https://h/", "http://127.0.0.1/", "http://localhost:1/", "http://[::1]/"}) {
    EXPECT_THAT(IsPrivateUrl(url), IsOkAndHolds(true)) << url;
  }
  for (const char* url : {"http://h/", "http://10.0.0.1/", "http://localhost.evil.example/",
                          "http://127.evil.example/"}) {
    EXPECT_THAT(IsPrivateUrl(url), IsOkAndHolds(false)) << url;
  }
  EXPECT_FALSE(IsPrivateUrl("nothing").ok());
}

}  // namespace
}  // namespace modelref::testing
