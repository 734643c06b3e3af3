// Writes through real servers, several of them on one directory.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "backends/base/durable_file.h"
#include "backends/base/json.h"
#include "clients/cpp/error_codec.h"
#include "modelref/v1/write.grpc.pb.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

using ::testing::Each;
using ::testing::Eq;

constexpr int kServers = 4;
constexpr int kUpdates = 100;
constexpr char kImages[] = "image_generation";

// The models of a file; empty while it cannot be read.
std::set<std::string> NamesIn(const std::string& path) {
  std::set<std::string> names;
  const auto text = ReadFileToString(path, 1 << 30);
  if (!text.ok()) return names;
  const auto json = ParseJson(*text);
  if (!json.ok() || json->AsObject() == nullptr) return names;
  for (const auto& [name, record] : json->AsObject()->members()) names.insert(name);
  return names;
}

class Writer {
 public:
  explicit Writer(const std::string& address)
      : stub_(v1::WriteService::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {}

  absl::StatusOr<v1::PutModelResponse> Put(const v1::PutModelRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::PutModelResponse response;
    const absl::Status status = FromGrpcStatus(stub_->PutModel(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }
  absl::Status Delete(const v1::DeleteModelRequest& request) {
    grpc::ClientContext context;
    v1::DeleteModelResponse response;
    return FromGrpcStatus(stub_->DeleteModel(&context, request, &response));
  }

 private:
  std::unique_ptr<v1::WriteService::Stub> stub_;
};

v1::PutModelRequest PutImage(const std::string& name) {
  v1::PutModelRequest request;
  request.set_category(kImages);
  request.set_name(name);
  request.set_json(
      absl::StrCat(R"({"name":")", name, R"(","baseline":"stable_diffusion_1","nsfw":false})"));
  return request;
}

std::string NewName(int server, int update) { return absl::StrCat("new-", server, "-", update); }

std::string NewUuid(int server, int update) {
  return absl::StrFormat("%08x-0000-4000-8000-%012x", server + 1, update + 1);
}

class ServerWritesTest : public ::testing::Test {
 protected:
  void Start() {
    data_.Write("stable_diffusion.json", ReadShared("golden/v2/stable_diffusion.json"));
    before_ = NamesIn(data_.path() + "/stable_diffusion.json");
    for (int i = 0; i < kServers; ++i) {
      servers_.push_back(std::make_unique<ServerChild>(data_.path()));
    }
  }
  // What a server serves.
  std::set<std::string> NamesAt(ServerChild& server) {
    const auto got = server.Get(kImages);
    EXPECT_THAT(got, IsOk());
    std::set<std::string> names;
    if (!got.ok()) return names;
    const auto json = ParseJson(got->json());
    for (const auto& [name, record] : json->AsObject()->members()) names.insert(name);
    return names;
  }
  std::set<std::string> Expected() const {
    std::set<std::string> names = before_;
    for (int server = 0; server < kServers; ++server) {
      for (int i = 0; i < kUpdates; ++i) names.insert(NewName(server, i));
    }
    return names;
  }
  std::string ImageFile() const { return data_.path() + "/stable_diffusion.json"; }

  TempDir data_;
  std::set<std::string> before_;
  std::vector<std::unique_ptr<ServerChild>> servers_;
};

TEST_F(ServerWritesTest, FourServersThatWriteTogetherLoseNothing) {
  SKIP_WITHOUT_SHARED_DATA();
  Start();
  ASSERT_EQ(before_.size(), 161u);
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int server = 0; server < kServers; ++server) {
    threads.emplace_back([&, server] {
      Writer writer(servers_[server]->address());
      for (int i = 0; i < kUpdates; ++i) failures += !writer.Put(PutImage(NewName(server, i))).ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  const std::set<std::string> expected = Expected();
  for (const auto& server : servers_) {
    EXPECT_TRUE(Eventually([&] { return NamesAt(*server) == expected; }))
        << NamesAt(*server).size() << " of " << expected.size();
  }
  EXPECT_TRUE(Eventually([&] { return NamesIn(ImageFile()) == expected; }))
      << NamesIn(ImageFile()).size() << " of " << expected.size();
}

class KilledServerWritesTest : public ServerWritesTest,
                               public ::testing::WithParamInterface<int> {};

// Server 0, started first, holds the projector's lock.
INSTANTIATE_TEST_SUITE_P(Each, KilledServerWritesTest, ::testing::Range(0, kServers));

TEST_P(KilledServerWritesTest, NothingIsLostOrDoneTwiceWhenOneIsKilledHalfWay) {
  SKIP_WITHOUT_SHARED_DATA();
  Start();
  std::atomic<int> done{0};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int server = 0; server < kServers; ++server) {
    threads.emplace_back([&, server] {
      int at = server;
      auto writer = std::make_unique<Writer>(servers_[at]->address());
      for (int i = 0; i < kUpdates; ++i) {
        v1::PutModelRequest request = PutImage(NewName(server, i));
        request.set_mode(v1::WRITE_MODE_CREATE_ONLY);
        request.mutable_options()->set_request_id(NewUuid(server, i));
        auto put = writer->Put(request);
        if (!put.ok() && absl::IsUnavailable(put.status())) {
          // As a client does: the same call at another server.
          at = (at + 1) % kServers;
          writer = std::make_unique<Writer>(servers_[at]->address());
          put = writer->Put(request);
        }
        if (!put.ok()) ADD_FAILURE() << put.status();
        failures += !put.ok();
        ++done;
      }
    });
  }
  ASSERT_TRUE(Eventually([&] { return done > kServers * kUpdates / 2; }));
  kill(servers_[GetParam()]->pid(), SIGKILL);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  const std::set<std::string> expected = Expected();
  for (int i = 0; i < kServers; ++i) {
    if (i == GetParam()) continue;
    EXPECT_TRUE(Eventually([&] { return NamesAt(*servers_[i]) == expected; }));
  }
  // Whoever is left writes the files.
  EXPECT_TRUE(Eventually([&] { return NamesIn(ImageFile()) == expected; }));
}

TEST_F(ServerWritesTest, EveryServerTellsOfEveryCommitSoonAndInTheSameOrder) {
  SKIP_WITHOUT_SHARED_DATA();
  Start();
  v1::WatchRequest watch;
  watch.mutable_filter()->add_categories(kImages);
  watch.mutable_now();
  std::vector<std::unique_ptr<WatchStream>> streams;
  for (const auto& server : servers_) {
    auto stream = server->client().Watch(watch);
    ASSERT_THAT(stream, IsOk());
    const auto created = (*stream)->Next(absl::Seconds(30));
    ASSERT_TRUE(created.ok() && created->has_value() && (*created)->has_created());
    streams.push_back(*std::move(stream));
  }
  constexpr int kCommits = 40;
  std::vector<absl::Duration> delays;
  std::vector<std::vector<std::string>> told(kServers);
  for (int i = 0; i < kCommits; ++i) {
    const int server = i % kServers;
    const auto put = Writer(servers_[server]->address()).Put(PutImage(NewName(server, i)));
    ASSERT_THAT(put, IsOk());
    const absl::Time committed = RealClock().TimeNow();
    for (int s = 0; s < kServers; ++s) {
      // What one commit says; bookmarks and the like come between.
      while (true) {
        const auto message = streams[s]->Next(absl::Seconds(30));
        ASSERT_TRUE(message.ok() && message->has_value());
        if (!(*message)->has_events()) continue;
        ASSERT_EQ((*message)->events().events_size(), 1);
        told[s].push_back(absl::StrCat((*message)->header().revision(), " ",
                                       (*message)->events().events(0).changed_models(0)));
        break;
      }
    }
    delays.push_back(RealClock().TimeNow() - committed);
  }
  EXPECT_THAT(told, Each(Eq(told[0])));
  std::sort(delays.begin(), delays.end());
  const absl::Duration median = delays[delays.size() / 2];
  RecordProperty("all_told_p50_us", static_cast<int>(absl::ToInt64Microseconds(median)));
  RecordProperty("all_told_worst_us", static_cast<int>(absl::ToInt64Microseconds(delays.back())));
  // All four, one after the other; a busy machine may take longer for some.
  EXPECT_LT(median, absl::Milliseconds(50));
}

TEST_F(ServerWritesTest, AWriterReadsItsOwnWritesAtEveryServer) {
  SKIP_WITHOUT_SHARED_DATA();
  Start();
  for (int i = 0; i < 20; ++i) {
    const auto put = Writer(servers_[i % kServers]->address()).Put(PutImage(NewName(0, i)));
    ASSERT_THAT(put, IsOk());
    for (const auto& server : servers_) {
      v1::GetModelRequest request;
      request.set_category(kImages);
      request.set_name(NewName(0, i));
      *request.mutable_read()->mutable_min_position() = put->committed().position();
      const auto model = server->client().GetModel(request);
      ASSERT_THAT(model, IsOk());
      EXPECT_EQ(model->etag(), put->committed().etag());
    }
  }
}

TEST_F(ServerWritesTest, AWriteThatWaitsForTheFileFindsItThere) {
  SKIP_WITHOUT_SHARED_DATA();
  Start();
  // At a server that does not write the files itself, too.
  for (int server = 0; server < kServers; ++server) {
    v1::PutModelRequest request = PutImage(NewName(server, 0));
    request.mutable_options()->set_durability(v1::DURABILITY_FILE);
    ASSERT_THAT(Writer(servers_[server]->address()).Put(request), IsOk());
    EXPECT_EQ(NamesIn(ImageFile()).count(NewName(server, 0)), 1u);
  }
}

v1::PutModelRequest PutTo(const std::string& category, const std::string& name,
                          const std::string& json) {
  v1::PutModelRequest request;
  request.set_category(category);
  request.set_name(name);
  request.set_json(json);
  request.mutable_options()->set_durability(v1::DURABILITY_FILE);
  return request;
}

TEST(ServerWriteFilesTest, WritesAndDeletesPersistWhateverTheNamesAre) {
  TempDir data;
  const std::vector<std::string> names = {"with space", "Ünïcödé 模型 🎨", "a/b\\c",
                                          "quote\"s'",  "100% <&>#?",     "plain"};
  {
    ServerChild server(data.path());
    Writer writer(server.address());
    for (const std::string& name : names) {
      ASSERT_THAT(writer.Put(PutTo("clip", name, R"({"description":"x"})")), IsOk()) << name;
    }
    v1::DeleteModelRequest remove;
    remove.set_category("clip");
    remove.set_name("plain");
    remove.mutable_options()->set_durability(v1::DURABILITY_FILE);
    ASSERT_THAT(writer.Delete(remove), IsOk());
    EXPECT_EQ(NamesIn(data.path() + "/clip.json"),
              std::set<std::string>(names.begin(), names.end() - 1));
  }
  ServerChild again(data.path());
  for (const std::string& name : names) {
    v1::GetModelRequest request;
    request.set_category("clip");
    request.set_name(name);
    EXPECT_EQ(again.client().GetModel(request).ok(), name != "plain") << name;
  }
}

TEST(ServerWriteFilesTest, ALegacyWriteMakesItsFileAndFolderAndTheV2File) {
  TempDir data;
  ServerChild server(data.path(), {"--set", "canonical_format=legacy"});
  const auto info = server.client().GetServerInfo();
  ASSERT_THAT(info, IsOk());
  EXPECT_TRUE(info->capabilities().supports_writes());
  EXPECT_TRUE(info->capabilities().supports_legacy_writes());
  ASSERT_THAT(Writer(server.address()).Put(PutTo("clip", "c", R"({"type":"clip"})")), IsOk());
  EXPECT_EQ(NamesIn(data.path() + "/legacy/clip.json"), std::set<std::string>{"c"});
  EXPECT_EQ(NamesIn(data.path() + "/clip.json"), std::set<std::string>{"c"});
}

TEST(ServerWriteFilesTest, TheCapabilityOfLegacyWritesFollowsTheCanonicalFormat) {
  TempDir data;
  ServerChild server(data.path(), {"--set", "canonical_format=v2"});
  const auto info = server.client().GetServerInfo();
  ASSERT_THAT(info, IsOk());
  EXPECT_TRUE(info->capabilities().supports_writes());
  EXPECT_FALSE(info->capabilities().supports_legacy_writes());
  v1::PutModelRequest legacy = PutTo("clip", "c", R"({"type":"clip"})");
  legacy.set_format(v1::FORMAT_LEGACY);
  EXPECT_FALSE(Writer(server.address()).Put(legacy).ok());
}

TEST(ServerWriteFilesTest, AFileThatCannotBeWrittenIsToldToItsWriterAndByTheExitStatus) {
  TempDir data;
  ServerChild server(data.path());
  std::filesystem::remove(data.path() + "/clip.json");
  std::filesystem::create_directory(data.path() + "/clip.json");
  const v1::PutModelRequest request = PutTo("clip", "c", R"({"description":"x"})");
  EXPECT_THAT(Writer(server.address()).Put(request).status(), HasReason("FILE_NOT_WRITTEN"));
  v1::GetModelRequest get;
  get.set_category("clip");
  get.set_name("c");
  EXPECT_THAT(server.client().GetModel(get), IsOk()) << "it is committed";
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 3) << server.process().err();
}

TEST(ServerWriteFilesTest, AStoreThatWasTakenAwayTakesNoWritesAndHealthSaysSo) {
  TempDir data;
  ServerChild server(data.path());
  Writer writer(server.address());
  ASSERT_THAT(writer.Put(PutTo("clip", "c", R"({"description":"x"})")), IsOk());
  std::filesystem::rename(data.path() + "/.modelref", data.path() + "/elsewhere");
  EXPECT_THAT(writer.Put(PutTo("clip", "d", R"({"description":"x"})")).status(),
              HasReason("STORE_FENCED"));
  EXPECT_NE(server.HttpGet("/healthz").find("store: no writes until a restart"), std::string::npos);
  ServerChild next(data.path());
  EXPECT_THAT(Writer(next.address()).Put(PutTo("clip", "e", R"({"description":"x"})")), IsOk());
  EXPECT_FALSE(writer.Put(PutTo("clip", "f", R"({"description":"x"})")).ok());
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 3);
}

TEST(ServerWriteFilesTest, AnAnswerThatIsLostInACrashComesFromTheNextServer) {
  TempDir data;
  TempDir socket;
  const std::string address = absl::StrCat("unix:", socket.path(), "/s");
  const auto serve = [&](const std::string& failpoints) {
    auto server = std::make_unique<Child>(
        "modelrefd",
        std::vector<std::string>{"--data-dir", data.path(), "--listen", address, "--admin-listen",
                                 "none"},
        std::vector<std::pair<std::string, std::string>>{{"MODELREF_FAILPOINTS", failpoints}});
    EXPECT_TRUE(server->WaitForText("err", "server.started")) << server->err();
    return server;
  };
  const auto dies = serve("write.before_answer=kill@3");
  ClientOptions options;
  options.address = address;
  options.call_timeout = absl::Seconds(60);
  auto client = Client::Create(options);
  ASSERT_THAT(client, IsOk());
  std::vector<absl::StatusOr<v1::PutModelResponse>> answers;
  std::thread writes([&] {
    for (int i = 0; i < 5; ++i) {
      v1::PutModelRequest request = PutTo("clip", absl::StrCat("m", i), "{}");
      request.clear_options();
      // A second write of the same model would be refused.
      request.set_mode(v1::WRITE_MODE_CREATE_ONLY);
      answers.push_back((*client)->PutModel(request));
    }
  });
  EXPECT_EQ(dies->Wait(), 128 + SIGKILL);
  const auto next = serve("");
  writes.join();
  for (size_t i = 0; i < answers.size(); ++i) {
    ASSERT_THAT(answers[i], IsOk()) << i;
    EXPECT_EQ(answers[i]->committed().replayed(), i == 2) << i;
    EXPECT_EQ(answers[i]->committed().position().revision(), i + 1);
  }
}

TEST(ServerWriteFilesTest, TheTrailMayBeElsewhere) {
  TempDir data;
  TempDir trail;
  ServerChild server(data.path(), {"--set", "audit.relative_subdir=log"});
  ASSERT_THAT(Writer(server.address()).Put(PutTo("clip", "c", "{}")), IsOk());
  EXPECT_TRUE(
      Eventually([&] { return ReadFileToString(data.path() + "/log/index.json", 100).ok(); }));
  TempDir other;
  ServerChild override(other.path(),
                       {"--set", absl::StrCat("audit.root_path_override=", trail.path())});
  ASSERT_THAT(Writer(override.address()).Put(PutTo("clip", "c", "{}")), IsOk());
  EXPECT_TRUE(Eventually([&] { return ReadFileToString(trail.path() + "/index.json", 100).ok(); }));
}

TEST(ServerWriteFilesTest, ADirectoryThatIsOnlyReadTakesNoWrites) {
  TempDir data;
  data.Write("clip.json", Models(1, 2));
  ServerChild server(data.path(), {"--mode", "replica", "--offline"});
  const auto put = Writer(server.address()).Put(PutTo("clip", "c", "{}"));
  EXPECT_THAT(put, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(put, HasReason("READ_ONLY_REPLICA"));
  const auto info = server.client().GetServerInfo();
  ASSERT_THAT(info, IsOk());
  EXPECT_FALSE(info->capabilities().supports_writes());
}

TEST_F(ServerWritesTest, OpenChangesOfAnotherProgramKeepWritesAway) {
  SKIP_WITHOUT_SHARED_DATA();
  data_.Write("pending_queue/changes.json", R"([{"change_id":1,"status":"approved"}])");
  ServerChild server(data_.path());
  const auto put = Writer(server.address()).Put(PutImage("a"));
  EXPECT_THAT(put, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(put, HasReason("QUEUE_NOT_BUILT"));
  ServerChild told(data_.path(), {"--set", "queue.ignore_open_changes=true"});
  EXPECT_THAT(Writer(told.address()).Put(PutImage("a")), IsOk());
  ServerChild queued(data_.path(), {"--set", "queue.enabled=true"});
  EXPECT_THAT(Writer(queued.address()).Put(PutImage("b")), HasReason("QUEUE_NOT_BUILT"));
  data_.Write("pending_queue/changes.json", R"([{"change_id":1,"status":"applied"}])");
  ServerChild finished(data_.path());
  EXPECT_THAT(Writer(finished.address()).Put(PutImage("b")), IsOk());
}

}  // namespace
}  // namespace modelref::testing
