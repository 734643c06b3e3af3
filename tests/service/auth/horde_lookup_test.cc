// Who AI-Horde says a key belongs to, from a server that behaves, and from others.

#include "service/auth/horde_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "service/auth/identity_sources.h"
#include "tests/testing/certificates.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_server.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::FakeHttpServer;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::HttpAnswer;
using testing::HttpReply;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::MakeAuthority;
using testing::MakeCertificate;
using ::testing::Not;
using testing::StatusIs;

using Answer = HordeLookup::Answer;

constexpr char kKey[] = "a-good-key-of-somebody";

HordeUser User(const std::string& id, const std::string& name) { return {id, name}; }

bool AsksFor(const std::string& head, absl::string_view key) {
  return absl::StartsWith(head, "GET /api/v2/find_user HTTP/1.1\r\n") &&
         absl::StrContains(head, absl::StrCat("apikey: ", key, "\r\n"));
}

HttpReply Known(const std::string& head) {
  if (!AsksFor(head, kKey)) return HttpAnswer(404, R"({"message":"No user matching"})");
  return HttpAnswer(200, R"({"username":"A#name#123","trusted":true,"kudos":1.5})");
}

class HordeLookupTest : public ::testing::Test {
 protected:
  std::unique_ptr<HordeLookup> LookUpAt(const FakeHttpServer& server,
                                        absl::Duration timeout = absl::Seconds(30)) {
    HordeLookup::Options options;
    options.url = absl::StrCat(server.url(), "api/");
    options.timeout = timeout;
    return std::make_unique<HordeLookup>(std::move(options), clock_);
  }
  static Answer Ask(HordeLookup& lookup, absl::string_view key) {
    auto done = std::make_shared<std::promise<Answer>>();
    lookup.Ask(key, [done](const Answer& answer) { done->set_value(answer); });
    return done->get_future().get();
  }

  testing::FakeClock clock_;
};

TEST_F(HordeLookupTest, AKeyHasAUserWhoseIdStandsBehindTheLastMark) {
  const FakeHttpServer server(&Known);
  const auto lookup = LookUpAt(server);
  EXPECT_EQ(lookup->Find(kKey), std::nullopt);
  EXPECT_THAT(Ask(*lookup, kKey), IsOkAndHolds(User("123", "A#name#123")));
  ASSERT_TRUE(lookup->Find(kKey).has_value());
  EXPECT_THAT(Ask(*lookup, "another"), HasReason("CREDENTIAL_INVALID"));
  EXPECT_EQ(lookup->stats().questions, 2u);
  EXPECT_EQ(lookup->stats().failures, 0u);
  EXPECT_EQ(lookup->stats().users, 1u);
}

TEST_F(HordeLookupTest, AnAnswerIsKeptForAMinute) {
  const FakeHttpServer server(&Known);
  const auto lookup = LookUpAt(server);
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Ask(*lookup, kKey), IsOk());
  EXPECT_EQ(server.requests(), 1);
  clock_.Advance(absl::Seconds(60));
  EXPECT_THAT(Ask(*lookup, kKey), IsOk());
  EXPECT_EQ(server.requests(), 2);
}

TEST_F(HordeLookupTest, CallsWithOneKeyWaitForOneQuestion) {
  std::promise<void> open;
  const std::shared_future<void> opened = open.get_future().share();
  const FakeHttpServer server([&](const std::string& head) {
    opened.wait();
    return Known(head);
  });
  const auto lookup = LookUpAt(server);
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 20; ++i) {
    auto done = std::make_shared<std::promise<Answer>>();
    answers.push_back(done->get_future());
    lookup->Ask(kKey, [done](const Answer& answer) { done->set_value(answer); });
  }
  open.set_value();
  for (auto& answer : answers) EXPECT_THAT(answer.get(), IsOk());
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(HordeLookupTest, WhatSaysNothingAboutTheKeyIsNoRefusal) {
  for (const HttpReply& reply :
       {HttpAnswer(500, "oops"), HttpAnswer(429, "", "Retry-After: 5\r\n"), HttpAnswer(302, ""),
        HttpAnswer(200, "<html>maintenance</html>"), HttpAnswer(200, ""), HttpAnswer(200, "[]"),
        HttpAnswer(200, R"({"username":7})"), HttpAnswer(200, R"({"user":"A#1"})"), HttpReply{},
        HttpReply{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"username\":\"A#1\"}"},
        HttpReply{.bytes = "HTTP/1.1 200 OK\r\n\r\n", .endless = true}}) {
    const FakeHttpServer server([&reply](const std::string&) { return reply; });
    const auto lookup = LookUpAt(server);
    const Answer answer = Ask(*lookup, kKey);
    EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable, Not(HasSubstr(kKey))))
        << reply.bytes.substr(0, 80);
    EXPECT_THAT(answer, HasReason("IDENTITY_UNAVAILABLE"));
    EXPECT_GE(ExtrasOf(answer.status()).retry_after.value_or(absl::ZeroDuration()),
              absl::Seconds(1));
    EXPECT_EQ(lookup->stats().failures, 1u);
    EXPECT_FALSE(lookup->stats().answering);
  }
}

