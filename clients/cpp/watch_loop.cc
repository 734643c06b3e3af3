#include "clients/cpp/watch_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

// The longest silence that is waited for, whatever interval a server grants.
constexpr absl::Duration kMaxInterval = absl::Minutes(5);

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

// True when the request itself was refused, not the moment.
bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::string_view SyncStateName(SyncState state) {
  switch (state) {
    case SyncState::kStale:
      return "STALE";
    case SyncState::kSynced:
      return "SYNCED";
    case SyncState::kDegraded:
      return "DEGRADED";
  }
  return "";
}

WatchLoop::WatchLoop(v1::WatchRequest request, const WatchTiming& timing,
                     WatchEnvironment& environment, WatchObserver& observer)
    : timing_(timing),
      environment_(environment),
      observer_(observer),
      assembler_(std::move(request)),
      backoff_([this] { return environment_.Random(); }),
      silence_limit_(timing.silent_intervals * timing.interval),
      degrade_at_(environment.Now() + timing.degrade_after) {}

absl::Status WatchLoop::Run() {
  while (!environment_.Stopped()) {
    const WatchEnd end = RunStream();
    if (environment_.Stopped()) break;
    const absl::Duration delay = backoff_.NextDelay(end, environment_.Now());
    report_.attempt = backoff_.attempts();
    report_.last_error = end.status;
    if (report_.state == SyncState::kSynced) {
      SetState(SyncState::kStale);
    } else {
      observer_.OnStatus(report_);
    }
    if (environment_.Stopped()) break;
    if (!observer_.OnEnd(end, delay)) return end.status;
    WaitToReconnect(delay);
  }
  return absl::OkStatus();
}

WatchEnd WatchLoop::RunStream() {
  v1::WatchRequest request = assembler_.BeginStream();
  request.set_attempt(backoff_.attempts());
  drain_.reset();
  broken_ = false;
  created_at_ = absl::InfiniteFuture();
  silence_limit_ = timing_.silent_intervals * timing_.interval;
  backoff_.RecordOpen(environment_.Now());
  ++report_.streams;
  WatchEnd end;
  absl::StatusOr<std::unique_ptr<WatchStream>> stream = environment_.Open(request);
  end.status = stream.status();
  if (stream.ok()) {
    stream_ = *std::move(stream);
    end.status = ReadStream();
    stream_.reset();
  }
  if (broken_) ++report_.resyncs;
  end.starts_over = broken_ || (assembler_.resuming() && IsRefusal(end.status));
  if (end.starts_over) assembler_.ForgetPosition();
  end.healthy_for = std::max(absl::ZeroDuration(), environment_.Now() - created_at_);
  if (drain_.has_value()) {
    end.reconnect_min = FromProto(drain_->reconnect_after_min());
    end.reconnect_max = FromProto(drain_->reconnect_after_max());
  }
  return end;
}

absl::Status WatchLoop::ReadStream() {
  absl::Time silent_at = environment_.Now() + silence_limit_;
  while (!environment_.Stopped()) {
    const absl::Duration patience = std::min(silent_at, NextTimer()) - environment_.Now();
    auto message = stream_->Next(std::max(patience, absl::ZeroDuration()));
    if (environment_.Stopped()) break;
    absl::Status status;
    if (message.ok()) {
      if (!message->has_value()) return absl::OkStatus();
      status = Handle(std::move(**message));
      if (environment_.Stopped()) break;
      silent_at = environment_.Now() + silence_limit_;
    } else if (ReasonOf(message.status()) != "NO_MESSAGE") {
      return std::move(message).status();
    } else if (environment_.Now() >= silent_at) {
      return absl::UnavailableError("the stream is silent");
    }
    if (status.ok()) status = RunTimers();
    if (!status.ok()) {
      broken_ = true;
      return status;
    }
  }
  return absl::CancelledError("stopped");
}

absl::Status WatchLoop::Handle(v1::WatchResponse message) {
  observer_.OnMessage(message);
  if (environment_.Stopped()) return absl::OkStatus();
  const bool had_caught_up = CaughtUp();
  const v1::WatchResponse::BodyCase body = message.body_case();
  if (body == v1::WatchResponse::kFreshness || body == v1::WatchResponse::kDrain) {
    RETURN_IF_ERROR(assembler_.Take(message).status());
    if (body == v1::WatchResponse::kDrain) drain_ = message.drain();
    const bool news = message.has_freshness() && assembler_.TakeFreshness(message.freshness());
    if (news) observer_.OnFreshness(message.header(), message.freshness());
    return absl::OkStatus();
  }
  const v1::WatchCreated created = message.created();
  report_.node_id = message.header().node_id();
  ASSIGN_OR_RETURN(const std::optional<WatchCut> cut, assembler_.Take(std::move(message)));
  if (body == v1::WatchResponse::kCreated) HandleCreated(created);
  report_.epoch = assembler_.table().epoch();
  report_.revision = assembler_.table().revision();
  if (CaughtUp()) Confirm();
  if (cut.has_value()) TellCut(*cut);
  if (CaughtUp() && !had_caught_up && !environment_.Stopped()) SetState(SyncState::kSynced);
  return absl::OkStatus();
}

bool WatchLoop::CaughtUp() const {
  return assembler_.in_step() && assembler_.table().revision() >= caught_up_revision_;
}

void WatchLoop::HandleCreated(const v1::WatchCreated& created) {
  created_at_ = environment_.Now();
  caught_up_revision_ = created.caught_up_revision();
  const absl::Duration interval = FromProto(created.progress_interval());
  if (interval <= absl::ZeroDuration()) return;
  silence_limit_ = timing_.silent_intervals * std::min(interval, kMaxInterval);
}

void WatchLoop::TellCut(const WatchCut& cut) {
  if (cut.kind == WatchCut::Kind::kSnapshot) ++report_.snapshots;
  observer_.OnCut(cut, assembler_.table().documents());
  // What is stale follows a snapshot; the rest has become fresh.
  if (cut.kind == WatchCut::Kind::kSnapshot) return;
  for (const v1::Freshness& freshness : assembler_.TakeFresh()) {
    if (environment_.Stopped()) return;
    observer_.OnFreshness(cut.header, freshness);
  }
}

void WatchLoop::WaitToReconnect(absl::Duration delay) {
  const absl::Time until = environment_.Now() + delay;
  while (!environment_.Stopped() && environment_.Now() < until) {
    // Nothing that is due without a stream can find it broken.
    RunTimers().IgnoreError();
    const absl::Duration wait = std::min(until, NextTimer()) - environment_.Now();
    if (!environment_.Stopped() && wait > absl::ZeroDuration()) environment_.Sleep(wait);
  }
}

void WatchLoop::SetState(SyncState state) {
  const absl::Time now = environment_.Now();
  report_.state = state;
  switch (state) {
    case SyncState::kStale:
      degrade_at_ = now + timing_.degrade_after;
      break;
    case SyncState::kDegraded:
      // Servers that come back after an hour must not meet everybody's first poll at once.
      poll_at_ = now + Between(absl::ZeroDuration(), timing_.poll_min);
      break;
    case SyncState::kSynced:
      report_.last_error = absl::OkStatus();
      revalidate_at_ =
          now + Between(0.9 * timing_.revalidate_every, 1.1 * timing_.revalidate_every);
      awaited_revision_.reset();
      break;
  }
  observer_.OnStatus(report_);
}

absl::Duration WatchLoop::Between(absl::Duration least, absl::Duration most) {
  return least + environment_.Random() * (most - least);
}

}  // namespace modelref
