// How a stream begins: where it starts from, and what is said before the first change.

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/log.h"
#include "service/watch/watch_session.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

constexpr size_t kMaxDetailBytes = 512;
// What a stream holds ready of a catch-up at most; the rest becomes one cut.
constexpr size_t kMaxReplayBytes = 1 << 20;

EncodedMessage Encode(const v1::WatchResponse& response) {
  return std::make_shared<const std::string>(response.SerializeAsString());
}

// Cut between characters: a message whose text is not UTF-8 is one that no client can parse.
std::string Shown(const std::string& detail) {
  const std::string head = detail.substr(0, kMaxDetailBytes);
  return head.substr(0, FindInvalidUtf8(head));
}

v1::StaleCause ToProto(FreshnessCause cause) { return static_cast<v1::StaleCause>(cause); }

v1::SnapshotReason ReasonFor(Standing standing) {
  switch (standing) {
    case Standing::kAhead:
      return v1::SNAPSHOT_REASON_CLIENT_AHEAD;
    case Standing::kForgotten:
      return v1::SNAPSHOT_REASON_HISTORY_GONE;
    default:
      return v1::SNAPSHOT_REASON_EPOCH_CHANGED;
  }
}

absl::Status Draining() {
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(1);
  return Error(absl::StatusCode::kUnavailable, "DRAINING",
               "the server is about to stop; use another one", std::move(extras));
}

}  // namespace

struct WatchSession::Answer {
  Mutex mutex;
  std::optional<absl::StatusOr<Standing>> standing ABSL_GUARDED_BY(mutex);
};

std::optional<absl::StatusOr<Standing>> WatchSession::AskedPosition() {
  if (answer_ == nullptr) {
    answer_ = std::make_shared<Answer>();
    hub_.Await(plan_.resume.position,
               [answer = answer_, wake = wake_](absl::StatusOr<Standing> standing) {
                 {
                   MutexLock lock(&answer->mutex);
                   answer->standing = std::move(standing);
                 }
                 if (wake) wake();
               });
  }
  MutexLock lock(&answer_->mutex);
  return answer_->standing;
}

std::optional<WatchSession::Step> WatchSession::Open(absl::Time now, bool draining) {
  if (plan_.start != WatchPlan::Start::kResume) {
    const RootPtr root = hub_.root();
    const bool snapshot = plan_.start == WatchPlan::Start::kSnapshot;
    cursor_ = PositionOf(*root);
    QueueCreated(*root, v1::RESUME_KIND_UNSPECIFIED, snapshot ? 0 : cursor_.revision, now);
    if (snapshot) {
      QueueSnapshot(*root, v1::SNAPSHOT_REASON_INITIAL);
    } else {
      QueueAllFreshness(*root);
    }
    return std::nullopt;
  }
  const std::optional<absl::StatusOr<Standing>> standing = AskedPosition();
  if (!standing.has_value()) {
    if (draining) return End(Draining());
    return Idle{ends_at_};
  }
  if (!standing->ok()) return End(standing->status());
  if (**standing != Standing::kKnown) return Gap(**standing, now);
  const auto& documents = plan_.resume.documents_hash;
  if (documents.has_value() && *documents != plan_.watched.documents_hash) {
    // Categories were added or removed since: what the token stands for is another set.
    return Gap(Standing::kForgotten, now);
  }
  if (!Resume(now)) return Gap(JudgeLineage(*hub_.root(), plan_.resume.position), now);
  return std::nullopt;
}

