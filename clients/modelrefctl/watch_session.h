#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/cpp/watch_loop.h"
#include "clients/modelrefctl/host.h"
#include "modelref/v1/watch.pb.h"

namespace modelref::ctl {

// One thing to tell about: a line of `watch`.
struct WatchLine {
  absl::string_view kind;  // event, freshness, drain; with bookmarks also the stream's own.
  const v1::ResponseHeader& header;
  const google::protobuf::Message& body;
  // On the last line of a cut: continues after it. Empty on the others, which are no place to go on
  // from.
  absl::string_view resume_token;
};

struct WatchOptions {
  v1::WatchRequest request;       // Filter, payload and, for a resume, the position.
  bool tell_snapshot = false;     // Tell the states the first stream begins with.
  bool tell_bookkeeping = false;  // Tell created, snapshot_begin, snapshot_end and bookmark too.
  std::optional<uint64_t> until_revision;
  std::optional<int64_t> event_count;
  absl::Duration timeout = absl::InfiniteDuration();
};

// How a session asks the server. What is not set fails with UNAVAILABLE.
struct WatchCalls {
  std::function<absl::StatusOr<std::unique_ptr<WatchStream>>(const v1::WatchRequest&)> open;
  std::function<absl::StatusOr<v1::GetHeadResponse>(const v1::GetHeadRequest&)> head;
  std::function<absl::StatusOr<v1::ListCategoriesResponse>(const v1::ListCategoriesRequest&)> list;
};

// True when another stream may succeed where this one ended.
bool MayReconnect(const absl::Status& status);

// A watch that goes on over broken connections, until it is told enough. Single-threaded.
//
// The first stream starts with a snapshot even when only changes are told: the etags it brings make
// it possible to notice what a server leaves out.
class WatchSession final : private WatchEnvironment, private WatchObserver {
 public:
  using Tell = std::function<absl::Status(const WatchLine&)>;
  using Note = std::function<void(absl::string_view)>;

  // `tell` gets every line, `note` sentences for the user about connections.
  WatchSession(WatchOptions options, Host& host, WatchCalls calls, Tell tell, Note note);

  // OK when the count, the revision or the time was reached.
  //   CANCELLED (InterruptedError)  the user asked to stop.
  //   otherwise                     the server refused, or was never reached; or `tell` failed.
  absl::Status Run();

  std::optional<uint64_t> last_revision() const { return last_revision_; }
  const std::string& epoch() const { return epoch_; }

 private:
  absl::StatusOr<std::unique_ptr<WatchStream>> Open(const v1::WatchRequest& request) override;
  absl::StatusOr<v1::GetHeadResponse> GetHead(const v1::GetHeadRequest& request) override;
  absl::StatusOr<v1::ListCategoriesResponse> ListCategories(
      const v1::ListCategoriesRequest& request) override;
  void Sleep(absl::Duration duration) override;
  bool Stopped() override;
  absl::Time Now() override { return clock_.TimeNow(); }
  double Random() override { return random_(); }

  void OnStatus(const WatchStatus& status) override;
  void OnMessage(const v1::WatchResponse& message) override;
  void OnCut(const WatchCut& cut, const WatchedDocuments& documents) override;
  void OnFreshness(const v1::ResponseHeader& header, const v1::Freshness& freshness) override;
  bool OnEnd(const WatchEnd& end, absl::Duration delay) override;

  void NoteCreated(const v1::ResponseHeader& header, const v1::WatchCreated& created);
  void NoteSnapshot(const v1::SnapshotBegin& begin);
  void TellEvents(const WatchCut& cut);
  // Nothing is told after `tell` has failed, or when there was enough.
  void TellOne(const WatchLine& line);
  void TellBookkeeping(absl::string_view kind, const v1::ResponseHeader& header,
                       const google::protobuf::Message& body, absl::string_view token = "");
  absl::Duration TimeLeft() const { return deadline_ - clock_.TimeNow(); }

  const WatchOptions options_;
  Host& host_;
  Clock& clock_;
  const WatchCalls calls_;
  const Tell tell_;
  const Note note_;
  const absl::Time deadline_;
  const std::function<double()> random_;
  bool ever_connected_ = false;
  bool first_snapshot_ = true;
  bool resumed_ = false;  // The stream was asked to continue from somewhere.
  bool done_ = false;
  absl::Status tell_status_;
  int64_t events_told_ = 0;
  std::optional<uint64_t> last_revision_;
  std::string epoch_;
  uint32_t attempt_ = 0;
  v1::SnapshotEnd snapshot_end_;  // As they came, for OnCut.
  v1::Bookmark bookmark_;
  WatchLoop loop_;  // Last: it uses the rest.
};

}  // namespace modelref::ctl
