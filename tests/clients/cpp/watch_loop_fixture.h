#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/clients/cpp/fake_watch_environment.h"
#include "tests/clients/cpp/server_model.h"

namespace modelref::testing {

// A loop in a fake world, and what it told.
class WatchLoopTest : public ::testing::Test, public WatchObserver {
 protected:
  WatchLoopTest() {
    server_.Set("clip", 'c');
    server_.Set("esrgan", 'd');
    started_ = environment_.Now();
  }

  absl::Status Run(const v1::WatchRequest& request = v1::WatchRequest()) {
    loop_.emplace(request, WatchTiming(), environment_, *this);
    return loop_->Run();
  }

  // The opening of a stream, then `rest`.
  StreamScript Opened(StreamScript rest = {}) const {
    StreamScript script;
    for (const v1::WatchResponse& message : server_.Opening()) script.push_back(message);
    for (StreamStep& step : rest) script.push_back(std::move(step));
    return script;
  }
  // A stream that the server opens for what the request names, with the state of then.
  void AddOpening(StreamScript rest = {}) {
    environment_.AddStream([this, rest](const v1::WatchRequest& request) {
      StreamScript script;
      for (const v1::WatchResponse& message : server_.Opening(request.snapshot())) {
        script.push_back(message);
      }
      for (const StreamStep& step : rest) script.push_back(step);
      return script;
    });
  }
  double SecondsSinceStart(absl::Time time) const { return absl::ToDoubleSeconds(time - started_); }

  void OnStatus(const WatchStatus& status) override {
    if (!states_.empty() && states_.back() == SyncStateName(status.state)) return;
    states_.emplace_back(SyncStateName(status.state));
    state_times_.push_back(environment_.Now());
  }
  void OnMessage(const v1::WatchResponse&) override { ++messages_; }
  void OnCut(const WatchCut& cut, const WatchedDocuments& documents) override {
    if (cut.kind == WatchCut::Kind::kBookmark) return;
    std::string text = cut.kind == WatchCut::Kind::kSnapshot ? "snapshot"
                       : cut.kind == WatchCut::Kind::kPolled ? "polled"
                                                             : "changes";
    for (const v1::WatchEvent& event : cut.events) {
      const bool deleted = event.type() == v1::EVENT_TYPE_DELETE;
      absl::StrAppend(&text, deleted ? " -" : " +", event.category());
    }
    told_.push_back(text);
    documents_ = documents;
  }
  void OnFreshness(const v1::ResponseHeader&, const v1::Freshness& freshness) override {
    told_.push_back(absl::StrCat(freshness.stale() ? "stale " : "fresh ", freshness.category()));
  }
  bool OnEnd(const WatchEnd& end, absl::Duration delay) override {
    ends_.push_back(end);
    delays_.push_back(delay);
    return ends_.size() < max_ends_;
  }

  using Told = std::vector<std::string>;

  ServerModel server_;
  FakeWatchEnvironment environment_;
  absl::Time started_;
  std::optional<WatchLoop> loop_;
  size_t max_ends_ = 1000;
  int messages_ = 0;
  Told states_;
  std::vector<absl::Time> state_times_;
  Told told_;
  WatchedDocuments documents_;
  std::vector<WatchEnd> ends_;
  std::vector<absl::Duration> delays_;
};

}  // namespace modelref::testing
