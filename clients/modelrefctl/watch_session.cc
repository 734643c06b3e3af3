#include "clients/modelrefctl/watch_session.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/exit_codes.h"

namespace modelref::ctl {
namespace {

// Until Created says otherwise: the default progress interval of the server.
constexpr absl::Duration kDefaultInterval = absl::Seconds(20);
// A stream that is silent for so many intervals is dead.
constexpr int kSilentIntervals = 3;

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

std::function<double()> RandomNumbers() {
  return [engine = std::mt19937_64(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(engine);
  };
}

}  // namespace

WatchSession::WatchSession(WatchOptions options, Host& host, Open open, Tell tell, Note note)
    : options_(std::move(options)),
      host_(host),
      open_(std::move(open)),
      tell_(std::move(tell)),
      note_(std::move(note)),
      deadline_(host.clock->TimeNow() + options_.timeout),
      backoff_(RandomNumbers()) {}

absl::Status WatchSession::Run() {
  for (;;) {
    absl::StatusOr<StreamEnd> end = RunStream();
    if (host_.interrupts->triggered()) return InterruptedError();
    if (!end.ok()) return std::move(end).status();
    if (done_ || TimeLeft() <= absl::ZeroDuration()) return absl::OkStatus();
    const bool hopeless = !ever_connected_ && !end->status.ok();
    if (hopeless || !MayReconnect(end->status)) return end->status;
    WaitToReconnect(*end);
    if (host_.interrupts->triggered()) return InterruptedError();
    if (TimeLeft() <= absl::ZeroDuration()) return absl::OkStatus();
  }
}

absl::Duration WatchSession::TimeLeft() const { return deadline_ - host_.clock->TimeNow(); }

void WatchSession::WaitToReconnect(const StreamEnd& end) {
  const absl::Duration delay = backoff_.NextDelay(end);
  const std::string why = end.status.ok() ? std::string("the server ended the stream as planned")
                                          : std::string(end.status.message());
  note_(absl::StrFormat("%s; connecting again in %.1f s (attempt %d)", why,
                        absl::ToDoubleSeconds(delay), backoff_.attempts()));
  host_.interrupts->WaitFor(std::min(delay, TimeLeft()));
}

absl::Status WatchSession::OpenStream() {
  v1::WatchRequest request = options_.request;
  request.set_attempt(backoff_.attempts());
  const bool resume = request.has_position() && !ever_connected_;
  if (!resume) state_.FillKnown(request.mutable_snapshot());
  state_.ExpectFreshness();
  drain_.reset();
  silence_limit_ = kSilentIntervals * kDefaultInterval;
  connected_at_ = absl::InfiniteFuture();
  ASSIGN_OR_RETURN(stream_, open_(request));
  return absl::OkStatus();
}

absl::StatusOr<StreamEnd> WatchSession::RunStream() {
  RETURN_IF_ERROR(OpenStream());
  const InterruptListener listener(*host_.interrupts, [this] { stream_->Cancel(); });
  ASSIGN_OR_RETURN(StreamEnd end, ReadMessages());
  end.healthy_for = std::max(absl::ZeroDuration(), host_.clock->TimeNow() - connected_at_);
  if (drain_.has_value()) {
    end.reconnect_min = FromProto(drain_->reconnect_after_min());
    end.reconnect_max = FromProto(drain_->reconnect_after_max());
  }
  return end;
}

absl::StatusOr<StreamEnd> WatchSession::ReadMessages() {
  while (!done_) {
    const absl::Duration patience = std::min(silence_limit_, TimeLeft());
    auto message = stream_->Next(std::max(patience, absl::ZeroDuration()));
    if (ReasonOf(message.status()) == "NO_MESSAGE") {
      if (TimeLeft() <= absl::ZeroDuration()) return StreamEnd{};
      return StreamEnd{absl::UnavailableError("the stream is silent"), {}, {}, {}};
    }
    if (!message.ok()) return StreamEnd{message.status(), {}, {}, {}};
    if (!message->has_value()) return StreamEnd{};
    RETURN_IF_ERROR(Handle(**message));
  }
  return StreamEnd{};
}

absl::Status WatchSession::Handle(const v1::WatchResponse& message) {
  const v1::ResponseHeader& header = message.header();
  switch (message.body_case()) {
    case v1::WatchResponse::kCreated:
      return HandleCreated(header, message.created());
    case v1::WatchResponse::kSnapshotBegin:
      state_.BeginSnapshot();
      return TellBookkeeping("snapshot_begin", header, message.snapshot_begin());
    case v1::WatchResponse::kEvents:
      return HandleEvents(header, message.events());
    case v1::WatchResponse::kSnapshotEnd:
      return HandleSnapshotEnd(header, message.snapshot_end());
    case v1::WatchResponse::kBookmark:
      RETURN_IF_ERROR(TellFresh(header));
      RETURN_IF_ERROR(TellBookkeeping("bookmark", header, message.bookmark()));
      return CompleteCut(header);
    case v1::WatchResponse::kDrain:
      drain_ = message.drain();
      return tell_({"drain", header, message.drain()});
    case v1::WatchResponse::kFreshness:
      if (!state_.Apply(message.freshness())) return absl::OkStatus();
      return tell_({"freshness", header, message.freshness()});
    case v1::WatchResponse::BODY_NOT_SET:
      break;  // From a newer server; what it means to say is not for us.
  }
  return absl::OkStatus();
}

absl::Status WatchSession::HandleCreated(const v1::ResponseHeader& header,
                                         const v1::WatchCreated& created) {
  if (ever_connected_) note_("connected again");
  if (ever_connected_ && header.epoch() != epoch_) {
    note_("the server has a new epoch: revisions start anew");
  }
  ever_connected_ = true;
  connected_at_ = host_.clock->TimeNow();
  epoch_ = header.epoch();
  const absl::Duration interval = FromProto(created.progress_interval());
  if (interval > absl::ZeroDuration()) silence_limit_ = kSilentIntervals * interval;
  for (const std::string& absent : created.absent()) {
    note_(absl::StrCat("warning: there is no category \"", absent,
                       "\" at present; it will be told when it appears"));
  }
  return TellBookkeeping("created", header, created);
}

absl::Status WatchSession::HandleEvents(const v1::ResponseHeader& header,
                                        const v1::WatchEvents& events) {
  const bool silent = state_.in_snapshot() && first_snapshot_ && !options_.tell_snapshot;
  for (const v1::WatchEvent& event : events.events()) {
    const bool news = state_.Apply(event);
    if (news && !silent && !done_) RETURN_IF_ERROR(TellEvent(header, event));
  }
  if (state_.in_snapshot() || events.more()) return absl::OkStatus();
  RETURN_IF_ERROR(TellFresh(header));
  return CompleteCut(header);
}

absl::Status WatchSession::HandleSnapshotEnd(const v1::ResponseHeader& header,
                                             const v1::SnapshotEnd& end) {
  for (const v1::WatchEvent& event : state_.EndSnapshot(end)) {
    if (!done_) RETURN_IF_ERROR(TellEvent(header, event));
  }
  first_snapshot_ = false;
  RETURN_IF_ERROR(TellBookkeeping("snapshot_end", header, end));
  return CompleteCut(header);
}

absl::Status WatchSession::TellEvent(const v1::ResponseHeader& header,
                                     const v1::WatchEvent& event) {
  RETURN_IF_ERROR(tell_({"event", header, event}));
  ++events_told_;
  if (options_.event_count.has_value() && events_told_ >= *options_.event_count) done_ = true;
  return absl::OkStatus();
}

absl::Status WatchSession::TellFresh(const v1::ResponseHeader& header) {
  for (const v1::Freshness& freshness : state_.TakeFresh()) {
    RETURN_IF_ERROR(tell_({"freshness", header, freshness}));
  }
  return absl::OkStatus();
}

absl::Status WatchSession::TellBookkeeping(absl::string_view kind, const v1::ResponseHeader& header,
                                           const google::protobuf::Message& body) {
  return options_.tell_bookkeeping ? tell_({kind, header, body}) : absl::OkStatus();
}

absl::Status WatchSession::CompleteCut(const v1::ResponseHeader& header) {
  last_revision_ = header.revision();
  epoch_ = header.epoch();
  if (options_.until_revision.has_value() && last_revision_ >= *options_.until_revision) {
    done_ = true;
  }
  return absl::OkStatus();
}

}  // namespace modelref::ctl
