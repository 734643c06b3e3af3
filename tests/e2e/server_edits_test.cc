// What a real modelrefd does when somebody edits its files, well or badly.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/durable_file.h"
#include "backends/base/json.h"
#include "tests/e2e/modelrefctl_child.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::Eventually;
using ::modelref::testing::kDeadline;
using ::modelref::testing::Models;
using ::modelref::testing::RunShell;
using ::modelref::testing::ServerChild;
using ::modelref::testing::ShellResult;
using ::modelref::testing::TempDir;

class ServerEditsTest : public ::testing::Test {
 protected:
  ServerEditsTest() {
    data_.Write("clip.json", Models(1, 12));
    data_.Write("blip.json", Models(1, 3));
    server_ = std::make_unique<ServerChild>(data_.path());
  }

  // A watch of clip that has begun.
  std::unique_ptr<WatchStream> Watch() {
    v1::WatchRequest request;
    request.mutable_filter()->add_categories("clip");
    request.mutable_filter()->add_formats(v1::FORMAT_V2);
    request.mutable_now();
    auto stream = server_->client().Watch(request);
    EXPECT_TRUE(stream.ok()) << stream.status();
    if (!stream.ok()) return nullptr;
    Await(**stream, [](const v1::WatchResponse& message) { return message.has_created(); });
    return *std::move(stream);
  }
  // The next message that `wanted` wants; an empty one when there is none in time.
  static v1::WatchResponse Await(WatchStream& stream,
                                 const std::function<bool(const v1::WatchResponse&)>& wanted) {
    const absl::Time end = RealClock().TimeNow() + kDeadline;
    while (RealClock().TimeNow() < end) {
      const auto message = stream.Next(end - RealClock().TimeNow());
      if (!message.ok() || !message->has_value()) break;
      if (wanted(**message)) return **message;
    }
    ADD_FAILURE() << "the message did not come";
    return v1::WatchResponse();
  }
  // Runs an edit that adds "model-13" and says how long it takes to be told.
  absl::Duration TimeToTell(WatchStream& stream, const std::function<void()>& edit) {
    const absl::Time begin = RealClock().TimeNow();
    edit();
    const auto has_events = [](const v1::WatchResponse& message) { return message.has_events(); };
    const v1::WatchResponse message = Await(stream, has_events);
    const absl::Duration elapsed = RealClock().TimeNow() - begin;
    EXPECT_EQ(message.events().events_size(), 1);
    for (const v1::WatchEvent& event : message.events().events()) {
      EXPECT_EQ(event.category(), "clip");
      EXPECT_EQ(event.model_count(), 13);
      EXPECT_EQ(event.changed_models_size(), 1);
      for (const std::string& name : event.changed_models()) EXPECT_EQ(name, "model-13");
    }
    return elapsed;
  }
  v1::CategorySummary Summary() {
    const auto list = server_->client().ListCategories(v1::ListCategoriesRequest());
    EXPECT_TRUE(list.ok()) << list.status();
    for (const v1::CategorySummary& summary : list.ok() ? list->categories() : NoSummaries()) {
      if (summary.category() == "clip") return summary;
    }
    return v1::CategorySummary();
  }
  static const google::protobuf::RepeatedPtrField<v1::CategorySummary>& NoSummaries() {
    return v1::ListCategoriesResponse::default_instance().categories();
  }
  v1::DocumentState HealthOfClip() {
    const auto health = server_->client().CheckDependencies();
    EXPECT_TRUE(health.ok()) << health.status();
    if (!health.ok()) return v1::DOCUMENT_STATE_UNSPECIFIED;
    for (const v1::DocumentHealth& document : health->documents()) {
      if (document.category() == "clip" && document.format() == v1::FORMAT_V2) {
        return document.state();
      }
    }
    return v1::DOCUMENT_STATE_OK;  // Only what is not as it should be needs to be listed.
  }
  v1::HeldEdit OnlyHeldEdit() {
    const auto list = server_->client().ListHeldEdits(v1::ListHeldEditsRequest());
    EXPECT_TRUE(list.ok()) << list.status();
    if (!list.ok() || list->edits_size() != 1) {
      ADD_FAILURE() << "not one held edit";
      return v1::HeldEdit();
    }
    return list->edits(0);
  }
  // How many models the file of clip holds; -1 when it is no document.
  int ModelsInFile() {
    const auto text = ReadFileToString(data_.PathOf("clip.json"), 1 << 20);
    if (!text.ok()) return -1;
    const auto json = ParseJson(*text);
    return json.ok() && json->AsObject() != nullptr ? static_cast<int>(json->AsObject()->size())
                                                    : -1;
  }
  absl::StatusOr<v1::GetCategoryResponse> Refreshed() {
    v1::GetCategoryRequest request;
    request.set_category("clip");
    request.mutable_read()->set_force_refresh(true);
    return server_->client().GetCategory(request);
  }

