// TLS of a real modelrefd: certificates that change while it serves, and callers known by theirs.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/certificates.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Child;
using ::modelref::testing::Eventually;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kDeadline;
using ::modelref::testing::MakeAuthority;
using ::modelref::testing::MakeCertificate;
using ::modelref::testing::Models;
using ::modelref::testing::ServerChild;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::modelref::testing::TestCertificate;

class ServerTlsTest : public ::testing::Test {
 protected:
  ServerTlsTest() : authority_(MakeAuthority("test authority")) {
    data_.Write("clip.json", Models(1, 3));
    files_.Write("ca.pem", authority_.certificate);
    Install(MakeCertificate("server", authority_));
  }

  // One file after the other, each replaced whole, as tools do.
  void Install(const TestCertificate& certificate) {
    Replace("key.pem", certificate.key);
    Replace("cert.pem", certificate.certificate);
  }
  void Replace(const std::string& name, const std::string& text) {
    files_.Write(name + ".new", text);
    std::filesystem::rename(files_.PathOf(name + ".new"), files_.PathOf(name));
  }

  std::vector<std::string> Flags(const std::vector<std::string>& more = {}) {
    std::vector<std::string> flags;
    for (const std::string& setting :
         {absl::StrCat("tls.certificate_file=", files_.PathOf("cert.pem")),
          absl::StrCat("tls.private_key_file=", files_.PathOf("key.pem")),
          std::string("tls.reload_interval=20ms")}) {
      flags.insert(flags.end(), {"--set", setting});
    }
    for (const std::string& setting : more) flags.insert(flags.end(), {"--set", setting});
    return flags;
  }

  // A client with a connection of its own, which trusts the authority.
  std::unique_ptr<Client> NewClient(const ServerChild& server,
                                    const TestCertificate& identity = {}) {
    static std::atomic<int> number{0};
    ClientOptions options;
    options.address = server.address();
    options.tls = TlsOptions{authority_.certificate, identity.certificate, identity.key};
    options.retry.max_attempts = 1;
    // Another user agent is another connection.
    options.user_agent = absl::StrCat("test-", number.fetch_add(1));
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }
  static absl::Status Read(Client& client) {
    v1::GetCategoryRequest request;
    request.set_category("clip");
    return client.GetCategory(request).status();
  }

  TempDir data_;
  TempDir files_;
  const TestCertificate authority_;
};

TEST_F(ServerTlsTest, CertificatesRotateUnderLoadWithoutAFailedCall) {
  constexpr int kThreads = 3;
  constexpr int kRotations = 5;
  ServerChild server(data_.path(), Flags());
  std::atomic<bool> done{false};
  std::atomic<int> calls{0};
  std::vector<std::string> failures[kThreads];
  std::vector<std::thread> load;
  for (int i = 0; i < kThreads; ++i) {
    load.emplace_back([&, i] {
      while (!done.load()) {
        const std::unique_ptr<Client> client = NewClient(server);
        for (int call = 0; call < 3; ++call) {
          if (const absl::Status status = Read(*client); !status.ok()) {
            failures[i].push_back(status.ToString());
          }
          calls.fetch_add(1);
        }
      }
    });
  }
  for (int rotation = 1; rotation <= kRotations; ++rotation) {
    const int before = calls.load();
    EXPECT_TRUE(Eventually([&] { return calls.load() > before + 20; }));
    Install(MakeCertificate("server", authority_));
    EXPECT_TRUE(
        Eventually([&] { return server.Metric("modelref_tls_loads_total") == rotation + 1; }));
  }
  done.store(true);
  for (std::thread& thread : load) thread.join();
  for (const auto& list : failures) {
    EXPECT_TRUE(list.empty()) << list.size() << " failed, first: " << list.front();
  }
  EXPECT_EQ(server.Metric("modelref_tls_load_failures_total"), 0);
}

