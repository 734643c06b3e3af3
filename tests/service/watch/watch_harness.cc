#include "tests/service/watch/watch_harness.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "service/watch/resume.h"

namespace modelref::testing {
namespace {

// Tests that wait for a position that never comes do so for long enough as it is.
PositionWaiter::Options Quick() {
  PositionWaiter::Options options;
  options.follow = absl::ZeroDuration();
  return options;
}

}  // namespace

WatchPlan PlanFor(WatchPlan::Start start, std::set<DocumentKey> keys) {
  WatchPlan plan;
  plan.start = start;
  plan.watched.keys = std::move(keys);
  for (const DocumentKey& key : plan.watched.keys) {
    absl::StrAppend(&plan.watched.signature, key.ToString(), ",");
  }
  return plan;
}

WatchPlan ResumePlan(WatchPlan plan, const std::string& token) {
  const absl::StatusOr<ResumeToken> decoded = DecodeResumeToken(token);
  EXPECT_TRUE(decoded.ok()) << decoded.status();
  if (!decoded.ok()) return plan;
  plan = ResumePlan(std::move(plan), decoded->position);
  plan.resume.documents_hash = decoded->documents_hash;
  return plan;
}

WatchPlan ResumePlan(WatchPlan plan, const Position& position) {
  plan.start = WatchPlan::Start::kResume;
  plan.known.clear();
  plan.resume = {position, std::nullopt};
  return plan;
}

v1::WatchResponse Decode(const EncodedMessage& message) {
  v1::WatchResponse response;
  EXPECT_TRUE(response.ParseFromString(*message));
  return response;
}

Position PositionOf(const v1::WatchResponse& message) {
  Position position;
  const std::string& epoch = message.header().epoch();
  EXPECT_EQ(epoch.size(), position.epoch.size());
  std::memcpy(position.epoch.data(), epoch.data(), std::min(epoch.size(), position.epoch.size()));
  position.revision = message.header().revision();
  return position;
}

SessionReader::SessionReader(WatchHub& hub, const WatchPlan& plan, absl::Time now,
                             const WatchSession::Options& options, std::function<void()> wake)
    : plan_(plan),
      session_(std::make_unique<WatchSession>(hub, plan, options, now, std::move(wake))) {
  trace_.watched = plan.watched.keys;
  trace_.known = plan.known;
  trace_.interval = plan.progress_interval;
  trace_.opened_at = trace_.watched_until = now;
  if (plan.start == WatchPlan::Start::kResume) trace_.asked = plan.resume.position;
}

std::optional<v1::WatchResponse> SessionReader::Read(absl::Time now,
                                                     std::optional<v1::DrainReason> drain) {
  const WatchSession::Step step = session_->Next(now, drain);
  trace_.watched_until = now;
  if (const auto* over = std::get_if<WatchSession::Finished>(&step)) trace_.end = over->status;
  if (const auto* idle = std::get_if<WatchSession::Idle>(&step)) idle_until_ = idle->until;
  const auto* message = std::get_if<EncodedMessage>(&step);
  if (message == nullptr) return std::nullopt;
  trace_.messages.push_back(Decode(*message));
  trace_.times.push_back(now);
  trace_.sizes.push_back((*message)->size());
  return trace_.messages.back();
}

std::vector<v1::WatchResponse> SessionReader::ReadAll(absl::Time now) {
  std::vector<v1::WatchResponse> all;
  while (std::optional<v1::WatchResponse> message = Read(now)) all.push_back(*std::move(message));
  return all;
}

WatchWorld::WatchWorld(std::vector<DocumentKey> keys, Clock& clock, Store::Options options,
                       MakeHub make_hub)
    : log(keys),
      keys_(std::move(keys)),
      clock_(clock),
      options_(std::move(options)),
      make_hub_(std::move(make_hub)) {
  Reopen();
}

void WatchWorld::Reopen() {
  hub_.reset();
  positions_.reset();
  store_.reset();
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(keys_, clock_, options_);
  ASSERT_TRUE(store.ok()) << store.status();
  store_ = *std::move(store);
  positions_ = std::make_unique<PositionWaiter>(*store_, nullptr, Quick());
  hub_ = make_hub_ ? make_hub_(*store_, *positions_)
                   : std::make_unique<WatchHub>(*store_, *positions_, "node-1");
}

uint64_t WatchWorld::CommitAll(std::vector<DocumentEdit> edits) {
  const uint64_t expected = log.Append(edits);
  const absl::StatusOr<CommitResult> result = store_->Commit("test", std::move(edits));
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return 0;
  EXPECT_EQ(result->root->revision, expected);
  return result->root->revision;
}

}  // namespace modelref::testing
