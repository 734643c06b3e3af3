#include "service/watch_service.h"

#include <optional>
#include <utility>

#include "backends/base/status_macros.h"
#include "service/rpc/bytes.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

class WatchStream final : public StreamSource {
 public:
  WatchStream(WatchHub& hub, WatchPlan plan, const WatchSession::Options& options, Clock& clock,
              Waker waker)
      : clock_(clock),
        session_(hub, std::move(plan), options, clock.TimeNow()),
        subscription_(hub, [waker = std::move(waker)] { waker.Wake(); }) {}

  StreamStep Next(StreamPhase phase) override {
    std::optional<v1::DrainReason> drain;
    if (phase != StreamPhase::kServing) drain = v1::DRAIN_REASON_SHUTDOWN;
    WatchSession::Step step = session_.Next(clock_.TimeNow(), drain);
    if (auto* message = std::get_if<EncodedMessage>(&step)) {
      return SendMessage{BytesOf(std::move(*message))};
    }
    if (const auto* idle = std::get_if<WatchSession::Idle>(&step)) return WaitForWake{idle->until};
    return EndStream{absl::OkStatus()};
  }

 private:
  Clock& clock_;
  WatchSession session_;
  WatchHub::Subscription subscription_;
};

// The longest age is spread, so that streams opened together do not come back together.
WatchSession::Options Spread(WatchSession::Options options, uint64_t seed) {
  options.max_age *= 0.8 + 0.4 * (static_cast<double>(seed % 1024) / 1024.0);
  return options;
}

}  // namespace

WatchService::WatchService(const Catalogue& catalogue, WatchHub& hub,
                           const WatchSession::Options& options)
    : catalogue_(catalogue), hub_(hub), options_(options) {}

void WatchService::Register(MethodTable* methods) {
  methods->Unary<v1::GetHeadRequest, v1::GetHeadResponse>(
      "/modelref.v1.WatchService/GetHead",
      [this](const CallContext&, const v1::GetHeadRequest& request) { return GetHead(request); });
  methods->ServerStream<v1::WatchRequest>(
      "/modelref.v1.WatchService/Watch",
      [this](const CallContext&, const v1::WatchRequest& request, Waker waker) {
        return Watch(request, std::move(waker));
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

absl::StatusOr<std::unique_ptr<StreamSource>> WatchService::Watch(const v1::WatchRequest& request,
                                                                  Waker waker) {
  ASSIGN_OR_RETURN(WatchPlan plan, PlanWatch(request, catalogue_.registry,
                                             catalogue_.canonical_format, hub_.node_id()));
  const uint64_t seed = hub_.statistics().sessions_total * 0x9E3779B97F4A7C15u >> 32;
  return std::unique_ptr<StreamSource>(std::make_unique<WatchStream>(
      hub_, std::move(plan), Spread(options_, seed), catalogue_.clock, std::move(waker)));
}

}  // namespace modelref
