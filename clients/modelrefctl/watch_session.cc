#include "clients/modelrefctl/watch_session.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "backends/base/error.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/proto_json.h"

namespace modelref::ctl {
namespace {

std::function<double()> RandomNumbers() {
  return [engine = std::mt19937_64(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(engine);
  };
}

// A stream that nobody waits for longer than the session has time.
class TimedStream final : public WatchStream {
 public:
  TimedStream(std::unique_ptr<WatchStream> stream, std::function<absl::Duration()> time_left)
      : stream_(std::move(stream)), time_left_(std::move(time_left)) {}

  absl::StatusOr<std::optional<v1::WatchResponse>> Next(absl::Duration timeout) override {
    return stream_->Next(std::max(absl::ZeroDuration(), std::min(timeout, time_left_())));
  }
  void Cancel() override { stream_->Cancel(); }

 private:
  const std::unique_ptr<WatchStream> stream_;
  const std::function<absl::Duration()> time_left_;
};

template <typename Response, typename Call, typename Request>
absl::StatusOr<Response> Ask(const Call& call, const Request& request) {
  if (call) return call(request);
  return absl::UnavailableError("nobody to ask");
}

}  // namespace

bool MayReconnect(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:  // By the server: it gave up on a slow reader.
    case absl::StatusCode::kInternal:   // A connection that broke inside a frame.
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kAborted:
      return true;
    case absl::StatusCode::kResourceExhausted:
      return ExtrasOf(status).retry_after.has_value();
    default:
      return false;
  }
}

WatchSession::WatchSession(WatchOptions options, Host& host, WatchCalls calls, Tell tell, Note note)
    : options_(std::move(options)),
      host_(host),
      clock_(MonotonicClock()),
      calls_(std::move(calls)),
      tell_(std::move(tell)),
      note_(std::move(note)),
      deadline_(clock_.TimeNow() + options_.timeout),
      random_(RandomNumbers()),
      loop_(options_.request, WatchTiming(), *this, *this) {}

absl::Status WatchSession::Run() {
  absl::Status status = loop_.Run();
  if (host_.interrupts->triggered()) return InterruptedError();
  return tell_status_.ok() ? status : tell_status_;
}

absl::StatusOr<std::unique_ptr<WatchStream>> WatchSession::Open(const v1::WatchRequest& request) {
  resumed_ = request.has_resume_token() || request.has_position();
  absl::StatusOr<std::unique_ptr<WatchStream>> stream = calls_.open(request);
  if (!stream.ok()) return stream;
  return std::unique_ptr<WatchStream>(
      std::make_unique<TimedStream>(*std::move(stream), [this] { return TimeLeft(); }));
}

absl::StatusOr<v1::GetHeadResponse> WatchSession::GetHead(const v1::GetHeadRequest& request) {
  return Ask<v1::GetHeadResponse>(calls_.head, request);
}

absl::StatusOr<v1::ListCategoriesResponse> WatchSession::ListCategories(
    const v1::ListCategoriesRequest& request) {
  return Ask<v1::ListCategoriesResponse>(calls_.list, request);
}

void WatchSession::Sleep(absl::Duration duration) {
  host_.interrupts->WaitFor(std::min(duration, TimeLeft()));
}

bool WatchSession::Stopped() {
  return done_ || !tell_status_.ok() || host_.interrupts->triggered() ||
         TimeLeft() <= absl::ZeroDuration();
}

void WatchSession::OnStatus(const WatchStatus& status) { attempt_ = status.attempt; }

bool WatchSession::OnEnd(const WatchEnd& end, absl::Duration delay) {
  if (!ever_connected_ && !end.status.ok()) return false;
  if (!end.starts_over && !MayReconnect(end.status)) return false;
  const std::string why = end.status.ok() ? std::string("the server ended the stream as planned")
                                          : std::string(end.status.message());
  note_(absl::StrFormat("%s; connecting again in %.1f s (attempt %d)", why,
                        absl::ToDoubleSeconds(delay), attempt_));
  return true;
}

void WatchSession::OnMessage(const v1::WatchResponse& message) {
  const v1::ResponseHeader& header = message.header();
  switch (message.body_case()) {
    case v1::WatchResponse::kCreated:
      NoteCreated(header, message.created());
      return TellBookkeeping("created", header, message.created());
    case v1::WatchResponse::kSnapshotBegin:
      NoteSnapshot(message.snapshot_begin());
      return TellBookkeeping("snapshot_begin", header, message.snapshot_begin());
    case v1::WatchResponse::kSnapshotEnd:
      snapshot_end_ = message.snapshot_end();
      break;
    case v1::WatchResponse::kBookmark:
      bookmark_ = message.bookmark();
      break;
    case v1::WatchResponse::kDrain:
      return TellOne({"drain", header, message.drain(), ""});
    default:
      break;
  }
}

void WatchSession::NoteCreated(const v1::ResponseHeader& header, const v1::WatchCreated& created) {
  if (ever_connected_) note_("connected again");
  if (ever_connected_ && header.epoch() != epoch_) {
    note_("the server has a new epoch: revisions start anew");
  }
  ever_connected_ = true;
  epoch_ = header.epoch();
  if (resumed_ && created.resume() != v1::RESUME_KIND_RESYNC) {
    last_revision_ = created.position().revision();
  }
  for (const std::string& absent : created.absent()) {
    note_(absl::StrCat("warning: there is no category \"", absent,
                       "\" at present; it will be told when it appears"));
  }
}

void WatchSession::NoteSnapshot(const v1::SnapshotBegin& begin) {
  if (!resumed_) return;
  note_(absl::StrCat("the server cannot continue from there (",
                     ShortEnumName("SNAPSHOT_REASON_", v1::SnapshotReason_Name(begin.reason())),
                     "): what differs from what is known is told instead"));
}

void WatchSession::OnCut(const WatchCut& cut, const WatchedDocuments&) {
  const bool silent = cut.kind == WatchCut::Kind::kSnapshot &&
                      std::exchange(first_snapshot_, false) && !options_.tell_snapshot;
  if (!silent) TellEvents(cut);
  if (cut.kind == WatchCut::Kind::kSnapshot) {
    TellBookkeeping("snapshot_end", cut.header, snapshot_end_, cut.resume_token);
  } else if (cut.kind == WatchCut::Kind::kBookmark) {
    TellBookkeeping("bookmark", cut.header, bookmark_, cut.resume_token);
  }
  last_revision_ = cut.header.revision();
  epoch_ = cut.header.epoch();
  if (options_.until_revision.has_value() && last_revision_ >= *options_.until_revision) {
    done_ = true;
  }
}

void WatchSession::TellEvents(const WatchCut& cut) {
  for (size_t i = 0; i < cut.events.size() && !done_; ++i) {
    const bool last = i + 1 == cut.events.size();
    TellOne({"event", cut.header, cut.events[i], last ? cut.resume_token : absl::string_view()});
    ++events_told_;
    if (options_.event_count.has_value() && events_told_ >= *options_.event_count) done_ = true;
  }
}

void WatchSession::OnFreshness(const v1::ResponseHeader& header, const v1::Freshness& freshness) {
  TellOne({"freshness", header, freshness, ""});
}

void WatchSession::TellOne(const WatchLine& line) {
  if (done_ || !tell_status_.ok()) return;
  tell_status_ = tell_(line);
}

void WatchSession::TellBookkeeping(absl::string_view kind, const v1::ResponseHeader& header,
                                   const google::protobuf::Message& body, absl::string_view token) {
  if (options_.tell_bookkeeping) TellOne({kind, header, body, token});
}

}  // namespace modelref::ctl
