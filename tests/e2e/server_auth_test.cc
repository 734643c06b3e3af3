// Who may call what of a real modelrefd, through its port: every method of the policy with every
// kind of credential, rights that end, and secrets that appear nowhere.

#include <google/protobuf/empty.pb.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "clients/cpp/error_codec.h"
// Brings the codec that lets gRPC's client templates carry any message.
#include "grpc/health/v1/health.grpc.pb.h"
#include "modelref/v1/watch.grpc.pb.h"
#include "service/auth/policy.h"
#include "service/auth/tokens_editor.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/fake_http_server.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Child;
using ::modelref::testing::Eventually;
using ::modelref::testing::FakeHttpServer;
using ::modelref::testing::HasReason;
using ::modelref::testing::HttpAnswer;
using ::modelref::testing::HttpReply;
using ::modelref::testing::IsOk;
using ::modelref::testing::Models;
using ::modelref::testing::ServerChild;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

using Header = std::pair<std::string, std::string>;
using Nothing = google::protobuf::Empty;

constexpr char kWatch[] = "/modelref.v1.WatchService/Watch";
constexpr char kBadSecret[] = "mrt_this-is-a-token-that-nobody-made-0123456789";

// A stream of a client that sends one header.
class Stream {
 public:
  Stream(grpc::Channel* channel, const v1::WatchRequest& request, const Header& header) {
    context_.AddMetadata(header.first, header.second);
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    const grpc::internal::RpcMethod rpc(kWatch, grpc::internal::RpcMethod::SERVER_STREAMING);
    reader_.reset(grpc::internal::ClientReaderFactory<v1::WatchResponse>::Create(
        channel, rpc, &context_, request));
  }
  bool Read(v1::WatchResponse* response) { return reader_->Read(response); }
  // Reads on until the stream ends.
  absl::Status End() {
    v1::WatchResponse response;
    while (Read(&response)) {
    }
    return FromGrpcStatus(reader_->Finish());
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
};

class ServerAuthTest : public ::testing::Test {
 protected:
  ServerAuthTest() { data_.Write("clip.json", Models(1, 3)); }

  std::string Create(const std::string& id, Role role,
                     absl::Time expires = absl::InfiniteFuture()) {
    const absl::StatusOr<CreatedToken> created =
        CreateToken(tokens_path_, {id, "", role, expires}, RealClock().TimeNow());
    EXPECT_THAT(created, IsOk());
    return created.ok() ? created->secret : "";
  }

  void Start(const std::vector<std::string>& settings = {}, const std::string& config = "{}") {
    files_.Write("config.json", config);
    std::vector<std::string> flags = {"--config", files_.PathOf("config.json")};
    for (const std::string& setting : settings) flags.insert(flags.end(), {"--set", setting});
    server_ = std::make_unique<ServerChild>(data_.path(), flags);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  }
  std::string TokensSetting() const { return absl::StrCat("auth.tokens_file=", tokens_path_); }

  // The end of a call with an empty request, or OK with its first answer. A unary call and a stream
  // look the same on the wire.
  absl::Status Call(const std::string& method, const std::vector<Header>& headers) {
    grpc::ClientContext context;
    for (const Header& header : headers) context.AddMetadata(header.first, header.second);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const grpc::internal::RpcMethod rpc(method.c_str(),
                                        grpc::internal::RpcMethod::SERVER_STREAMING);
    std::unique_ptr<grpc::ClientReader<Nothing>> reader(
        grpc::internal::ClientReaderFactory<Nothing>::Create(channel_.get(), rpc, &context,
                                                             Nothing()));
    Nothing answer;
    if (reader->Read(&answer)) {
      context.TryCancel();
      while (reader->Read(&answer)) {
      }
      reader->Finish();
      return absl::OkStatus();
    }
    return FromGrpcStatus(reader->Finish());
  }
  static Header Bearer(const std::string& secret) {
    return {"authorization", absl::StrCat("Bearer ", secret)};
  }

  std::unique_ptr<Stream> Watch(const Header& header) {
    v1::WatchRequest request;
    request.mutable_filter()->add_categories("clip");
    request.mutable_now();
    auto stream = std::make_unique<Stream>(channel_.get(), request, header);
    v1::WatchResponse created;
    EXPECT_TRUE(stream->Read(&created));
    EXPECT_TRUE(created.has_created());
    return stream;
  }

