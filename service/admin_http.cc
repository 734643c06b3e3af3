#include "service/admin_http.h"

#include <httplib.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/mutex.h"

namespace modelref {
namespace {

constexpr size_t kMaxBodyBytes = 8 << 10;
constexpr size_t kMaxWaitingConnections = 64;

// Threads for connections. A full queue holds up the accepting thread, so that further connections
// wait in the backlog of the kernel; dropping one here would leak its socket.
class BoundedTaskQueue final : public httplib::TaskQueue {
 public:
  explicit BoundedTaskQueue(size_t threads) {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
  }

  void enqueue(std::function<void()> task) override {
    MutexLock lock(&mutex_);
    while (tasks_.size() >= kMaxWaitingConnections) changed_.Wait(&mutex_);
    tasks_.push_back(std::move(task));
    changed_.SignalAll();
  }

  void shutdown() override {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.SignalAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Work() {
    while (true) {
      std::function<void()> task;
      {
        MutexLock lock(&mutex_);
        while (tasks_.empty() && !stopping_) changed_.Wait(&mutex_);
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
        changed_.SignalAll();
      }
      task();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

std::string HealthJson(const HealthSummary& health) {
  JsonArray degraded;
  for (const std::string& reason : health.degraded) degraded.emplace_back(reason);
  JsonObject object;
  object.Set("status", Json(health.serving ? "SERVING" : "NOT_SERVING"));
  object.Set("degraded", Json(std::move(degraded)));
  return CanonicalJson(Json(std::move(object))) + "\n";
}

absl::Status ListenError(const std::string& address, int error) {
  const auto fail = [&](absl::StatusCode code, absl::string_view reason, absl::string_view what) {
    return Error(code, reason, absl::StrCat("cannot listen on ", address, " (admin): ", what));
  };
  if (error == EADDRINUSE) {
    return fail(absl::StatusCode::kFailedPrecondition, "ADDRESS_IN_USE",
                "another process uses this port; choose another one with --admin-listen, or none");
  }
  if (error == EACCES || error == EPERM) {
    return fail(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                "no permission; choose a port of 1024 or more with --admin-listen");
  }
  return fail(absl::StatusCode::kInvalidArgument, "ADDRESS_INVALID",
              "not an address of this machine; use \"host:port\"");
}

// Without SO_REUSEPORT, which is the library's default and would let two servers share a port.
void SetSocketOptions(socket_t socket) {
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

constexpr char kIndex[] =
    "modelrefd\n\n/metrics  numbers, in Prometheus' text form\n/healthz  200 while serving, 503 "
    "otherwise\n";

}  // namespace

class AdminHttp::Impl {
 public:
  Impl(const Options& options, const MetricsRegistry& metrics,
       std::function<HealthSummary()> health)
      : metrics_(metrics), health_(std::move(health)) {
    const auto timeout = absl::ToChronoMilliseconds(options.io_timeout);
    server_.new_task_queue = [threads = options.threads] { return new BoundedTaskQueue(threads); };
    server_.set_socket_options(SetSocketOptions);
    server_.set_keep_alive_max_count(1);
    server_.set_read_timeout(timeout);
    server_.set_write_timeout(timeout);
    server_.set_payload_max_length(kMaxBodyBytes);
    server_.set_default_headers(
        {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
    AddRoutes();
  }

  ~Impl() { Stop(); }

  absl::Status Listen(const std::string& address) {
    const size_t colon = address.rfind(':');
    int port = -1;
    if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
        port < 0 || port > 65535) {
      return ListenError(address, 0);
    }
    const std::string shown_host = address.substr(0, colon);
    const std::string host(absl::StripSuffix(absl::StripPrefix(shown_host, "["), "]"));
    errno = 0;
    if (port == 0) {
      port = server_.bind_to_any_port(host);
      if (port <= 0) return ListenError(address, errno);
    } else if (!server_.bind_to_port(host, port)) {
      return ListenError(address, errno);
    }
    address_ = absl::StrCat(shown_host, ":", port);
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      ended_.store(true);
    });
    // stop() before the loop runs would be lost.
    while (!server_.is_running() && !ended_.load()) std::this_thread::yield();
    return absl::OkStatus();
  }

  void Stop() {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

  const std::string& address() const { return address_; }

 private:
  void AddRoutes() {
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(metrics_.Render(), "text/plain; version=0.0.4; charset=utf-8");
    });
    server_.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
      const HealthSummary health = health_();
      response.status = health.serving ? 200 : 503;
      response.set_content(HealthJson(health), "application/json");
    });
    server_.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(kIndex, "text/plain; charset=utf-8");
    });
    server_.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty()) return;
      response.set_content(absl::StrCat(response.status, "\n"), "text/plain; charset=utf-8");
    });
  }

  const MetricsRegistry& metrics_;
  const std::function<HealthSummary()> health_;
  httplib::Server server_;
  std::string address_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<AdminHttp>> AdminHttp::Start(const Options& options,
                                                            const MetricsRegistry& metrics,
                                                            std::function<HealthSummary()> health) {
  auto impl = std::make_unique<Impl>(options, metrics, std::move(health));
  if (absl::Status listening = impl->Listen(options.address); !listening.ok()) return listening;
  return std::unique_ptr<AdminHttp>(new AdminHttp(std::move(impl)));
}

AdminHttp::AdminHttp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminHttp::~AdminHttp() = default;
const std::string& AdminHttp::address() const { return impl_->address(); }
void AdminHttp::Stop() { impl_->Stop(); }

}  // namespace modelref
