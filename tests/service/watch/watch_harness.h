#pragma once

// A store with a hub, sessions that are read message by message, and the truth beside them.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "service/watch/watch_session.h"
#include "tests/service/store/edits.h"
#include "tests/service/watch/commit_log.h"
#include "tests/service/watch/validators.h"

namespace modelref::testing {

WatchPlan PlanFor(WatchPlan::Start start, std::set<DocumentKey> keys);
// The same stream, continued after a message with this token, or at a position.
WatchPlan ResumePlan(WatchPlan plan, const std::string& token);
WatchPlan ResumePlan(WatchPlan plan, const Position& position);

v1::WatchResponse Decode(const EncodedMessage& message);
// The position a message stands at; without a chain.
Position PositionOf(const v1::WatchResponse& message);

// A session and all it said. Single-threaded.
class SessionReader {
 public:
  SessionReader(WatchHub& hub, const WatchPlan& plan, absl::Time now,
                const WatchSession::Options& options = {}, std::function<void()> wake = nullptr);

  // The next message, or none when the session is idle or finished.
  std::optional<v1::WatchResponse> Read(absl::Time now,
                                        std::optional<v1::DrainReason> drain = std::nullopt);
  // Everything until there is nothing to send at `now`.
  std::vector<v1::WatchResponse> ReadAll(absl::Time now);

  const WatchTrace& trace() const { return trace_; }
  const WatchPlan& plan() const { return plan_; }
  bool finished() const { return trace_.end.has_value(); }
  absl::Status end() const { return trace_.end.value_or(absl::UnknownError("not over")); }
  absl::Time idle_until() const { return idle_until_; }
  size_t size_bytes() const { return trace_.sizes.empty() ? 0 : trace_.sizes.back(); }

 private:
  const WatchPlan plan_;
  std::unique_ptr<WatchSession> session_;
  WatchTrace trace_;
  absl::Time idle_until_;
};

// A store, the log of what it must hold, and a hub.
class WatchWorld {
 public:
  using MakeHub = std::function<std::unique_ptr<WatchHub>(Store&, PositionWaiter&)>;

  // `make_hub` makes another hub than the real one.
  WatchWorld(std::vector<DocumentKey> keys, Clock& clock, Store::Options options,
             MakeHub make_hub = nullptr);

  // Everything in memory goes. Sessions must be gone.
  void Reopen();

  template <typename... Edits>
  uint64_t Commit(Edits... edits) {
    std::vector<DocumentEdit> all;
    (all.push_back(std::move(edits)), ...);
    return CommitAll(std::move(all));
  }
  uint64_t CommitAll(std::vector<DocumentEdit> edits);

  Store& store() { return *store_; }
  PositionWaiter& positions() { return *positions_; }
  WatchHub& hub() { return *hub_; }
  const Store::Options& options() const { return options_; }

  CommitLog log;

 private:
  const std::vector<DocumentKey> keys_;
  Clock& clock_;
  const Store::Options options_;
  const MakeHub make_hub_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<PositionWaiter> positions_;
  std::unique_ptr<WatchHub> hub_;
};

}  // namespace modelref::testing
