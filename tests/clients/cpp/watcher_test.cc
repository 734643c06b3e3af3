// A Watcher against a server of this process: real streams, threads and time.

#include "clients/cpp/watcher.h"
#include "backends/base/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "clients/cpp/client.h"
#include "tests/clients/cpp/server_model.h"
#include "tests/clients/fake_server.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Event;
using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::IsOk;
using ::modelref::testing::kDeadline;
using ::modelref::testing::ServerModel;
using ::modelref::testing::UnusedAddress;

std::unique_ptr<Client> ClientOf(const std::string& address) {
  ClientOptions options;
  options.address = address;
  options.retry.max_attempts = 1;
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
  EXPECT_THAT(client, IsOk());
  return *std::move(client);
}

// Messages that a test hands to the streams of a server, and the requests that came.
class Feed {
 public:
  void Send(const v1::WatchResponse& message) {
    MutexLock lock(&mutex_);
    messages_.push_back(message);
    changed_.SignalAll();
  }
  void Send(const std::vector<v1::WatchResponse>& messages) {
    for (const v1::WatchResponse& message : messages) Send(message);
  }
  // The stream that is open, or the next one, ends when it has sent what is there.
  void End() {
    MutexLock lock(&mutex_);
    ++ends_;
    changed_.SignalAll();
  }
  // Waits for the request of stream number `index`.
  v1::WatchRequest Request(size_t index) {
    MutexLock lock(&mutex_);
    while (requests_.size() <= index) {
      if (!changed_.WaitFor(&mutex_, kDeadline)) return v1::WatchRequest();
    }
    return requests_[index];
  }
  size_t streams() {
    MutexLock lock(&mutex_);
    return requests_.size();
  }

  absl::Status Serve(const v1::WatchRequest& request, grpc::ServerContext& context,
                     grpc::ServerWriter<v1::WatchResponse>& writer) {
    MutexLock lock(&mutex_);
    requests_.push_back(request);
    changed_.SignalAll();
    while (!context.IsCancelled()) {
      if (!messages_.empty()) {
        const v1::WatchResponse message = messages_.front();
        messages_.pop_front();
        writer.Write(message);
      } else if (ends_ > 0) {
        --ends_;
        return absl::UnavailableError("the test ended it");
      } else {
        changed_.WaitFor(&mutex_, absl::Milliseconds(5));
      }
    }
    return absl::CancelledError("");
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<v1::WatchResponse> messages_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::WatchRequest> requests_ ABSL_GUARDED_BY(mutex_);
  int ends_ ABSL_GUARDED_BY(mutex_) = 0;
};

class WatcherTest : public ::testing::Test {
 protected:
  WatcherTest() {
    model_.Set("clip", 'c');
    handlers_.watch = [this](const v1::WatchRequest& request, grpc::ServerContext& context,
                             grpc::ServerWriter<v1::WatchResponse>& writer) {
      return feed_.Serve(request, context, writer);
    };
    server_ = std::make_unique<FakeServer>(handlers_);
    client_ = ClientOf(server_->address());
    options_.random = [] { return 0.0; };
    options_.on_cut = [this](const WatchCut& cut, const WatchedDocuments&) {
      MutexLock lock(&mutex_);
      cuts_.push_back(cut);
      changed_.SignalAll();
    };
  }
  // Waits for cut number `index`.
  WatchCut Cut(size_t index) {
    MutexLock lock(&mutex_);
    while (cuts_.size() <= index) {
      if (!changed_.WaitFor(&mutex_, kDeadline)) {
        ADD_FAILURE() << "cut " << index << " never came";
        return WatchCut();
      }
    }
    return cuts_[index];
  }