TEST_F(HordeLookupTest, ASilentHordeCostsTheTimeOut) {
  const FakeHttpServer server([](const std::string&) { return HttpReply{.hold = true}; });
  const auto lookup = LookUpAt(server, absl::Milliseconds(100));
  EXPECT_THAT(Ask(*lookup, kKey), HasReason("IDENTITY_UNAVAILABLE"));
}

TEST_F(HordeLookupTest, AUserWhoWasKnownIsServedWhileHordeIsDown) {
  std::atomic<bool> down{false};
  const FakeHttpServer server(
      [&down](const std::string& head) { return down ? HttpAnswer(503, "") : Known(head); });
  const auto lookup = LookUpAt(server);
  ASSERT_THAT(Ask(*lookup, kKey), IsOk());
  down = true;
  clock_.Advance(absl::Seconds(90));
  EXPECT_THAT(Ask(*lookup, kKey), IsOk());
  EXPECT_THAT(Ask(*lookup, "stranger"), HasReason("IDENTITY_UNAVAILABLE"));
  clock_.Advance(absl::Minutes(5));
  EXPECT_THAT(Ask(*lookup, kKey), HasReason("IDENTITY_UNAVAILABLE"));
}

// A server that knows everybody until it hangs.
class HangingHordeTest : public HordeLookupTest {
 protected:
  // Has a lookup that knows users of `count` keys, whose answers are over and that are in grace.
  void Know(int count, HordeLookup::Options options = {}) {
    options.url = server_.url();
    lookup_ = std::make_unique<HordeLookup>(std::move(options), clock_);
    for (int i = 0; i < count; ++i) ASSERT_THAT(Ask(*lookup_, absl::StrCat("key", i)), IsOk());
    clock_.Advance(absl::Seconds(90));
  }
  std::vector<std::future<Answer>> AskForAll(int count) {
    std::vector<std::future<Answer>> answers;
    for (int i = 0; i < count; ++i) {
      auto done = std::make_shared<std::promise<Answer>>();
      answers.push_back(done->get_future());
      lookup_->Ask(absl::StrCat("key", i),
                   [done](const Answer& answer) { done->set_value(answer); });
    }
    return answers;
  }
  static bool IsReady(const std::future<Answer>& answer) {
    return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  std::atomic<bool> hangs_{false};
  const FakeHttpServer server_{[this](const std::string&) {
    return hangs_ ? HttpReply{.hold = true} : HttpAnswer(200, R"({"username":"Ann#7"})");
  }};
  std::unique_ptr<HordeLookup> lookup_;
};

TEST_F(HangingHordeTest, UsersInGraceAreServedAfterASecondAndThenAtOnce) {
  constexpr int kUsers = 200;  // More than there may be questions.
  Know(kUsers, {.timeout = absl::Minutes(2)});
  hangs_ = true;
  const absl::Time began = RealClock().TimeNow();
  std::vector<std::future<Answer>> first = AskForAll(kUsers);
  for (auto& answer : first) EXPECT_THAT(answer.get(), IsOk());
  const absl::Duration took = RealClock().TimeNow() - began;
  EXPECT_GE(took, absl::Milliseconds(900)) << "who can be asked about is asked about";
  EXPECT_LT(took, absl::Seconds(10)) << "the time-out is much longer";
  for (auto& answer : AskForAll(kUsers)) {
    ASSERT_TRUE(IsReady(answer));
    EXPECT_THAT(answer.get(), IsOk());
  }
  EXPECT_EQ(lookup_->stats().questions, kUsers + HordeLookup::Options().max_questions);
  clock_.Advance(absl::Minutes(5));
  std::vector<std::future<Answer>> late = AskForAll(1);
  EXPECT_FALSE(IsReady(late[0])) << "grace is over";
}

TEST_F(HangingHordeTest, WhoseLastQuestionFailedIsServedAtOnceAndAskedAboutAgain) {
  Know(1, {.timeout = absl::Milliseconds(50)});
  hangs_ = true;
  EXPECT_THAT(Ask(*lookup_, "key0"), IsOk());
  clock_.Advance(absl::Seconds(2));
  const uint64_t asked = lookup_->stats().questions;
  EXPECT_EQ(lookup_->Find("key0"), std::nullopt);
  std::vector<std::future<Answer>> answers = AskForAll(1);
  ASSERT_TRUE(IsReady(answers[0]));
  EXPECT_THAT(answers[0].get(), IsOk());
  EXPECT_EQ(lookup_->stats().questions, asked + 1);
}

TEST_F(HangingHordeTest, WhoAsksPatientlyIsServedInGraceOnlyWhenThereIsNoAnswer) {
  Know(1, {.timeout = absl::Milliseconds(400), .patience = absl::Milliseconds(20)});
  hangs_ = true;
  std::promise<Answer> patient;
  lookup_->Ask(
      "key0", [&](const Answer& answer) { patient.set_value(answer); }, true);
  std::future<Answer> answered = patient.get_future();
  EXPECT_THAT(AskForAll(1)[0].get(), IsOk()) << "others do not wait";
  EXPECT_FALSE(IsReady(answered));
  EXPECT_THAT(answered.get(), IsOk());
  EXPECT_EQ(lookup_->stats().failures, 1u);
}

TEST_F(HordeLookupTest, TheAnswerBehindGraceCounts) {
  std::promise<void> open;
  const std::shared_future<void> opened = open.get_future().share();
  std::atomic<bool> hangs{false};
  const FakeHttpServer server([&](const std::string& head) {
    if (!hangs) return Known(head);
    opened.wait();
    return HttpAnswer(404, R"({"message":"No user matching"})");
  });
  HordeLookup::Options options;
  options.url = absl::StrCat(server.url(), "api/");
  options.patience = absl::Milliseconds(50);
  HordeLookup lookup(std::move(options), clock_);
  ASSERT_THAT(Ask(lookup, kKey), IsOk());
  clock_.Advance(absl::Seconds(90));
  hangs = true;
  EXPECT_THAT(Ask(lookup, kKey), IsOk());
  open.set_value();
  while (!lookup.Find(kKey).has_value()) Pause(absl::Milliseconds(1));
  EXPECT_THAT(*lookup.Find(kKey), HasReason("CREDENTIAL_INVALID"));
}

TEST_F(HordeLookupTest, NobodyIsAskedAboutWhileHordeWantsPeace) {
  std::atomic<bool> busy{false};
  const FakeHttpServer server([&busy](const std::string& head) {
    return busy ? HttpAnswer(429, "{}", "Retry-After: 20\r\n") : Known(head);
  });
  const auto lookup = LookUpAt(server);
  ASSERT_THAT(Ask(*lookup, kKey), IsOk());
  busy = true;
  clock_.Advance(absl::Seconds(61));
  EXPECT_THAT(Ask(*lookup, "stranger"), HasReason("IDENTITY_UNAVAILABLE"));
  const int asked = server.requests();
  clock_.Advance(absl::Seconds(2));
  const Answer refused = Ask(*lookup, "another");
  EXPECT_THAT(refused, HasReason("IDENTITY_UNAVAILABLE"));
  EXPECT_EQ(ExtrasOf(refused.status()).retry_after, absl::Seconds(18));
  EXPECT_THAT(Ask(*lookup, kKey), IsOk()) << "in grace";
  EXPECT_EQ(server.requests(), asked);
  busy = false;
  clock_.Advance(absl::Seconds(18));
  EXPECT_THAT(Ask(*lookup, "another"), HasReason("CREDENTIAL_INVALID"));
  EXPECT_EQ(server.requests(), asked + 1);
}

TEST_F(HordeLookupTest, OnlySoManyWaitForOneQuestion) {
  const FakeHttpServer server([](const std::string&) { return HttpReply{.hold = true}; });
  HordeLookup::Options options;
  options.url = server.url();
  options.max_waiting = 2;
  auto lookup = std::make_unique<HordeLookup>(std::move(options), clock_);
  std::atomic<int> refused{0};
  for (int i = 0; i < 5; ++i) {
    lookup->Ask(kKey, [&refused](const Answer& answer) {
      EXPECT_THAT(answer, HasReason("IDENTITY_UNAVAILABLE"));
      ++refused;
    });
  }
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(lookup->stats().questions, 1u);
  lookup.reset();
  EXPECT_EQ(refused, 5);
}

TEST_F(HordeLookupTest, OnlySoManyQuestionsAreOnTheirWay) {
  const FakeHttpServer server([](const std::string&) { return HttpReply{.hold = true}; });
  HordeLookup::Options options;
  options.url = server.url();
  options.max_questions = 2;
  auto lookup = std::make_unique<HordeLookup>(std::move(options), clock_);
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 3; ++i) {
    auto done = std::make_shared<std::promise<Answer>>();
    answers.push_back(done->get_future());
    lookup->Ask(absl::StrCat("key", i), [done](const Answer& answer) { done->set_value(answer); });
  }
  EXPECT_THAT(answers[2].get(), HasReason("IDENTITY_UNAVAILABLE"));
  lookup.reset();
  EXPECT_THAT(answers[0].get(), HasReason("IDENTITY_UNAVAILABLE")) << "its end answers everybody";
  EXPECT_THAT(answers[1].get(), HasReason("IDENTITY_UNAVAILABLE"));
}

TEST(HordeAnswerTest, ANameWithoutANumberIsNobody) {
  for (const char* name : {"Name", "Name#", "#", "", "Name#12a", "Name#CN=admin", "Name#-1"}) {
    HttpResponse response;
    response.status = 200;
    response.body = absl::StrCat(R"({"username":")", name, R"("})");
    EXPECT_THAT(ReadHordeAnswer(response), HasReason("CREDENTIAL_INVALID")) << name;
  }
}

TEST(HordeAnswerTest, WordsForPeopleAreNoRefusalOfTheKeyWhereHordeDoesNotSpeak) {
  constexpr const char* kForPeople[] = {"<html>Just a moment...</html>", "error code: 1010",
                                        "\r\n <!DOCTYPE html>"};
  for (const int status : {400, 401, 403, 404}) {
    HttpResponse response;
    response.status = status;
    for (const char* body : {R"({"message":"No user matching"})", ""}) {
      response.body = body;
      EXPECT_THAT(ReadHordeAnswer(response), HasReason("CREDENTIAL_INVALID")) << status << body;
    }
    const bool is_about_the_key = status == 401 || status == 404;
    for (const char* body : kForPeople) {
      response.body = body;
      EXPECT_THAT(ReadHordeAnswer(response),
                  HasReason(is_about_the_key ? "CREDENTIAL_INVALID" : "IDENTITY_UNAVAILABLE"))
          << status << body;
    }
  }
}

TEST(HordeAnswerTest, ANameThatWouldSpoilALogIsReplacedByItsNumber) {
  HttpResponse response;
  response.status = 200;
  response.body = R"({"username":"a\nb#7"})";
  EXPECT_THAT(ReadHordeAnswer(response), IsOkAndHolds(User("7", "#7")));
}

// The sources together.
class IdentitySourcesTest : public HordeLookupTest {
 protected:
  absl::StatusOr<Caller> Identify(const Authenticator& sources, const Credentials& credentials) {
    std::optional<absl::StatusOr<Caller>> known = sources.Identify(credentials);
    if (known.has_value()) return *std::move(known);
    auto done = std::make_shared<std::promise<absl::StatusOr<Caller>>>();
    sources.Ask(credentials,
                [done](absl::StatusOr<Caller> caller) { done->set_value(std::move(caller)); });
    return done->get_future().get();
  }
  static Credentials ApiKey(absl::string_view key) {
    Credentials credentials;
    credentials.apikey = key;
    return credentials;
  }
};

TEST_F(IdentitySourcesTest, UsersOfHordeHaveTheRoleOfTheListThatNamesThem) {
  const FakeHttpServer server(&Known);
  IdentitySources::Sources sources;
  sources.horde = LookUpAt(server);
  ASSERT_OK_AND_ASSIGN(const Caller reader, Identify(IdentitySources(sources), ApiKey(kKey)));
  EXPECT_EQ(reader.id, "123");
  EXPECT_EQ(reader.name, "A#name#123");
  EXPECT_EQ(reader.role, Role::kReader) << "empty lists give nobody more";
  EXPECT_EQ(reader.source, IdentitySource::kHorde);
  sources.roles = std::make_shared<const CallerRoles>(CallerRoles{{"9"}, {"123"}, {}, {}});
  ASSERT_OK_AND_ASSIGN(const Caller approver, Identify(IdentitySources(sources), ApiKey(kKey)));
  EXPECT_EQ(approver.role, Role::kApprover);
}

TEST_F(IdentitySourcesTest, HordeIsNeverAskedAboutATokenOfOurs) {
  const FakeHttpServer server(&Known);
  IdentitySources::Sources sources;
  sources.horde = LookUpAt(server);
  const IdentitySources both(sources);
  const std::string bearer = absl::StrCat("Bearer ", kKey);
  Credentials credentials;
  credentials.authorization = bearer;
  EXPECT_THAT(Identify(both, credentials), HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(Identify(both, ApiKey("mrt_revoked")), HasReason("CREDENTIAL_INVALID"));
  std::optional<absl::StatusOr<Caller>> asked;
  both.Ask(ApiKey("mrt_revoked"), [&asked](absl::StatusOr<Caller> caller) { asked = caller; });
  ASSERT_TRUE(asked.has_value());
  EXPECT_THAT(*asked, HasReason("CREDENTIAL_INVALID"));
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(IdentitySourcesTest, ASecretDecidesAloneAndACertificateWithoutOne) {
  IdentitySources::Sources sources;
  sources.certificates = true;
  sources.roles = std::make_shared<const CallerRoles>(CallerRoles{{}, {}, {"CN=root"}, {"CN=w"}});
  sources.clock = &clock_;
  const IdentitySources identities(sources);
  const std::string pem = MakeCertificate("root", MakeAuthority("authority")).certificate;
  Credentials credentials;
  credentials.certificate_subject = "CN=root";
  credentials.certificate_pem = pem;
  ASSERT_OK_AND_ASSIGN(const Caller admin, Identify(identities, credentials));
  EXPECT_EQ(admin.role, Role::kAdmin);
  EXPECT_EQ(admin.id, "CN=root");
  EXPECT_EQ(admin.source, IdentitySource::kCertificate);
  EXPECT_EQ(admin.expires, CertificateEnds().Of(pem));
  credentials.apikey = "unknown";
  EXPECT_THAT(Identify(identities, credentials), HasReason("CREDENTIAL_INVALID"));
  credentials.apikey.reset();
  credentials.certificate_subject = "CN=w";
  EXPECT_EQ(Identify(identities, credentials)->role, Role::kWorker);
  credentials.certificate_subject = "CN=other";
  EXPECT_EQ(Identify(identities, credentials)->role, Role::kReader);
}

TEST_F(IdentitySourcesTest, ACertificateThatHasEndedIsRefusedAndSoIsOneThatCannotBeRead) {
  IdentitySources::Sources sources;
  sources.certificates = true;
  sources.clock = &clock_;
  const IdentitySources identities(sources);
  const std::string pem = MakeCertificate("w", MakeAuthority("authority")).certificate;
  Credentials credentials;
  credentials.certificate_subject = "CN=w";
  credentials.certificate_pem = pem;
  clock_.Advance(CertificateEnds().Of(pem) - clock_.TimeNow() - absl::Seconds(1));
  EXPECT_THAT(Identify(identities, credentials), IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Identify(identities, credentials), HasReason("TOKEN_EXPIRED"));
  EXPECT_THAT(Identify(identities, credentials), StatusIs(absl::StatusCode::kUnauthenticated));
  credentials.certificate_pem = "";
  EXPECT_THAT(Identify(identities, credentials), HasReason("TOKEN_EXPIRED"));
}

TEST_F(IdentitySourcesTest, ACertificateThatIsNoSourceMakesNobody) {
  const IdentitySources identities{IdentitySources::Sources()};
  Credentials credentials;
  credentials.certificate_subject = "CN=root";
  ASSERT_OK_AND_ASSIGN(const Caller caller, Identify(identities, credentials));
  EXPECT_EQ(caller.role, Role::kReader);
  EXPECT_EQ(caller.id, "");
  EXPECT_EQ(caller.source, IdentitySource::kAnonymous);
}

TEST(CallerRolesTest, TheHighestRoleCountsAndNobodyHasOneByDefault) {
  EXPECT_EQ(CallerRoles().Of("1"), Role::kReader);
  EXPECT_EQ(CallerRoles().Of(""), Role::kReader);
  const CallerRoles roles{{"1", "2", "3"}, {"2", "3"}, {"3"}, {"3", "4"}};
  EXPECT_EQ(roles.Of("1"), Role::kRequestor);
  EXPECT_EQ(roles.Of("2"), Role::kApprover);
  EXPECT_EQ(roles.Of("3"), Role::kAdmin);
  EXPECT_EQ(roles.Of("4"), Role::kWorker);
}

}  // namespace
}  // namespace modelref
