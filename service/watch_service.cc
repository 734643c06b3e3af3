#include "service/watch_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/hash/hash.h"
#include "backends/base/clock.h"
#include "backends/base/status_macros.h"
#include "service/admission.h"
#include "service/rpc/bytes.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

// A stream is told this long before its caller's credential ends, and may come back with another.
constexpr absl::Duration kTellOfExpiry = absl::Seconds(60);

// Streams count on the steady clock: a step of the wall clock must not silence or end them.
absl::Time SteadyNow() { return MonotonicClock().TimeNow(); }

class WatchStream final : public StreamSource {
 public:
  // `drain_at`: when to tell that the caller's credential is about to expire.
  WatchStream(WatchHub& hub, WatchPlan plan, const WatchSession::Options& options, Clock& clock,
              absl::Time drain_at, const Waker& waker, uint64_t connection)
      : clock_(clock),
        drain_at_(drain_at),
        session_(hub, std::move(plan), options, SteadyNow(), [waker] { waker.Wake(); }),
        subscription_(
            hub.changes(), [waker] { waker.Wake(); }, connection) {}

  StreamStep Next(StreamPhase phase) override {
    std::optional<v1::DrainReason> drain;
    if (phase != StreamPhase::kServing) drain = v1::DRAIN_REASON_SHUTDOWN;
    if (!drain.has_value() && clock_.TimeNow() >= drain_at_) {
      drain = v1::DRAIN_REASON_TOKEN_EXPIRING;
    }
    const absl::Time now = SteadyNow();
    WatchSession::Step step = session_.Next(now, drain);
    if (auto* message = std::get_if<EncodedMessage>(&step)) {
      return SendMessage{BytesOf(std::move(*message))};
    }
    if (const auto* idle = std::get_if<WatchSession::Idle>(&step)) {
      // The layer reads times by the server's clock.
      return WaitForWake{std::min(clock_.TimeNow() + (idle->until - now), drain_at_)};
    }
    return EndStream{std::get<WatchSession::Finished>(step).status};
  }

 private:
  Clock& clock_;
  const absl::Time drain_at_;
  WatchSession session_;
  ChangeSignal::Subscription subscription_;
};

// The longest age is spread, so that streams opened together do not come back together.
WatchSession::Options Spread(WatchSession::Options options, uint64_t number) {
  const uint64_t seed = number * 0x9E3779B97F4A7C15u >> 32;
  options.max_age *= 0.8 + 0.4 * (static_cast<double>(seed % 1024) / 1024.0);
  options.jitter_seed = seed;
  return options;
}

}  // namespace

WatchService::WatchService(const Catalogue& catalogue, WatchHub& hub, const Options& options)
    : catalogue_(catalogue), hub_(hub), options_(options) {}

void WatchService::Register(MethodTable* methods) {
  methods->Unary<v1::GetHeadRequest, v1::GetHeadResponse>(
      "/modelref.v1.WatchService/GetHead",
      [this](const CallContext&, const v1::GetHeadRequest& request) { return GetHead(request); });
  methods->ServerStream<v1::WatchRequest>(
      "/modelref.v1.WatchService/Watch",
      [this](const CallContext& context, const v1::WatchRequest& request, const Waker& waker) {
        return Watch(context, request, waker);
      });
}

absl::StatusOr<v1::GetHeadResponse> WatchService::GetHead(const v1::GetHeadRequest& request) {
  ASSIGN_OR_RETURN(const WatchedSet watched, ResolveFilter(request.filter(), catalogue_.registry,
                                                           catalogue_.canonical_format));
  const RootPtr root = hub_.root();
  v1::GetHeadResponse response;
  FillHeader(*root, hub_.node_id(), response.mutable_header());
  FillPosition(*root, response.mutable_position());
  response.set_digest(WatchedDigest(*root, watched));
  response.set_history_floor(catalogue_.store.history_floor());
  return response;
}

absl::StatusOr<std::unique_ptr<StreamSource>> WatchService::Watch(const CallContext& context,
                                                                  const v1::WatchRequest& request,
                                                                  const Waker& waker) {
  ASSIGN_OR_RETURN(WatchPlan plan,
                   PlanWatch(request, catalogue_.registry, catalogue_.canonical_format,
                             hub_.node_id(), options_.defaults));
  // A stream that begins within the last minute is not told, but ends when the credential does:
  // its client would only come back with the same one.
  absl::Time drain_at = CallerOf(context).expires - kTellOfExpiry;
  if (drain_at <= catalogue_.clock.TimeNow()) drain_at = absl::InfiniteFuture();
  // The streams of a connection are told one after the other: their messages meet on their way out,
  // and fewer calls of the system send them.
  return std::unique_ptr<StreamSource>(std::make_unique<WatchStream>(
      hub_, std::move(plan), Spread(options_.session, hub_.statistics().sessions_total),
      catalogue_.clock, drain_at, waker, absl::HashOf(context.peer())));
}

}  // namespace modelref
