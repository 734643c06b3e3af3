// How a real modelrefd starts and ends: wrong command lines, files that cannot be served, signals.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::Child;
using ::modelref::testing::HasReason;
using ::modelref::testing::kDeadline;
using ::modelref::testing::Models;
using ::modelref::testing::ServerChild;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

// What a modelrefd says that does not start.
struct Refusal {
  int code = 0;
  std::vector<std::string> lines;
  std::string text;
};

Refusal Refused(const std::vector<std::string>& arguments) {
  Child child("modelrefd", arguments);
  Refusal refusal;
  refusal.code = child.Wait();
  refusal.text = child.err();
  refusal.lines = absl::StrSplit(refusal.text, '\n', absl::SkipEmpty());
  return refusal;
}

TEST(ServerStartTest, UnknownFlagIsNamedWithWhatWasMeant) {
  const TempDir data;
  const Refusal refusal = Refused({"--data-dri", data.path()});
  EXPECT_EQ(refusal.code, 2);
  EXPECT_TRUE(absl::StrContains(refusal.text, "unknown flag --data-dri")) << refusal.text;
  EXPECT_TRUE(absl::StrContains(refusal.text, "did you mean \"--data-dir\"")) << refusal.text;
}

TEST(ServerStartTest, AllErrorsOfAConfigurationFileAreNamedAtOnce) {
  const TempDir data;
  data.Write("config.json", R"({"listen": 5, "bogus": 1, "cache": {"ttl": "xx"}})");
  const Refusal refusal =
      Refused({"--config", data.PathOf("config.json"), "--data-dir", data.path()});
  EXPECT_EQ(refusal.code, 2);
  for (const char* field : {"listen: ", "bogus: ", "cache.ttl: "}) {
    EXPECT_TRUE(absl::StrContains(refusal.text, field)) << field << refusal.text;
  }
}

TEST(ServerStartTest, PortInUseIsOneLine) {
  const TempDir data;
  ServerChild first(data.path());
  const Refusal refusal =
      Refused({"--data-dir", data.path(), "--listen", first.address(), "--admin-listen", "none"});
  EXPECT_EQ(refusal.code, 1);
  ASSERT_EQ(refusal.lines.size(), 1) << refusal.text;
  EXPECT_TRUE(absl::StrContains(refusal.lines[0], first.address())) << refusal.text;
  EXPECT_TRUE(absl::StrContains(refusal.lines[0], "another process")) << refusal.text;
}

TEST(ServerStartTest, DataDirectoryThatIsNoneIsOneLine) {
  const TempDir data;
  data.Write("file", "");
  for (const char* name : {"missing", "file"}) {
    const std::string path = data.PathOf(name);
    const Refusal refusal =
        Refused({"--data-dir", path, "--listen", "127.0.0.1:0", "--admin-listen", "none"});
    EXPECT_EQ(refusal.code, 1) << name;
    ASSERT_EQ(refusal.lines.size(), 1) << refusal.text;
    EXPECT_TRUE(absl::StrContains(refusal.lines[0], path)) << refusal.text;
  }
}