  std::unique_ptr<Client> ClientWith(Credential credential) {
    ClientOptions options;
    options.address = server_->address();
    options.credential = std::move(credential);
    options.retry.max_attempts = 1;
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
    EXPECT_THAT(client, IsOk());
    return *std::move(client);
  }

  TempDir data_;
  TempDir files_;
  const std::string tokens_path_ = files_.PathOf("tokens.jsonl");
  std::unique_ptr<ServerChild> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

// What admission said of a call; a body may look closer and refuse for reasons of its own.
std::string RefusalOf(const absl::Status& status, absl::string_view method) {
  const std::string reason = ReasonOf(status);
  if (absl::StartsWith(reason, "CREDENTIAL_")) return reason;
  return reason == "ROLE_REQUIRED" && absl::StartsWith(status.message(), method) ? reason : "";
}

// What the policy says of it.
std::string ExpectedRefusal(Role needed, std::optional<Role> held, bool is_known) {
  if (needed == Role::kNone) return "";
  if (!is_known) return "CREDENTIAL_INVALID";
  if (Includes(held.value_or(Role::kReader), needed)) return "";
  return held.has_value() ? "ROLE_REQUIRED" : "CREDENTIAL_MISSING";
}

struct Attempt {
  std::string name;
  std::vector<Header> headers;
  std::optional<Role> held;
  bool is_known = true;
};

TEST_F(ServerAuthTest, EveryMethodNeedsWhatThePolicySaysWhateverCredentialComes) {
  std::vector<Attempt> attempts = {{"no key", {}, std::nullopt},
                                   {"bad token", {Bearer(kBadSecret)}, std::nullopt, false},
                                   {"bad key", {{"apikey", kBadSecret}}, std::nullopt, false}};
  for (const Role role :
       {Role::kReader, Role::kRequestor, Role::kApprover, Role::kAdmin, Role::kWorker}) {
    const std::string name(RoleName(role));
    attempts.push_back({name, {Bearer(Create(name, role))}, role});
    attempts.push_back({name + " by apikey", {{"apikey", Create(name, role)}}, role});
  }
  const std::string expired =
      Create("late", Role::kAdmin, RealClock().TimeNow() - absl::Seconds(1));
  const std::string revoked = Create("gone", Role::kAdmin);
  ASSERT_THAT(RevokeTokens(tokens_path_, "gone"), IsOk());
  attempts.push_back({"revoked", {Bearer(revoked)}, Role::kAdmin, false});
  attempts.push_back(
      {"two that differ", {Bearer(revoked), {"apikey", kBadSecret}}, Role::kAdmin, false});
  Start({TokensSetting()});
  const Header admin = attempts[3 + 2 * 3].headers[0];
  int served = 0;
  for (const PolicyRow& row : PolicyTable()) {
    const std::string method(row.method);
    // gRPC itself answers for methods that are not registered, whoever asks: the contract is no
    // secret.
    const absl::Status probe = Call(method, {admin});
    const bool is_served =
        probe.code() != absl::StatusCode::kUnimplemented || ReasonOf(probe) != "UNIMPLEMENTED";
    served += is_served;
    for (const Attempt& attempt : attempts) {
      const absl::Status status = Call(method, attempt.headers);
      SCOPED_TRACE(absl::StrCat(method, " with ", attempt.name, ": ", status.ToString()));
      if (!is_served) {
        EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
        continue;
      }
      const std::string expected = ExpectedRefusal(row.role, attempt.held, attempt.is_known);
      EXPECT_EQ(RefusalOf(status, method), expected);
      if (expected == "ROLE_REQUIRED") {
        EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
      } else if (!expected.empty()) {
        EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
      }
    }
    if (is_served && row.role != Role::kNone) {
      EXPECT_EQ(ReasonOf(Call(method, {Bearer(expired)})), "TOKEN_EXPIRED") << method;
    }
  }
  EXPECT_GE(served, 20);
}

TEST_F(ServerAuthTest, AServerWithoutSourcesLetsThisMachineDoEverything) {
  Start();
  for (const PolicyRow& row : PolicyTable()) {
    const absl::Status status = Call(std::string(row.method), {});
    EXPECT_EQ(RefusalOf(status, row.method), "") << row.method << status;
    EXPECT_NE(ReasonOf(status), "LOOPBACK_ONLY") << row.method;
  }
  ASSERT_OK_AND_ASSIGN(const v1::WhoAmIResponse who, server_->client().WhoAmI());
  EXPECT_TRUE(who.authentication_off());
  EXPECT_TRUE(who.is_approver());
  EXPECT_EQ(who.user_id(), "");
}

TEST_F(ServerAuthTest, WhoAmISaysEverythingThatIsKnown) {
  const absl::Time expires = absl::FromUnixSeconds(4'000'000'000);
  const std::string secret = Create("ann", Role::kApprover, expires);
  Start({TokensSetting()});
  ASSERT_OK_AND_ASSIGN(const v1::WhoAmIResponse who,
                       ClientWith({Credential::Kind::kBearer, secret})->WhoAmI());
  EXPECT_EQ(who.user_id(), "ann");
  EXPECT_EQ(who.username(), "ann");
  EXPECT_EQ(who.roles_size(), 3);
  EXPECT_TRUE(who.is_approver());
  EXPECT_TRUE(who.is_requestor());
  EXPECT_EQ(who.source(), v1::IDENTITY_SOURCE_TOKEN);
  EXPECT_EQ(who.peer_kind(), v1::PEER_KIND_LOOPBACK);
  EXPECT_EQ(who.expire_time().seconds(), 4'000'000'000);
  EXPECT_FALSE(who.authentication_off());
  ASSERT_OK_AND_ASSIGN(const v1::WhoAmIResponse nobody, server_->client().WhoAmI());
  EXPECT_EQ(nobody.source(), v1::IDENTITY_SOURCE_ANONYMOUS);
  EXPECT_FALSE(nobody.is_requestor());
  EXPECT_EQ(nobody.roles_size(), 1);
}

TEST_F(ServerAuthTest, StreamsEndWithinASecondWhenTheirTokenIsRevoked) {
  const std::string stays = Create("stays", Role::kReader);
  const std::string goes = Create("goes", Role::kAdmin);
  Start({TokensSetting()});
  const auto kept = Watch(Bearer(stays));
  const auto ended = Watch(Bearer(goes));
  const absl::Time began = RealClock().TimeNow();
  ASSERT_THAT(RevokeTokens(tokens_path_, "goes"), IsOk());
  const absl::Status status = ended->End();
  // Half a second is what it takes; the rest is for a loaded machine.
  EXPECT_LT(RealClock().TimeNow() - began, absl::Seconds(5));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(status, HasReason("CREDENTIAL_INVALID"));
  EXPECT_EQ(server_->Metric("modelref_rpc_streams_revoked_total"), 1);
  EXPECT_THAT(Call("/modelref.v1.AdminService/WhoAmI", {Bearer(goes)}),
              HasReason("CREDENTIAL_INVALID"));
  // The other one still hears of changes.
  data_.Write("clip.json", Models(1, 4));
  v1::WatchResponse response;
  do {
    ASSERT_TRUE(kept->Read(&response));
  } while (!response.has_events());
}

TEST_F(ServerAuthTest, StreamsEndWhenTheirTokenExpires) {
  const std::string secret =
      Create("short", Role::kReader, RealClock().TimeNow() + absl::Seconds(4));
  Start({TokensSetting()});
  const auto stream = Watch(Bearer(secret));
  const absl::Status status = stream->End();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(status, HasReason("TOKEN_EXPIRED"));
}

TEST_F(ServerAuthTest, StreamsEndSoonAfterHordeTookTheirKeyBackAlsoWhereItsAnswersAreHardlyKept) {
  std::atomic<bool> taken_back{false};
  const FakeHttpServer horde([&taken_back](const std::string&) {
    if (taken_back) return HttpAnswer(404, "{}");
    return HttpAnswer(200, R"({"username":"Ann#7"})");
  });
  Start({"auth.horde_lookup=true", absl::StrCat("auth.horde_url=", horde.url()),
         "auth.horde_cache_ttl=1s"});
  const auto stream = Watch({"apikey", "a-key"});
  taken_back = true;
  const absl::Time began = RealClock().TimeNow();
  EXPECT_THAT(stream->End(), HasReason("CREDENTIAL_INVALID"));
  // They are looked at every 5 s.
  EXPECT_LT(RealClock().TimeNow() - began, absl::Seconds(10));
}

TEST_F(ServerAuthTest, AWatchIsToldAMinuteBeforeItsTokenExpires) {
  const std::string secret =
      Create("soon", Role::kReader, RealClock().TimeNow() + absl::Seconds(65));
  Start({TokensSetting()});
  const absl::Time began = RealClock().TimeNow();
  const auto stream = Watch(Bearer(secret));
  v1::WatchResponse last;
  for (v1::WatchResponse response; stream->Read(&response);) last = response;
  EXPECT_EQ(last.drain().reason(), v1::DRAIN_REASON_TOKEN_EXPIRING) << last.ShortDebugString();
  EXPECT_THAT(stream->End(), IsOk());
  EXPECT_LT(RealClock().TimeNow() - began, absl::Seconds(30));
}

TEST_F(ServerAuthTest, ATokensFileThatBreaksChangesNothingAndIsTold) {
  const std::string secret = Create("ann", Role::kAdmin);
  Start({TokensSetting()});
  const std::string good = files_.Read("tokens.jsonl");
  files_.Write("tokens.jsonl", "{\"sha256\":");
  ASSERT_TRUE(Eventually([this] {
    return absl::StrContains(server_->HttpGet("/healthz"), "auth: the new tokens are not used");
  }));
  EXPECT_EQ(server_->LogLines("warning", "auth.tokens_file_not_usable").size(), 1u);
  EXPECT_THAT(ClientWith({Credential::Kind::kBearer, secret})->WhoAmI(), IsOk());
  files_.Write("tokens.jsonl", good);
  ASSERT_TRUE(Eventually([this] {
    return !absl::StrContains(server_->HttpGet("/healthz"), "auth: the new tokens are not used");
  }));
}

TEST_F(ServerAuthTest, AServerDoesNotStartWithoutTheTokensItIsToldOf) {
  Child server("modelrefd", {"--data-dir", data_.path(), "--listen", "127.0.0.1:0", "--set",
                             absl::StrCat("auth.tokens_file=", files_.PathOf("none"))});
  EXPECT_NE(server.Wait(), 0);
  EXPECT_TRUE(absl::StrContains(server.err(), "tokens file")) << server.err();
}

TEST_F(ServerAuthTest, TheFirstCallWithAKeyOfHordeSucceeds) {
  const FakeHttpServer horde([](const std::string& head) {
    if (absl::StrContains(head, "apikey: approver-key\r\n")) {
      return HttpAnswer(200, R"({"username":"Ann#7"})");
    }
    if (absl::StrContains(head, "apikey: slow-key\r\n")) return HttpReply{.hold = true};
    return HttpAnswer(404, "{}");
  });
  Start({"auth.horde_lookup=true", absl::StrCat("auth.horde_url=", horde.url()),
         "auth.horde_timeout=500ms"},
        R"({"auth":{"approver_ids":["7"]}})");
  ASSERT_OK_AND_ASSIGN(const v1::WhoAmIResponse who,
                       ClientWith({Credential::Kind::kApiKey, "approver-key"})->WhoAmI());
  EXPECT_EQ(who.user_id(), "7");
  EXPECT_EQ(who.username(), "Ann#7");
  EXPECT_TRUE(who.is_approver());
  EXPECT_EQ(who.source(), v1::IDENTITY_SOURCE_HORDE);
  EXPECT_THAT(ClientWith({Credential::Kind::kApiKey, "unknown-key"})->WhoAmI(),
              HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(ClientWith({Credential::Kind::kApiKey, "slow-key"})->WhoAmI(),
              HasReason("IDENTITY_UNAVAILABLE"));
  // A stream waits for the answer as well, and later ones find it.
  const auto stream = Watch({"apikey", "approver-key"});
  EXPECT_EQ(horde.requests(), 3);
}

TEST_F(ServerAuthTest, GuessingIsSlowAndDoesNotHurtWhoIsKnown) {
  const std::string secret = Create("ann", Role::kAdmin);
  Start({TokensSetting()});
  constexpr char kMethod[] = "/modelref.v1.AdminService/WhoAmI";
  ASSERT_THAT(Call(kMethod, {Bearer(secret)}), IsOk());
  int refused = 0;
  for (int i = 0; i < 60; ++i) {
    const absl::Status status = Call(kMethod, {Bearer(absl::StrCat("guess-", i))});
    refused += ReasonOf(status) == "RATE_LIMIT";
    EXPECT_FALSE(status.ok());
  }
  EXPECT_GE(refused, 20);
  EXPECT_THAT(Call(kMethod, {Bearer(secret)}), IsOk());
  EXPECT_THAT(Call(kMethod, {}), IsOk());
  // A new token is no guess either, as soon as the server has read of it.
  const std::string later = Create("bob", Role::kReader);
  EXPECT_TRUE(Eventually([&] { return Call(kMethod, {Bearer(later)}).ok(); }));
  EXPECT_THAT(Call("/grpc.health.v1.Health/Check", {Bearer("one-more")}), IsOk());
  EXPECT_GE(server_->Metric("modelref_caller_guesses_refused_total"), 20);
}

std::string ReadProc(pid_t pid, const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(absl::StrCat("/proc/", pid, "/", name), std::ios::binary).rdbuf();
  return text.str();
}

TEST_F(ServerAuthTest, SecretsAreInNoLogAndNoErrorAndNoListOfProcesses) {
  const std::string secret = Create("ann", Role::kReader);
  const FakeHttpServer horde([](const std::string&) { return HttpAnswer(500, "{}"); });
  Start({TokensSetting(), "auth.horde_lookup=true", absl::StrCat("auth.horde_url=", horde.url()),
         "log.level=debug", "log.slow_call=0s"});
  constexpr char kMethod[] = "/modelref.v1.AdminService/CheckDependencies";
  const std::vector<std::string> secrets = {secret, "a-key-for-horde", kBadSecret};
  std::string told;
  for (const std::string& one : secrets) {
    for (const Header& header : {Bearer(one), Header("apikey", one)}) {
      absl::StrAppend(&told, Call(kMethod, {header}).ToString());
      absl::StrAppend(&told, Call(kWatch, {header}).ToString());
    }
  }
  files_.Write("token", secret);
  ASSERT_EQ(chmod(files_.PathOf("token").c_str(), 0600), 0);
  for (const std::string verb : {"whoami", "watch"}) {
    std::vector<std::string> arguments = {verb, "--server", server_->address(), "--token-file",
                                          files_.PathOf("token")};
    Child ctl("modelrefctl", arguments);
    if (verb == "watch") {
      absl::StrAppend(&told, ReadProc(ctl.pid(), "cmdline"), ReadProc(ctl.pid(), "environ"));
      ctl.Signal(SIGINT);
    }
    ctl.Wait();
    absl::StrAppend(&told, ctl.err(), ctl.out());
  }
  absl::StrAppend(&told, server_->process().err(), server_->process().out(),
                  ReadProc(server_->pid(), "cmdline"), ReadProc(server_->pid(), "environ"),
                  server_->HttpGet("/metrics"), server_->HttpGet("/healthz"),
                  files_.Read("tokens.jsonl"));
  ASSERT_TRUE(absl::StrContains(told, "modelrefd"));
  for (const std::string& one : secrets) EXPECT_FALSE(absl::StrContains(told, one)) << one;
}

TEST_F(ServerAuthTest, TheCommandLineMakesListsAndRevokesTokens) {
  const auto run = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--tokens-file", tokens_path_});
    Child child("modelrefctl", arguments);
    EXPECT_EQ(child.Wait(), 0) << child.err();
    return child.out();
  };
  const std::string made = run({"token", "create", "ann", "--role", "admin"});
  files_.Write("token", made);
  ASSERT_EQ(chmod(files_.PathOf("token").c_str(), 0600), 0);
  Start({TokensSetting()});
  Child who("modelrefctl", {"whoami", "-o", "json", "--server", server_->address(), "--token-file",
                            files_.PathOf("token")});
  EXPECT_EQ(who.Wait(), 0) << who.err();
  EXPECT_TRUE(absl::StrContains(who.out(), "\"ann\"")) << who.out();
  Child by_variable("modelrefctl", {"whoami", "-o", "json", "--server", server_->address()},
                    {{"MODELREF_TOKEN", std::string(absl::StripSuffix(made, "\n"))}});
  EXPECT_EQ(by_variable.Wait(), 0) << by_variable.err();
  EXPECT_TRUE(absl::StrContains(by_variable.out(), "\"ann\"")) << by_variable.out();
  EXPECT_TRUE(absl::StrContains(run({"token", "list"}), "ann"));
  run({"token", "revoke", "ann"});
  EXPECT_TRUE(Eventually([this] {
    Child again("modelrefctl",
                {"whoami", "--server", server_->address(), "--token-file", files_.PathOf("token")});
    return again.Wait() == 4;
  }));
}

}  // namespace
}  // namespace modelref
