#pragma once

#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "service/watch/watch_session.h"
#include "tests/service/store/edits.h"
#include "tests/service/watch/commit_log.h"
#include "tests/service/watch/validators.h"

namespace modelref::testing {

inline WatchPlan PlanFor(WatchPlan::Start start, std::set<DocumentKey> keys) {
  WatchPlan plan;
  plan.start = start;
  plan.watched.keys = std::move(keys);
  for (const DocumentKey& key : plan.watched.keys) {
    absl::StrAppend(&plan.watched.signature, key.ToString(), ",");
  }
  return plan;
}

inline v1::WatchResponse Decode(const EncodedMessage& message) {
  v1::WatchResponse response;
  EXPECT_TRUE(response.ParseFromString(*message));
  return response;
}

// A session and all it said. Single-threaded.
class SessionReader {
 public:
  SessionReader(WatchHub& hub, const WatchPlan& plan, absl::Time now,
                const WatchSession::Options& options = {})
      : session_(hub, plan, options, now) {
    trace_.watched = plan.watched.keys;
    trace_.known = plan.known;
  }

  // The next message, or none when the session is idle or finished.
  std::optional<v1::WatchResponse> Read(absl::Time now,
                                        std::optional<v1::DrainReason> drain = std::nullopt) {
    const WatchSession::Step step = session_.Next(now, drain);
    finished_ = std::holds_alternative<WatchSession::Finished>(step);
    if (const auto* idle = std::get_if<WatchSession::Idle>(&step)) idle_until_ = idle->until;
    const auto* message = std::get_if<EncodedMessage>(&step);
    if (message == nullptr) return std::nullopt;
    size_bytes_ = (*message)->size();
    trace_.messages.push_back(Decode(*message));
    return trace_.messages.back();
  }

  // Everything until there is nothing to send at `now`.
  std::vector<v1::WatchResponse> ReadAll(absl::Time now) {
    std::vector<v1::WatchResponse> all;
    while (std::optional<v1::WatchResponse> message = Read(now)) all.push_back(*message);
    return all;
  }

  const WatchTrace& trace() const { return trace_; }
  bool finished() const { return finished_; }
  absl::Time idle_until() const { return idle_until_; }
  size_t size_bytes() const { return size_bytes_; }  // Of the newest message.

 private:
  WatchSession session_;
  WatchTrace trace_;
  bool finished_ = false;
  absl::Time idle_until_;
  size_t size_bytes_ = 0;
};

// A store, the log of what it must hold, and a hub.
class WatchWorld {
 public:
  WatchWorld(const std::vector<DocumentKey>& keys, Clock& clock, const Store::Options& options)
      : store(keys, clock, options), hub(store, "node-1"), log(keys) {}

  template <typename... Edits>
  uint64_t Commit(Edits... edits) {
    std::vector<DocumentEdit> all;
    (all.push_back(std::move(edits)), ...);
    return CommitAll(std::move(all));
  }
  uint64_t CommitAll(std::vector<DocumentEdit> edits) {
    const uint64_t expected = log.Append(edits);
    const uint64_t revision = store.Commit("test", std::move(edits));
    EXPECT_EQ(revision, expected);
    return revision;
  }

  Store store;
  WatchHub hub;
  CommitLog log;
};

}  // namespace modelref::testing
