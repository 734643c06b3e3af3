#include "backends/net/http_client.h"

#include <curl/curl.h>

#include <map>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "backends/net/http_transfer.h"

namespace modelref {
namespace {

// The longest time that nothing happens; work wakes the thread.
constexpr int kPollMillis = 1'000;

// Once in the process, before threads use it.
void StartCurl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(started);
}

absl::Status Stopped() { return absl::UnavailableError("the HTTP client was stopped"); }

}  // namespace

class HttpClient::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {
    StartCurl();
    multi_.reset(curl_multi_init());
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS, options_.connections_per_host);
    thread_ = std::thread([this] { Run(); });
  }

  void Get(HttpRequest request, HttpCallback done) {
    if (absl::Status sendable = HttpTransfer::Check(request); !sendable.ok()) {
      return done(std::move(sendable));
    }
    {
      MutexLock lock(&mutex_);
      if (!stopping_) {
        waiting_.emplace_back(std::move(request), std::move(done));
        curl_multi_wakeup(multi_.get());
        return;
      }
    }
    done(Stopped());
  }

  void Stop() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      curl_multi_wakeup(multi_.get());
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  using Waiting = std::vector<std::pair<HttpRequest, HttpCallback>>;

  void Run() {
    while (Begin()) {
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      EndFinished();
      curl_multi_poll(multi_.get(), nullptr, 0, kPollMillis, nullptr);
    }
    for (auto& [easy, transfer] : transfers_) {
      curl_multi_remove_handle(multi_.get(), easy);
      transfer->Fail(Stopped());
    }
    transfers_.clear();
  }

  // Hands what waits to curl. False when the client stops; what waits was answered then.
  bool Begin() {
    Waiting waiting;
    bool stopping = false;
    {
      MutexLock lock(&mutex_);
      waiting.swap(waiting_);
      stopping = stopping_;
    }
    for (auto& [request, done] : waiting) {
      if (stopping) {
        done(Stopped());
        continue;
      }
      auto transfer = std::make_unique<HttpTransfer>(std::move(request), std::move(done), options_);
      CURL* const easy = transfer->easy();
      curl_multi_add_handle(multi_.get(), easy);
      transfers_.emplace(easy, std::move(transfer));
    }
    return !stopping;
  }

  void EndFinished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      const auto found = transfers_.find(message->easy_handle);
      const std::unique_ptr<HttpTransfer> transfer = std::move(found->second);
      curl_multi_remove_handle(multi_.get(), found->first);
      transfers_.erase(found);
      transfer->Finish(code);
    }
  }

  const Options options_;
  Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Waiting waiting_ ABSL_GUARDED_BY(mutex_);
  // Before the transfers, which are gone first.
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_{nullptr, &curl_multi_cleanup};
  std::map<CURL*, std::unique_ptr<HttpTransfer>> transfers_;  // The thread's.
  std::thread thread_;
};

HttpClient::HttpClient(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

HttpClient::~HttpClient() { Stop(); }

void HttpClient::Get(HttpRequest request, HttpCallback done) {
  impl_->Get(std::move(request), std::move(done));
}

void HttpClient::Stop() { impl_->Stop(); }

}  // namespace modelref
