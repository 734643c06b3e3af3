#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/base/error.h"
#include "clients/cpp/watch_loop.h"
#include "tests/testing/fake_clock.h"

namespace modelref::testing {

// What a stream of the fake does next: a message, silence for some time, or its end.
using StreamStep = std::variant<v1::WatchResponse, absl::Duration, absl::Status>;
using StreamScript = std::deque<StreamStep>;

// The world of a WatchLoop in one thread: waiting moves the clock, streams are scripts. Stops the
// loop when no script is left, so Run() returns.
class FakeWatchEnvironment final : public WatchEnvironment {
 public:
  // The next stream. One that ends without a status is silent from there on.
  void AddStream(StreamScript script) {
    scripts_.push_back([script](auto&) { return script; });
  }
  // The next stream, made when it is opened.
  void AddStream(std::function<StreamScript(const v1::WatchRequest&)> make) {
    scripts_.push_back(std::move(make));
  }
  void Stop() { stopped_ = true; }
  // For another loop; the clock goes on.
  void Restart() {
    stopped_ = false;
    scripts_.clear();
    requests.clear();
    opened.clear();
    polled.clear();
  }

  FakeClock clock;
  double random = 0.5;  // Every draw.
  std::function<absl::StatusOr<v1::GetHeadResponse>()> head = [] {
    return absl::UnavailableError("no head");
  };
  std::function<absl::StatusOr<v1::ListCategoriesResponse>(v1::Format)> list = [](v1::Format) {
    return absl::UnavailableError("no list");
  };
  std::vector<v1::WatchRequest> requests;  // Of the streams, in order.
  std::vector<absl::Time> opened;
  std::vector<absl::Time> polled;  // When GetHead was called.

  absl::StatusOr<std::unique_ptr<WatchStream>> Open(const v1::WatchRequest& request) override {
    if (scripts_.empty()) {
      Stop();
      return absl::CancelledError("no script is left");
    }
    requests.push_back(request);
    opened.push_back(Now());
    StreamScript script = scripts_.front()(request);
    scripts_.pop_front();
    return std::unique_ptr<WatchStream>(std::make_unique<Stream>(*this, std::move(script)));
  }
  absl::StatusOr<v1::GetHeadResponse> GetHead(const v1::GetHeadRequest&) override {
    polled.push_back(Now());
    return head();
  }
  absl::StatusOr<v1::ListCategoriesResponse> ListCategories(
      const v1::ListCategoriesRequest& request) override {
    return list(request.format());
  }
  void Sleep(absl::Duration duration) override { clock.Advance(duration); }
  bool Stopped() override { return stopped_; }
  absl::Time Now() override { return clock.TimeNow(); }
  double Random() override { return random; }

 private:
  class Stream final : public WatchStream {
   public:
    Stream(FakeWatchEnvironment& environment, StreamScript script)
        : environment_(environment), script_(std::move(script)) {}

    absl::StatusOr<std::optional<v1::WatchResponse>> Next(absl::Duration timeout) override {
      while (!script_.empty()) {
        if (auto* silence = std::get_if<absl::Duration>(&script_.front())) {
          if (*silence > timeout) {
            *silence -= timeout;
            return NoMessage(timeout);
          }
          environment_.clock.Advance(*silence);
          timeout -= *silence;
          script_.pop_front();
          continue;
        }
        if (auto* end = std::get_if<absl::Status>(&script_.front())) {
          if (end->ok()) return std::optional<v1::WatchResponse>();
          return *end;
        }
        std::optional<v1::WatchResponse> message = std::get<v1::WatchResponse>(script_.front());
        script_.pop_front();
        return message;
      }
      return NoMessage(timeout);
    }
    void Cancel() override { script_ = {absl::CancelledError("cancelled")}; }

   private:
    absl::Status NoMessage(absl::Duration after) {
      environment_.clock.Advance(after);
      return Error(absl::StatusCode::kDeadlineExceeded, "NO_MESSAGE", "silence");
    }

    FakeWatchEnvironment& environment_;
    StreamScript script_;
  };

  std::deque<std::function<StreamScript(const v1::WatchRequest&)>> scripts_;
  bool stopped_ = false;
};

}  // namespace modelref::testing