TEST(ServerStartTest, FilesThatCannotBeServedHideOnlyThemselves) {
  const TempDir data;
  data.Write("blip.json", "{\n  \"a\": nonsense\n}");
  data.Write("clip.json", "{\"a\": {\"b\": \"\xff\"}}");
  data.Write("esrgan.json", "");
  fs::resize_file(data.PathOf("esrgan.json"), uint64_t{1} << 30);
  data.Write("gfpgan.json", absl::StrCat(std::string(10'000, '['), std::string(10'000, ']')));
  data.Write("controlnet.json", Models(1, 3));
  ServerChild server(data.path());
  const std::vector<std::pair<std::string, std::string>> damaged = {
      {"blip", "line 2"}, {"clip", "line 1"}, {"esrgan", ""}, {"gfpgan", "line 1"}};
  for (const auto& [category, place] : damaged) {
    const absl::StatusOr<v1::GetCategoryResponse> response = server.Get(category);
    EXPECT_THAT(response, StatusIs(absl::StatusCode::kDataLoss)) << category;
    EXPECT_THAT(response, HasReason("DOCUMENT_DAMAGED")) << category;
    const std::string message(response.status().message());
    EXPECT_TRUE(absl::StrContains(message, category + ".json")) << message;
    EXPECT_TRUE(absl::StrContains(message, place)) << message;
  }
  ASSERT_OK_AND_ASSIGN(const auto good, server.Get("controlnet"));
  EXPECT_TRUE(absl::StrContains(good.json(), "model-3"));
}

TEST(ServerStartTest, RecordThatIsTooDeepHidesOnlyItself) {
  const TempDir data;
  data.Write("clip.json", absl::StrCat(R"({"good":{"a":1},"deep":{"a":)", std::string(10'000, '['),
                                       std::string(10'000, ']'), "}}"));
  ServerChild server(data.path());
  const absl::StatusOr<v1::GetCategoryResponse> response = server.Get("clip");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->json(), R"({"good":{"a":1}})");
}

TEST(ServerStartTest, OfEqualNamesTheLastValueIsServed) {
  const TempDir data;
  data.Write("clip.json", R"({"a":{"x":1},"b":{"x":2},"a":{"x":3,"x":4}})");
  ServerChild server(data.path());
  ASSERT_OK_AND_ASSIGN(const auto response, server.Get("clip"));
  EXPECT_EQ(response.json(), R"({"a":{"x":4},"b":{"x":2}})");
}

TEST(ServerStartTest, WatchersAreDrainedAtTheEnd) {
  const TempDir data;
  data.Write("clip.json", Models(1, 3));
  ServerChild server(data.path());
  std::vector<std::unique_ptr<WatchStream>> streams;
  for (int i = 0; i < 3; ++i) {
    v1::WatchRequest request;
    request.mutable_now();
    ASSERT_OK_AND_ASSIGN(auto stream, server.client().Watch(request));
    ASSERT_OK_AND_ASSIGN(const auto created, stream->Next(kDeadline));
    ASSERT_TRUE(created.has_value() && created->has_created());
    streams.push_back(std::move(stream));
  }
  server.process().Signal(SIGTERM);
  for (const auto& stream : streams) {
    ASSERT_OK_AND_ASSIGN(const auto drain, stream->Next(kDeadline));
    ASSERT_TRUE(drain.has_value() && drain->has_drain());
    EXPECT_EQ(drain->drain().reason(), v1::DRAIN_REASON_SHUTDOWN);
    ASSERT_OK_AND_ASSIGN(const auto end, stream->Next(kDeadline));
    EXPECT_FALSE(end.has_value()) << end->DebugString();
  }
  EXPECT_EQ(server.process().Wait(), 0) << server.process().err();
  EXPECT_EQ(server.LogLines("info", "server.stopped").size(), 1);
}

TEST(ServerStartTest, ClientsWithoutACallDoNotHoldUpTheEnd) {
  const TempDir data;
  data.Write("clip.json", Models(1, 3));
  ServerChild server(data.path());
  ASSERT_OK_AND_ASSIGN(const auto response, server.Get("clip"));
  EXPECT_FALSE(response.header().stale());
  // The connection stays, and this process looks at it every five seconds.
  const absl::Time begin = RealClock().TimeNow();
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0) << server.process().err();
  EXPECT_LT(RealClock().TimeNow() - begin, absl::Seconds(2));
}

TEST(ServerStartTest, ARestartIsNoNewEpoch) {
  const TempDir data;
  data.Write("clip.json", Models(1, 3));
  std::vector<std::string> epochs;
  for (int i = 0; i < 2; ++i) {
    ServerChild server(data.path());
    ASSERT_OK_AND_ASSIGN(const auto response, server.Get("clip"));
    epochs.push_back(response.header().epoch());
    EXPECT_EQ(epochs.back().size(), 16);
  }
  EXPECT_EQ(epochs[0], epochs[1]);
}

TEST(ServerStartTest, AdminPortAnswers) {
  const TempDir data;
  data.Write("clip.json", Models(1, 3));
  ServerChild server(data.path());
  const std::string health = server.HttpGet("/healthz");
  EXPECT_TRUE(absl::StartsWith(health, "HTTP/1.1 200")) << health;
  EXPECT_TRUE(absl::StrContains(health, R"("status":"SERVING")")) << health;
  const std::string metrics = server.HttpGet("/metrics");
  EXPECT_TRUE(absl::StartsWith(metrics, "HTTP/1.1 200")) << metrics;
  EXPECT_TRUE(absl::StrContains(metrics, "modelref_document_size_bytes{category=\"clip\""));
  EXPECT_TRUE(absl::StartsWith(server.HttpGet("/nothing"), "HTTP/1.1 404"));
}

TEST(ServerStartTest, UnixSocketServes) {
  const TempDir data;
  data.Write("clip.json", Models(1, 3));
  const std::string address = absl::StrCat("unix:", data.PathOf("socket"));
  Child server("modelrefd",
               {"--data-dir", data.path(), "--listen", address, "--admin-listen", "none"});
  ASSERT_TRUE(server.WaitForText("err", "server.started")) << server.err();
  ClientOptions options;
  options.address = address;
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Create(options));
  v1::GetCategoryRequest request;
  request.set_category("clip");
  ASSERT_OK_AND_ASSIGN(const auto response, client->GetCategory(request));
  EXPECT_TRUE(absl::StrContains(response.json(), "model-3"));
}

}  // namespace
}  // namespace modelref
