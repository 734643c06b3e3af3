#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/cpp/watch_stream.h"
#include "clients/modelrefctl/host.h"
#include "clients/modelrefctl/watch_backoff.h"
#include "clients/modelrefctl/watch_state.h"
#include "modelref/v1/watch.pb.h"

namespace modelref::ctl {

// One thing to tell about: a line of `watch`.
struct WatchLine {
  absl::string_view kind;  // event, freshness, drain; with bookmarks also the stream's own.
  const v1::ResponseHeader& header;
  const google::protobuf::Message& body;
};

struct WatchOptions {
  v1::WatchRequest request;       // Filter, payload and, for a resume, the position.
  bool tell_snapshot = false;     // Tell the states the first stream begins with.
  bool tell_bookkeeping = false;  // Tell created, snapshot_begin, snapshot_end and bookmark too.
  std::optional<uint64_t> until_revision;
  std::optional<int64_t> event_count;
  absl::Duration timeout = absl::InfiniteDuration();
};

// A watch that goes on over broken connections, until it is told enough. Single-threaded.
//
// The first stream starts with a snapshot even when only changes are told: the etags it brings make
// it possible to tell after a reconnect what was missed, and nothing else.
class WatchSession {
 public:
  using Open = std::function<absl::StatusOr<std::unique_ptr<WatchStream>>(const v1::WatchRequest&)>;
  using Tell = std::function<absl::Status(const WatchLine&)>;
  using Note = std::function<void(absl::string_view)>;

  // `tell` gets every line, `note` sentences for the user about connections.
  WatchSession(WatchOptions options, Host& host, Open open, Tell tell, Note note);

  // OK when the count, the revision or the time was reached.
  //   CANCELLED (InterruptedError)  the user asked to stop.
  //   otherwise                     the server refused, or was never reached; or `tell` failed.
  absl::Status Run();

  uint64_t last_revision() const { return last_revision_; }
  const std::string& epoch() const { return epoch_; }

 private:
  absl::Status OpenStream();
  // Reads one stream to its end. An error means that the session ends.
  absl::StatusOr<StreamEnd> RunStream();
  absl::StatusOr<StreamEnd> ReadMessages();
  absl::Status Handle(const v1::WatchResponse& message);
  absl::Status HandleEvents(const v1::ResponseHeader& header, const v1::WatchEvents& events);
  absl::Status HandleSnapshotEnd(const v1::ResponseHeader& header, const v1::SnapshotEnd& end);
  absl::Status HandleCreated(const v1::ResponseHeader& header, const v1::WatchCreated& created);
  absl::Status TellEvent(const v1::ResponseHeader& header, const v1::WatchEvent& event);
  absl::Status TellFresh(const v1::ResponseHeader& header);
  absl::Status TellBookkeeping(absl::string_view kind, const v1::ResponseHeader& header,
                               const google::protobuf::Message& body);
  // A cut is complete: the state at the header's revision is known.
  absl::Status CompleteCut(const v1::ResponseHeader& header);
  absl::Duration TimeLeft() const;
  void WaitToReconnect(const StreamEnd& end);

  const WatchOptions options_;
  Host& host_;
  const Open open_;
  const Tell tell_;
  const Note note_;
  const absl::Time deadline_;
  WatchState state_;
  WatchBackoff backoff_;
  std::unique_ptr<WatchStream> stream_;
  bool ever_connected_ = false;
  bool first_snapshot_ = true;
  bool done_ = false;
  int64_t events_told_ = 0;
  uint64_t last_revision_ = 0;
  std::string epoch_;
  std::optional<v1::Drain> drain_;
  absl::Time connected_at_;
  absl::Duration silence_limit_;
};

}  // namespace modelref::ctl