bool WatchSession::Resume(absl::Time now) {
  const RootPtr root = hub_.root();
  if (JudgeLineage(*root, plan_.resume.position) != Standing::kKnown) return false;
  cursor_ = plan_.resume.position;
  cursor_.epoch = root->epoch;
  // All of it is made now, so that what Created says about it is true however slow the reader is.
  std::vector<WatchHub::CutPtr> cuts;
  bool exact = true;
  uint64_t caught_up = cursor_.revision;
  size_t bytes = 0;
  for (uint64_t at = cursor_.revision; at < root->revision; at = cuts.back()->end.revision) {
    cuts.push_back(hub_.NextCut(*root, plan_, at, /*whole=*/bytes > kMaxReplayBytes));
    exact = exact && cuts.back()->exact;
    for (const EncodedMessage& message : cuts.back()->messages) bytes += message->size();
    if (!cuts.back()->messages.empty()) caught_up = cuts.back()->end.revision;
  }
  const v1::ResumeKind kind = exact ? v1::RESUME_KIND_EXACT : v1::RESUME_KIND_COALESCED;
  QueueCreated(*root, kind, caught_up, now);
  QueueAllFreshness(*root);
  for (const WatchHub::CutPtr& cut : cuts) Queue(*cut);
  return true;
}

std::optional<WatchSession::Step> WatchSession::Gap(Standing standing, absl::Time now) {
  if (standing == Standing::kOtherChain) {
    Log(LogLevel::kWarning, "watch.other_history",
        {{"revision", absl::StrCat(plan_.resume.position.revision)},
         {"client", plan_.client_id},
         {"effect", plan_.fail_on_gap ? "the stream is refused" : "the client starts anew"}});
  }
  const bool retry = standing == Standing::kAhead && hub_.is_replica();
  if (plan_.fail_on_gap || retry) return End(hub_.ErrorFor(standing, plan_.resume.position));
  const RootPtr root = hub_.root();
  cursor_ = PositionOf(*root);
  QueueCreated(*root, v1::RESUME_KIND_RESYNC, 0, now);
  QueueSnapshot(*root, ReasonFor(standing));
  return std::nullopt;
}

void WatchSession::QueueCreated(const Root& root, v1::ResumeKind kind, uint64_t caught_up,
                                absl::Time now) {
  begun_ = true;
  cursor_is_told_ = true;
  freshness_cursor_ = root.freshness_sequence;
  v1::WatchResponse response = AtCursor();
  v1::WatchCreated* created = response.mutable_created();
  created->set_resume(kind);
  created->set_caught_up_revision(caught_up);
  FillPosition(cursor_, created->mutable_position());
  *created->mutable_progress_interval() = modelref::ToProto(plan_.progress_interval);
  created->set_max_inline_bytes(static_cast<uint32_t>(plan_.max_inline_bytes));
  *created->mutable_max_age() = modelref::ToProto(ends_at_ - now);
  for (const std::string& name : plan_.watched.absent) created->add_absent(name);
  // Before its snapshot the client has nothing that could be continued.
  const bool has_state =
      plan_.start != WatchPlan::Start::kSnapshot && kind != v1::RESUME_KIND_RESYNC;
  if (has_state) response.set_resume_token(WatchHub::TokenFor(cursor_, plan_.watched));
  if (plan_.start == WatchPlan::Start::kResume) hub_.counters().Resumed(kind);
  parts_.push_back(Encode(response));
}

void WatchSession::QueueSnapshot(const Root& root, v1::SnapshotReason reason) {
  Queue(*hub_.Snapshot(root, plan_, reason));
  QueueAllFreshness(root);
}

void WatchSession::QueueAllFreshness(const Root& root) {
  freshness_cursor_ = root.freshness_sequence;
  for (const DocumentKey& key : plan_.watched.keys) {
    const DocumentState* state = root.Find(key);
    if (state != nullptr && state->freshness.stale()) QueueFreshness(*state);
  }
}

void WatchSession::QueueFreshness(const DocumentState& state) {
  v1::WatchResponse response = AtCursor();
  v1::Freshness* freshness = response.mutable_freshness();
  freshness->set_category(state.key.category);
  freshness->set_format(modelref::ToProto(state.key.format));
  freshness->set_stale(state.freshness.stale());
  if (state.freshness.stale()) {
    *freshness->mutable_since() = modelref::ToProto(state.freshness.since);
    freshness->set_cause(ToProto(state.freshness.cause));
    freshness->set_detail(Shown(state.freshness.detail));
  }
  parts_.push_back(Encode(response));
}

}  // namespace modelref