TEST_F(ServerTlsTest, NewConnectionsSeeTheNewAuthorityOnly) {
  ServerChild server(data_.path(), Flags());
  EXPECT_THAT(Read(*NewClient(server)), IsOk());
  Install(MakeCertificate("server", MakeAuthority("another authority")));
  EXPECT_TRUE(Eventually([&] { return server.Metric("modelref_tls_loads_total") == 2; }));
  EXPECT_THAT(Read(*NewClient(server)), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ServerTlsTest, BrokenNewFilesKeepTheOldOnesAndAreTold) {
  ServerChild server(data_.path(), Flags());
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"cert.pem", "no certificate"},
      {"cert.pem", MakeCertificate("another key", authority_).certificate},
      {"key.pem", ""}};
  int failures = 0;
  for (const auto& [name, text] : broken) {
    Replace(name, text);
    ++failures;
    EXPECT_TRUE(Eventually([&] {
      return server.Metric("modelref_tls_load_failures_total") == failures;
    })) << name;
    EXPECT_THAT(Read(*NewClient(server)), IsOk());
  }
  EXPECT_TRUE(absl::StrContains(server.HttpGet("/healthz"), "the new files are not used"));
  EXPECT_EQ(server.LogLines("warning", "tls.files_not_usable").size(), broken.size());
  Install(MakeCertificate("server", authority_));
  EXPECT_TRUE(Eventually([&] { return server.Metric("modelref_tls_loads_total") == 2; }));
  EXPECT_FALSE(absl::StrContains(server.HttpGet("/healthz"), "tls:"));
}

TEST_F(ServerTlsTest, HealthTellsOfACertificateThatIsAboutToExpire) {
  Install(MakeCertificate("server", authority_, absl::Hours(24)));
  ServerChild server(data_.path(), Flags());
  const std::string health = server.HttpGet("/healthz");
  EXPECT_TRUE(absl::StartsWith(health, "HTTP/1.1 200")) << health;
  EXPECT_TRUE(absl::StrContains(health, "the certificate expires at")) << health;
}

TEST_F(ServerTlsTest, AStartWithUnusableFilesIsOneLineThatNamesTheFile) {
  Replace("key.pem", MakeCertificate("another", authority_).key);
  std::vector<std::string> arguments = Flags();
  arguments.insert(arguments.end(), {"--data-dir", data_.path(), "--listen", "127.0.0.1:0",
                                     "--admin-listen", "none"});
  Child server("modelrefd", arguments);
  EXPECT_EQ(server.Wait(), 1);
  EXPECT_TRUE(absl::StrContains(server.err(), files_.PathOf("key.pem"))) << server.err();
  EXPECT_TRUE(absl::StrContains(server.err(), "is not the key of")) << server.err();
}

TEST_F(ServerTlsTest, CallersAreKnownByTheirCertificatesAndLimitedEachByItself) {
  const std::vector<std::string> more = {
      absl::StrCat("tls.client_ca_file=", files_.PathOf("ca.pem")), "auth.client_certificates=true",
      "limits.streams_per_caller=2"};
  std::vector<std::string> flags = Flags(more);
  files_.Write("config.json", R"({"auth": {"admin_ids": ["CN=operator"]}})");
  flags.insert(flags.end(), {"--config", files_.PathOf("config.json")});
  ServerChild server(data_.path(), flags);
  const auto worker = NewClient(server, MakeCertificate("worker", authority_));
  const auto operator_client = NewClient(server, MakeCertificate("operator", authority_));
  const auto nobody = NewClient(server);
  v1::GetCategoryRequest forced;
  forced.set_category("clip");
  forced.mutable_read()->set_force_refresh(true);
  EXPECT_THAT(nobody->GetCategory(forced), HasReason("CREDENTIAL_MISSING"));
  EXPECT_THAT(worker->GetCategory(forced), HasReason("ROLE_REQUIRED"));
  EXPECT_THAT(operator_client->GetCategory(forced), IsOk());
  EXPECT_THAT(Read(*nobody), IsOk());

  v1::WatchRequest watch;
  watch.mutable_now();
  std::vector<std::unique_ptr<WatchStream>> streams;
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(auto stream, worker->Watch(watch));
    ASSERT_THAT(stream->Next(kDeadline), IsOk());
    streams.push_back(std::move(stream));
  }
  ASSERT_OK_AND_ASSIGN(const auto third, worker->Watch(watch));
  EXPECT_THAT(third->Next(kDeadline), HasReason("STREAM_LIMIT"));
  ASSERT_OK_AND_ASSIGN(const auto other, operator_client->Watch(watch));
  EXPECT_THAT(other->Next(kDeadline), IsOk());
  streams.pop_back();
  // The place of an ended stream is free again.
  EXPECT_TRUE(Eventually([&] {
    const auto stream = worker->Watch(watch);
    return stream.ok() && (*stream)->Next(kDeadline).ok();
  }));
}