  TempDir data_;
  std::unique_ptr<ServerChild> server_;
};

TEST_F(ServerEditsTest, FileMovedIntoPlaceIsToldWithinASecond) {
  const auto stream = Watch();
  ASSERT_NE(stream, nullptr);
  const absl::Duration elapsed =
      TimeToTell(*stream, [&] { data_.Write("clip.json", Models(1, 13)); });
  std::printf("told after %s\n", absl::FormatDuration(elapsed).c_str());
  EXPECT_LT(elapsed, absl::Seconds(2));
}

TEST_F(ServerEditsTest, FileWrittenInPlaceIsToldWithinASecond) {
  const auto stream = Watch();
  ASSERT_NE(stream, nullptr);
  const absl::Duration elapsed =
      TimeToTell(*stream, [&] { std::ofstream(data_.PathOf("clip.json")) << Models(1, 13); });
  std::printf("told after %s\n", absl::FormatDuration(elapsed).c_str());
  EXPECT_LT(elapsed, absl::Seconds(2));
}

TEST_F(ServerEditsTest, RemovalOfMoreThanHalfWaitsUntilItIsAccepted) {
  data_.Write("clip.json", Models(8, 12));
  ASSERT_TRUE(Eventually([&] { return Summary().stale(); }));
  EXPECT_EQ(Summary().model_count(), 12);
  EXPECT_EQ(HealthOfClip(), v1::DOCUMENT_STATE_EDIT_HELD);
  EXPECT_TRUE(absl::StrContains(server_->HttpGet("/healthz"), "clip"));
  EXPECT_EQ(server_->LogLines("warning", "store.edit_held").size(), 1) << server_->process().err();
  // The bytes are safe, and the file shows what is served.
  EXPECT_TRUE(Eventually([&] { return ModelsInFile() == 12; }));
  const v1::HeldEdit edit = OnlyHeldEdit();
  EXPECT_EQ(edit.deletes(), 7u);
  EXPECT_EQ(edit.reason(), v1::HELD_REASON_MASS_REMOVAL);
  v1::AcceptEditRequest accept;
  accept.set_edit_id(edit.edit_id());
  accept.set_if_content_sha256(edit.content_sha256());
  ASSERT_OK_AND_ASSIGN(const auto accepted, server_->client().AcceptEdit(accept));
  EXPECT_EQ(accepted.position().revision(), accepted.header().revision());
  EXPECT_EQ(Summary().model_count(), 5);
  EXPECT_TRUE(Eventually([&] { return !Summary().stale(); }));
  EXPECT_TRUE(Eventually([&] { return ModelsInFile() == 5; }));
  ASSERT_OK_AND_ASSIGN(const auto again, server_->client().AcceptEdit(accept));
  EXPECT_EQ(again.position().revision(), accepted.position().revision());
  EXPECT_EQ(again.etag(), accepted.etag());
}

TEST_F(ServerEditsTest, AHeldEditCanBeDiscardedFromTheCommandLine) {
  data_.Write("clip.json", Models(8, 12));
  ASSERT_TRUE(Eventually([&] { return Summary().stale(); }));
  const std::string id = OnlyHeldEdit().edit_id();
  const std::string ctl = "modelrefctl --server " + server_->address() + " category ";
  const ShellResult held = RunShell(ctl + "held -o name");
  EXPECT_EQ(held.out, id + "\n") << held.err;
  const ShellResult discard = RunShell(ctl + "accept " + id + " --discard");
  EXPECT_EQ(discard.code, 0) << discard.err;
  EXPECT_TRUE(Eventually([&] { return !Summary().stale(); }));
  EXPECT_EQ(Summary().model_count(), 12);
  EXPECT_EQ(RunShell(ctl + "accept " + id).code, 5);
  EXPECT_EQ(RunShell(ctl + "accept nothing").code, 3);
}

