#include "service/health_service.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr size_t kMaxServiceNameBytes = 200;

absl::Status CheckName(const std::string& service) {
  if (service.size() <= kMaxServiceNameBytes) return absl::OkStatus();
  ErrorExtras extras;
  extras.field_violations.push_back({"service", absl::StrCat("has ", service.size(), " bytes")});
  return Error(absl::StatusCode::kInvalidArgument, "SERVICE_NAME_TOO_LONG",
               absl::StrCat("a service name has at most ", kMaxServiceNameBytes, " bytes"),
               std::move(extras));
}

absl::StatusOr<HealthCheckResponse> Check(const HealthBoard& board,
                                          const HealthCheckRequest& request) {
  if (absl::Status named = CheckName(request.service()); !named.ok()) return named;
  HealthCheckResponse response;
  response.set_status(board.Get(request.service()));
  if (response.status() == HealthCheckResponse::SERVICE_UNKNOWN) {
    return Error(absl::StatusCode::kNotFound, "UNKNOWN_SERVICE",
                 absl::StrCat("no service \"", request.service(), "\" on this server"));
  }
  return response;
}

// Compares with what it last sent, so changes need no queue and the latest one wins.
class HealthWatch final : public StreamSource {
 public:
  HealthWatch(HealthBoard* board, std::string service, Waker waker)
      : board_(board),
        service_(std::move(service)),
        listener_(board->AddListener(service_, std::move(waker))) {}
  ~HealthWatch() override { board_->RemoveListener(listener_); }

  StreamStep Next(StreamPhase phase) override {
    const HealthBoard::Status status = board_->Get(service_);
    if (status != sent_) {
      HealthCheckResponse response;
      response.set_status(status);
      absl::StatusOr<grpc::ByteBuffer> bytes = SerializeMessage(response);
      if (!bytes.ok()) return EndStream{bytes.status()};
      sent_ = status;
      return SendMessage{*std::move(bytes)};
    }
    if (phase != StreamPhase::kStopping) return WaitForWake{};
    return EndStream{
        Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the server is shutting down")};
  }

 private:
  HealthBoard* const board_;
  const std::string service_;
  const HealthBoard::ListenerId listener_;
  std::optional<HealthBoard::Status> sent_;
};

}  // namespace

HealthBoard::HealthBoard() { services_[""] = false; }

void HealthBoard::SetLocked(const std::string& service, bool serving) {
  const auto [entry, added] = services_.try_emplace(service, serving);
  if (!added && entry->second == serving) return;
  entry->second = serving;
  for (const auto& [id, listener] : listeners_) {
    if (listener.service == service) listener.waker.Wake();
  }
}

void HealthBoard::Set(absl::string_view service, bool serving) {
  MutexLock lock(&mutex_);
  if (!closed_) SetLocked(std::string(service), serving);
}

void HealthBoard::SetAll(bool serving) {
  MutexLock lock(&mutex_);
  if (closed_) return;
  for (const auto& [service, unused] : services_) SetLocked(service, serving);
}

void HealthBoard::Close() {
  MutexLock lock(&mutex_);
  for (const auto& [service, unused] : services_) SetLocked(service, false);
  closed_ = true;
}

HealthBoard::Status HealthBoard::Get(absl::string_view service) const {
  MutexLock lock(&mutex_);
  const auto found = services_.find(std::string(service));
  if (found == services_.end()) return HealthCheckResponse::SERVICE_UNKNOWN;
  return found->second ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

std::map<std::string, bool> HealthBoard::Snapshot() const {
  MutexLock lock(&mutex_);
  return services_;
}

HealthBoard::ListenerId HealthBoard::AddListener(absl::string_view service, Waker waker) {
  MutexLock lock(&mutex_);
  const ListenerId id = next_listener_++;
  listeners_[id] = Listener{std::string(service), std::move(waker)};
  return id;
}

void HealthBoard::RemoveListener(ListenerId id) {
  MutexLock lock(&mutex_);
  listeners_.erase(id);
}

void RegisterHealthService(MethodTable* methods, HealthBoard* board) {
  methods->Unary<HealthCheckRequest, HealthCheckResponse>(
      "/grpc.health.v1.Health/Check",
      [board](const CallContext&, const HealthCheckRequest& request) {
        return Check(*board, request);
      });
  MethodOptions watch_options;
  watch_options.serve_while_draining = true;
  methods->ServerStream<HealthCheckRequest>(
      "/grpc.health.v1.Health/Watch",
      [board](const CallContext&, const HealthCheckRequest& request,
              Waker waker) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
        if (absl::Status named = CheckName(request.service()); !named.ok()) return named;
        return std::make_unique<HealthWatch>(board, request.service(), std::move(waker));
      },
      watch_options);
}

}  // namespace modelref
