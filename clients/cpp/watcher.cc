#include "clients/cpp/watcher.h"

#include <random>
#include <thread>
#include <utility>

#include "backends/base/mutex.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/client.h"
#include "clients/cpp/watch_loop.h"

namespace modelref {
namespace {

// A poll that takes longer says no more than one that fails.
constexpr absl::Duration kPollTimeout = absl::Seconds(5);

std::function<double()> SystemRandom() {
  return [engine = std::mt19937_64(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(engine);
  };
}

v1::WatchRequest MakeRequest(const WatcherOptions& options) {
  v1::WatchRequest request;
  *request.mutable_filter() = options.filter;
  request.set_payload(options.payload);
  request.set_max_inline_bytes(options.max_inline_bytes);
  request.set_client_id(options.client_id);
  for (const v1::KnownDocumentState& known : options.known) {
    *request.mutable_snapshot()->add_known() = known;
  }
  return request;
}

}  // namespace

// What the thread uses: it lives until the watcher and the thread are gone.
class Watcher::Core final : public WatchEnvironment, public WatchObserver {
 public:
  Core(Client* client, WatcherOptions options)
      : client_(*client),
        options_(std::move(options)),
        clock_(options_.clock != nullptr ? *options_.clock : MonotonicClock()),
        random_(options_.random ? options_.random : SystemRandom()),
        loop_(MakeRequest(options_), options_.timing, *this, *this) {}

  static void Start(const std::shared_ptr<Core>& core) {
    core->thread_ = std::thread([core] { core->loop_.Run().IgnoreError(); });
  }
  void Stop() {
    cancellation_.Cancel();
    if (std::this_thread::get_id() == thread_.get_id()) {
      loop_.Abandon();
      thread_.detach();
    } else {
      thread_.join();
    }
  }

  WatchStatus status() const {
    MutexLock lock(&mutex_);
    return status_;
  }
  absl::Duration age() const { return clock_.TimeNow() - status().confirmed; }
  bool WaitForState(SyncState state, absl::Duration timeout) const {
    const absl::Time deadline = MonotonicClock().TimeNow() + timeout;
    MutexLock lock(&mutex_);
    while (status_.state != state) {
      const absl::Duration left = deadline - MonotonicClock().TimeNow();
      if (left <= absl::ZeroDuration()) return false;
      changed_.WaitFor(&mutex_, std::min(left, absl::Hours(1)));
    }
    return true;
  }

  absl::StatusOr<std::unique_ptr<WatchStream>> Open(const v1::WatchRequest& request) override {
    return client_.Watch(request, {std::nullopt, &cancellation_});
  }
  absl::StatusOr<v1::GetHeadResponse> GetHead(const v1::GetHeadRequest& request) override {
    return client_.GetHead(request, {kPollTimeout, &cancellation_});
  }
  absl::StatusOr<v1::ListCategoriesResponse> ListCategories(
      const v1::ListCategoriesRequest& request) override {
    return client_.ListCategories(request, {kPollTimeout, &cancellation_});
  }
  void Sleep(absl::Duration duration) override { cancellation_.WaitFor(duration); }
  bool Stopped() override { return cancellation_.cancelled(); }
  absl::Time Now() override { return clock_.TimeNow(); }
  double Random() override { return random_(); }

  void OnStatus(const WatchStatus& status) override {
    Publish(status);
    if (options_.on_status) options_.on_status(status);
  }
  void OnMessage(const v1::WatchResponse&) override {}
  void OnCut(const WatchCut& cut, const WatchedDocuments& documents) override {
    Publish(loop_.status());
    if (options_.on_cut) options_.on_cut(cut, documents);
  }
  void OnFreshness(const v1::ResponseHeader&, const v1::Freshness& freshness) override {
    if (options_.on_freshness) options_.on_freshness(freshness);
  }
  bool OnEnd(const WatchEnd&, absl::Duration) override { return true; }

 private:
  void Publish(const WatchStatus& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    status_ = status;
    changed_.SignalAll();
  }

  Client& client_;
  const WatcherOptions options_;
  Clock& clock_;
  const std::function<double()> random_;
  Cancellation cancellation_;
  WatchLoop loop_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  WatchStatus status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

Watcher::Watcher(Client* client, WatcherOptions options)
    : core_(std::make_shared<Core>(client, std::move(options))) {
  Core::Start(core_);
}

Watcher::~Watcher() { core_->Stop(); }

WatchStatus Watcher::status() const { return core_->status(); }

absl::Duration Watcher::age() const { return core_->age(); }

bool Watcher::WaitForState(SyncState state, absl::Duration timeout) const {
  return core_->WaitForState(state, timeout);
}

}  // namespace modelref