TEST_F(ServerEditsTest, WatchersAreToldThatADocumentIsMarkedAndThatItHealed) {
  const auto stream = Watch();
  ASSERT_NE(stream, nullptr);
  v1::MarkStaleRequest request;
  request.mutable_selector()->add_categories("clip");
  ASSERT_OK_AND_ASSIGN(const auto marked, server_->client().MarkStale(request));
  EXPECT_GE(marked.marked(), 1);
  const auto fresh = [](const v1::WatchResponse& message) { return message.has_freshness(); };
  const v1::Freshness first = Await(*stream, fresh).freshness();
  EXPECT_EQ(first.category(), "clip");
  if (first.stale()) {
    EXPECT_EQ(first.cause(), v1::STALE_CAUSE_MARKED);
    EXPECT_FALSE(Await(*stream, fresh).freshness().stale());
  }
  EXPECT_TRUE(Eventually([&] { return !Summary().stale(); }));
}

TEST_F(ServerEditsTest, ForcedReadDoesNotWaitForTheEditor) {
  // Not closed: on its own the server waits until the file has settled.
  std::ofstream editor(data_.PathOf("clip.json"));
  editor << Models(1, 13) << std::flush;
  ASSERT_OK_AND_ASSIGN(const auto response, Refreshed());
  EXPECT_TRUE(absl::StrContains(response.json(), "model-13"));
}

// A way to damage a file.
struct Damage {
  const char* name;
  void (*apply)(const TempDir& data);
};

class ServerDamageTest : public ServerEditsTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(ServerDamageTest, ChangesNothingButStalenessAndHealsWithTheFile) {
  ASSERT_OK_AND_ASSIGN(const auto before, server_->Get("clip"));
  GetParam().apply(data_);
  ASSERT_TRUE(Eventually([&] { return Summary().stale(); })) << server_->process().err();
  // Reads the damaged file again, as the poll does.
  for (int i = 0; i < 3; ++i) Refreshed().IgnoreError();
  ASSERT_OK_AND_ASSIGN(const auto during, server_->Get("clip"));
  EXPECT_EQ(during.json(), before.json());
  EXPECT_EQ(during.mod_revision(), before.mod_revision());
  EXPECT_EQ(during.header().revision(), before.header().revision());
  EXPECT_TRUE(during.header().stale());
  EXPECT_EQ(HealthOfClip(), v1::DOCUMENT_STATE_STALE);
  const std::string health = server_->HttpGet("/healthz");
  EXPECT_TRUE(absl::StrContains(health, "200")) << health;
  EXPECT_TRUE(absl::StrContains(health, "clip")) << health;
  EXPECT_EQ(server_->LogLines("warning", "clip").size(), 1) << server_->process().err();
  ASSERT_OK_AND_ASSIGN(const auto other, server_->Get("blip"));
  EXPECT_FALSE(other.header().stale());

  fs::remove_all(data_.PathOf("clip.json"));
  data_.Write("clip.json", Models(1, 12));
  EXPECT_TRUE(Eventually([&] { return !Summary().stale(); })) << server_->process().err();
  ASSERT_OK_AND_ASSIGN(const auto after, server_->Get("clip"));
  EXPECT_EQ(after.mod_revision(), before.mod_revision());
  EXPECT_EQ(after.json(), before.json());
}

const Damage kDamages[] = {
    {"Truncated", [](const TempDir& data) { fs::resize_file(data.PathOf("clip.json"), 100); }},
    {"Deleted", [](const TempDir& data) { data.Remove("clip.json"); }},
    {"Garbage", [](const TempDir& data) { data.Write("clip.json", "\x01\xff not JSON"); }},
    {"Empty", [](const TempDir& data) { data.Write("clip.json", ""); }},
    {"Directory",
     [](const TempDir& data) {
       data.Remove("clip.json");
       fs::create_directory(data.PathOf("clip.json"));
     }},
    {"Fifo",
     [](const TempDir& data) {
       data.Remove("clip.json");
       ASSERT_EQ(mkfifo(data.PathOf("clip.json").c_str(), 0600), 0);
     }},
};
INSTANTIATE_TEST_SUITE_P(Damages, ServerDamageTest, ::testing::ValuesIn(kDamages),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace modelref