TEST_F(ServerTlsTest, TheRightsOfACertificateEndWithItAlsoOnItsOldConnection) {
  std::vector<std::string> flags =
      Flags({absl::StrCat("tls.client_ca_file=", files_.PathOf("ca.pem")),
             "auth.client_certificates=true"});
  files_.Write("config.json", R"({"auth": {"admin_ids": ["CN=operator"]}})");
  flags.insert(flags.end(), {"--config", files_.PathOf("config.json")});
  ServerChild server(data_.path(), flags);
  const auto client = NewClient(server, MakeCertificate("operator", authority_, absl::Seconds(5)));
  v1::GetCategoryRequest forced;
  forced.set_category("clip");
  forced.mutable_read()->set_force_refresh(true);
  EXPECT_THAT(client->GetCategory(forced), IsOk());
  v1::WatchRequest watch;
  watch.mutable_now();
  ASSERT_OK_AND_ASSIGN(const auto stream, client->Watch(watch));
  ASSERT_THAT(stream->Next(kDeadline), IsOk());
  const absl::Time began = RealClock().TimeNow();
  absl::Status end;
  while (end.ok()) end = stream->Next(kDeadline).status();
  EXPECT_THAT(end, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(end, HasReason("TOKEN_EXPIRED"));
  // Streams are looked at every 5 s.
  EXPECT_LT(RealClock().TimeNow() - began, absl::Seconds(15));
  EXPECT_THAT(client->GetCategory(forced), HasReason("TOKEN_EXPIRED"));
  EXPECT_THAT(Read(*client), HasReason("TOKEN_EXPIRED"));
}

TEST_F(ServerTlsTest, ARequiredCertificateKeepsOthersOut) {
  const std::vector<std::string> more = {
      absl::StrCat("tls.client_ca_file=", files_.PathOf("ca.pem")),
      "tls.require_client_certificate=true"};
  ServerChild server(data_.path(), Flags(more));
  EXPECT_THAT(Read(*NewClient(server)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Read(*NewClient(server, MakeCertificate("worker", authority_))), IsOk());
}

TEST_F(ServerTlsTest, TheSelfProbeWorksWhereACertificateIsRequiredAlsoAfterARotation) {
  ServerChild server(data_.path(),
                     Flags({absl::StrCat("tls.client_ca_file=", files_.PathOf("ca.pem")),
                            "tls.require_client_certificate=true", "auth.client_certificates=true",
                            "runtime.self_probe_interval=200ms"}));
  const auto probed = [&](double more) {
    const double before = server.Metric("modelref_self_probes_total");
    return Eventually([&] { return server.Metric("modelref_self_probes_total") >= before + more; });
  };
  EXPECT_TRUE(probed(2));
  Replace("ca.pem", MakeAuthority("another authority").certificate);
  EXPECT_TRUE(Eventually([&] { return server.Metric("modelref_tls_loads_total") == 2; }));
  EXPECT_THAT(Read(*NewClient(server, MakeCertificate("worker", authority_))),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(probed(2));
  EXPECT_EQ(server.Metric("modelref_self_probe_ok"), 1);
  EXPECT_EQ(server.Metric("modelref_self_probe_failures_total"), 0);
  // What fails is noticed: without a descriptor there is no connection.
  rlimit before{};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  const rlimit none = {3, before.rlim_max};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &none, nullptr), 0);
  EXPECT_TRUE(Eventually([&] { return !server.LogLines("error", "self_probe.failed").empty(); }));
}

}  // namespace
}  // namespace modelref