  ServerModel model_;
  Event may_answer_;  // Of handlers, so it must outlive the server.
  Feed feed_;
  FakeHandlers handlers_;
  std::unique_ptr<FakeServer> server_;
  std::unique_ptr<Client> client_;
  WatcherOptions options_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<WatchCut> cuts_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(WatcherTest, TellsTheStateAndThenChangesInOrder) {
  Watcher watcher(client_.get(), options_);
  feed_.Send(model_.Opening());
  EXPECT_EQ(Cut(0).kind, WatchCut::Kind::kSnapshot);
  ASSERT_TRUE(watcher.WaitForState(SyncState::kSynced, kDeadline));
  feed_.Send(model_.Change("clip", 'x'));
  feed_.Send(model_.Change("clip", 'y'));
  EXPECT_EQ(Cut(1).events[0].etag(), std::string(32, 'x'));
  EXPECT_EQ(Cut(2).events[0].etag(), std::string(32, 'y'));
  EXPECT_EQ(watcher.status().revision, model_.revision());
  EXPECT_EQ(watcher.status().epoch, model_.epoch());
  EXPECT_LT(watcher.age(), kDeadline);
}

TEST_F(WatcherTest, OptionsReachTheServer) {
  options_.filter.add_categories("clip");
  options_.payload = v1::PAYLOAD_DELTA_INLINE;
  options_.max_inline_bytes = 1000;
  options_.client_id = "test";
  v1::KnownDocumentState& known = options_.known.emplace_back();
  known.set_category("clip");
  known.set_format(v1::FORMAT_V2);
  known.set_etag(std::string(32, 'c'));
  Watcher watcher(client_.get(), options_);
  const v1::WatchRequest request = feed_.Request(0);
  EXPECT_EQ(request.filter().categories(0), "clip");
  EXPECT_EQ(request.payload(), v1::PAYLOAD_DELTA_INLINE);
  EXPECT_EQ(request.max_inline_bytes(), 1000u);
  EXPECT_EQ(request.client_id(), "test");
  ASSERT_EQ(request.snapshot().known_size(), 1);
  feed_.Send(model_.Opening(request.snapshot()));
  EXPECT_TRUE(Cut(0).events.empty());
}

TEST_F(WatcherTest, ResumesOnAServerThatWasStartedAgain) {
  Watcher watcher(client_.get(), options_);
  feed_.Send(model_.Opening());
  ASSERT_TRUE(watcher.WaitForState(SyncState::kSynced, kDeadline));
  const std::string token = model_.Token();
  const int port = server_->port();
  server_.reset();
  ASSERT_TRUE(watcher.WaitForState(SyncState::kStale, kDeadline));
  EXPECT_FALSE(watcher.status().last_error.ok());
  feed_.Send(model_.Created(v1::RESUME_KIND_EXACT));
  feed_.Send(model_.Change("clip", 'x'));
  server_ = std::make_unique<FakeServer>(handlers_, port);
  EXPECT_EQ(Cut(1).events[0].etag(), std::string(32, 'x'));
  EXPECT_EQ(feed_.Request(1).resume_token(), token);
  EXPECT_TRUE(watcher.WaitForState(SyncState::kSynced, kDeadline));
}

TEST_F(WatcherTest, SilentStreamMakesItStaleThenDegradedAndPollsFindTheChange) {
  v1::WatchResponse created = model_.Created();
  created.mutable_created()->mutable_progress_interval()->set_seconds(0);
  created.mutable_created()->mutable_progress_interval()->set_nanos(20'000'000);
  options_.timing.interval = absl::Milliseconds(20);
  options_.timing.degrade_after = absl::Milliseconds(50);
  options_.timing.poll_min = absl::Milliseconds(5);
  options_.timing.poll_max = absl::Milliseconds(10);
  server_.reset();
  handlers_.get_head = [this](const v1::GetHeadRequest&, v1::GetHeadResponse* response) {
    EXPECT_TRUE(may_answer_.Wait());
    *response = model_.Head();
    return absl::OkStatus();
  };
  handlers_.list_categories = [this](const v1::ListCategoriesRequest&,
                                     v1::ListCategoriesResponse* response) {
    *response->mutable_header() = model_.Head().header();
    v1::CategorySummary* clip = response->add_categories();
    clip->set_category("clip");
    clip->set_format(v1::FORMAT_V2);
    clip->set_etag(std::string(32, 'x'));
    return absl::OkStatus();
  };
  server_ = std::make_unique<FakeServer>(handlers_);
  client_ = ClientOf(server_->address());
  Watcher watcher(client_.get(), options_);
  feed_.Send(created);
  feed_.Send(model_.Snapshot());
  EXPECT_EQ(Cut(0).kind, WatchCut::Kind::kSnapshot);
  ASSERT_TRUE(watcher.WaitForState(SyncState::kDegraded, kDeadline));
  model_.Set("clip", 'x');
  may_answer_.Set();
  EXPECT_EQ(Cut(1).kind, WatchCut::Kind::kPolled);
  EXPECT_EQ(Cut(1).events[0].etag(), std::string(32, 'x'));
}

TEST_F(WatcherTest, DestructionDoesNotWaitForASilentStream) {
  auto watcher = std::make_unique<Watcher>(client_.get(), options_);
  feed_.Send(model_.Opening());
  ASSERT_TRUE(watcher->WaitForState(SyncState::kSynced, kDeadline));
  const absl::Time before = MonotonicClock().TimeNow();
  watcher.reset();
  EXPECT_LT(MonotonicClock().TimeNow() - before, absl::Seconds(5));
}

TEST_F(WatcherTest, DestructionDoesNotWaitForAConnectionOrABackoff) {
  const std::unique_ptr<Client> nobody = ClientOf(UnusedAddress());
  options_.random = [] { return 0.99; };
  for (const absl::Duration wait : {absl::ZeroDuration(), absl::Milliseconds(50)}) {
    const absl::Time before = MonotonicClock().TimeNow();
    Watcher watcher(nobody.get(), options_);
    watcher.WaitForState(SyncState::kSynced, wait);
    EXPECT_LT(MonotonicClock().TimeNow() - before, absl::Seconds(3));
  }
}

TEST_F(WatcherTest, DestructionWaitsForTheCallbackThatRunsAndNoneFollows) {
  Event entered;
  Event may_leave;
  std::atomic<bool> left = false;
  std::atomic<int> calls = 0;
  options_.on_cut = [&](const WatchCut&, const WatchedDocuments&) {
    ++calls;
    entered.Set();
    EXPECT_TRUE(may_leave.Wait());
    left = true;
  };
  auto watcher = std::make_unique<Watcher>(client_.get(), options_);
  feed_.Send(model_.Opening());
  feed_.Send(model_.Change("clip", 'x'));
  ASSERT_TRUE(entered.Wait());
  std::thread destroyer([&] {
    watcher.reset();
    EXPECT_TRUE(left);
  });
  Pause(absl::Milliseconds(100));  // The destruction has begun and waits.
  may_leave.Set();
  destroyer.join();
  EXPECT_EQ(calls, 1);
}

TEST_F(WatcherTest, CallbackMayDestroyItsOwnWatcherAndTheClientAfterIt) {
  Event destroyed;
  std::unique_ptr<Watcher> watcher;
  Event made;
  options_.on_cut = [&](const WatchCut&, const WatchedDocuments&) {
    EXPECT_TRUE(made.Wait());
    watcher.reset();
    client_.reset();
    destroyed.Set();
  };
  watcher = std::make_unique<Watcher>(client_.get(), options_);
  made.Set();
  feed_.Send(model_.Opening());
  EXPECT_TRUE(destroyed.Wait());
  // The fixture may go as well: nothing of the watcher uses it any more.
}

TEST_F(WatcherTest, ManyWatchersComeAndGoAtAnyMoment) {
  for (int i = 0; i < 40; ++i) {
    auto watcher = std::make_unique<Watcher>(client_.get(), options_);
    if (i % 4 == 1) feed_.Send(model_.Opening());
    if (i % 4 == 2) feed_.End();
    watcher->WaitForState(SyncState::kSynced, absl::Milliseconds(i % 7));
    watcher.reset();
  }
  EXPECT_GT(feed_.streams(), 0u);
}

}  // namespace
}  // namespace modelref
