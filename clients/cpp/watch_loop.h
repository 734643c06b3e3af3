#pragma once

// What a watch does over its life: streams one after the other, what to do when none holds.
// Internal to clients/cpp and to programs that watch on their own thread.

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "clients/cpp/watch_assembler.h"
#include "clients/cpp/watch_backoff.h"
#include "clients/cpp/watch_status.h"
#include "clients/cpp/watch_stream.h"
#include "modelref/v1/reference.pb.h"

namespace modelref {

// What a loop needs from outside. All is called from the thread of Run().
class WatchEnvironment {
 public:
  virtual ~WatchEnvironment() = default;
  virtual absl::StatusOr<std::unique_ptr<WatchStream>> Open(const v1::WatchRequest& request) = 0;
  virtual absl::StatusOr<v1::GetHeadResponse> GetHead(const v1::GetHeadRequest& request) = 0;
  virtual absl::StatusOr<v1::ListCategoriesResponse> ListCategories(
      const v1::ListCategoriesRequest& request) = 0;
  // Waits; returns early when stopped. Stopping also ends the calls above and their streams.
  virtual void Sleep(absl::Duration duration) = 0;
  virtual bool Stopped() = 0;
  // Never set back.
  virtual absl::Time Now() = 0;
  virtual double Random() = 0;  // From [0, 1).
};

// What a loop tells, in order, from the thread of Run(). After any of these Stopped() is asked.
class WatchObserver {
 public:
  virtual ~WatchObserver() = default;
  // The state changed, or something else in the status that is worth telling.
  virtual void OnStatus(const WatchStatus& status) = 0;
  // Every message as it comes, before what follows from it.
  virtual void OnMessage(const v1::WatchResponse& message) = 0;
  // `documents` is the state after the cut.
  virtual void OnCut(const WatchCut& cut, const WatchedDocuments& documents) = 0;
  virtual void OnFreshness(const v1::ResponseHeader& header, const v1::Freshness& freshness) = 0;
  // A stream ended; the next one is opened after `delay`, or Run() returns when this is false.
  virtual bool OnEnd(const WatchEnd& end, absl::Duration delay) = 0;
};

// Single-threaded.
class WatchLoop {
 public:
  // The start of `request` is that of the first stream. Environment and observer must outlive this.
  WatchLoop(v1::WatchRequest request, const WatchTiming& timing, WatchEnvironment& environment,
            WatchObserver& observer);

  // Goes on until stopped (OK) or until the observer has enough (how the last stream ended).
  absl::Status Run();
  const WatchStatus& status() const { return report_; }
  // Ends the stream when a callback has destroyed what it runs on. Only from a callback, after the
  // environment was stopped.
  void Abandon() { stream_.reset(); }

 private:
  WatchEnd RunStream();
  // How the stream ended; sets broken_.
  absl::Status ReadStream();
  absl::Status Handle(v1::WatchResponse message);
  void HandleCreated(const v1::WatchCreated& created);
  // The state is held, with all that happened before the stream began.
  bool CaughtUp() const;
  void TellCut(const WatchCut& cut);
  void WaitToReconnect(absl::Duration delay);

  absl::Time NextTimer() const;
  // Does what is due. DATA_LOSS: the stream lies.
  absl::Status RunTimers();
  absl::Status Revalidate();
  void Poll();
  absl::Status PollListing();
  absl::StatusOr<std::vector<v1::WatchEvent>> List(v1::ResponseHeader* header);
  void SetState(SyncState state);
  void Confirm() { report_.confirmed = environment_.Now(); }
  absl::Duration Between(absl::Duration least, absl::Duration most);

  const WatchTiming timing_;
  WatchEnvironment& environment_;
  WatchObserver& observer_;
  WatchAssembler assembler_;
  WatchBackoff backoff_;
  WatchStatus report_;

  std::unique_ptr<WatchStream> stream_;
  std::optional<v1::Drain> drain_;
  absl::Time created_at_ = absl::InfiniteFuture();
  uint64_t caught_up_revision_ = 0;  // As Created says.
  absl::Duration silence_limit_;
  bool broken_ = false;

  absl::Time degrade_at_;     // While stale.
  absl::Time poll_at_;        // While degraded.
  absl::Time revalidate_at_;  // While synced.
  // The revision that GetHead has seen and the stream has not told yet, and how often.
  std::optional<uint64_t> awaited_revision_;
  int rechecks_ = 0;
};

}  // namespace modelref
