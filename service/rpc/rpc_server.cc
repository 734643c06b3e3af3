#include "service/rpc/rpc_server.h"

#include <grpc/grpc.h>
#include <grpc/support/time.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/rpc/acceptor.h"
#include "service/rpc/listen_address.h"
#include "service/rpc/listen_socket.h"
#include "service/rpc/server_state.h"
#include "service/rpc/stream_queue.h"
#include "service/rpc/unary_call.h"
#include "service/rpc/upload_call.h"

namespace modelref {
namespace {

// How long peers without a call have to see that the server goes.
constexpr absl::Duration kFarewell = absl::Milliseconds(400);
constexpr absl::Duration kLook = absl::Milliseconds(10);

// Linking gRPC's reflection library puts its service into every server of the process; ours serves
// what is registered and nothing else.
class NoPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

// gRPC 1.51 ends a connection, with all its other calls, when one call has more metadata than it
// accepts; a proxy may share one connection between many callers.
constexpr int kTransportMetadataFactor = 4;

// A completion costs Debian's gRPC a look at each outstanding operation of its queue, of which
// every open stream is one: sixteen tell ten thousand streams of an event for a tenth less of
// processor time than four, and on a busy machine in half the time.
constexpr int kLeastStreamQueues = 16;

// One reads and parses while the other answers: with two cores a third more calls than one.
constexpr int kLeastUnaryQueues = 2;

// Requests for streams of a method that go round the queues.
constexpr size_t kPostedStreams = 4;

int QueueCount(int wanted, int least) {
  if (wanted > 0) return wanted;
  return std::max(least, static_cast<int>(std::thread::hardware_concurrency()) / 2);
}

int Millis(absl::Duration duration) {
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 1, INT_MAX));
}

SteadyClock::duration ToSteady(absl::Duration duration) {
  // Ten years is as good as for ever and cannot overflow when added to now.
  return absl::ToChronoNanoseconds(std::min(duration, absl::Hours(24 * 3650)));
}

void SetArguments(const RpcServerOptions& options, grpc::ServerBuilder* builder) {
  const KeepaliveOptions& keepalive = options.keepalive;
  builder->SetOption(std::make_unique<NoPlugins>());
  builder->SetMaxReceiveMessageSize(options.max_receive_bytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                              kTransportMetadataFactor * options.max_metadata_bytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
  // Peers that connect and say nothing are gone after this.
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                              Millis(keepalive.handshake_timeout));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Millis(keepalive.time));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(keepalive.timeout));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              Millis(keepalive.min_client_interval));
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  if (keepalive.max_connection_age > absl::ZeroDuration()) {
    builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                                Millis(keepalive.max_connection_age));
    builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                                Millis(keepalive.max_connection_age_grace));
  }
  if (options.transport_memory_bytes == 0) return;
  grpc::ResourceQuota quota("modelref");
  quota.Resize(options.transport_memory_bytes);
  builder->SetResourceQuota(quota);
}

}  // namespace

class RpcServer::Impl {
 public:
  explicit Impl(RpcServerOptions options)
      : options_(std::move(options)), executor_(options_.executor), acceptor_(options_.acceptor) {
    state_.options = &options_;
    state_.executor = &executor_;
  }

  absl::Status Start();
  void BeginDrain(absl::Duration spread);
  bool AwaitDrained(absl::Duration patience);
  void SetMemoryShort(bool is_short);
  void ReviewStreams();
  void Shutdown(absl::Duration grace);
  RpcServerStats Stats() const;

  const RpcServerOptions options_;
  MethodTable table_;
  Executor executor_;
  std::vector<int> ports_;              // Of each entry of options.listen.
  std::vector<std::string> addresses_;  // More of them when systemd passed several sockets.
  Acceptor acceptor_;

 private:
  void MakeMethods();
  void MakeQueues(grpc::ServerBuilder* builder);
  absl::Status Listen(grpc::ServerBuilder* builder);
  void PostRequests();
  void ShutdownServer(absl::Duration grace);

  ServerState state_;
  SteadyTime drained_at_;  // When every stream has been told to drain.
  std::vector<std::unique_ptr<Method>> methods_;
  std::vector<std::unique_ptr<Queue>> unary_queues_;
  std::vector<std::unique_ptr<StreamQueue>> stream_queues_;
  // Declared last: a server must be gone before its queues.
  std::unique_ptr<grpc::Server> server_;
};

absl::Status RpcServer::Impl::Start() {
  grpc::ServerBuilder builder;
  if (const absl::Status listening = Listen(&builder); !listening.ok()) {
    acceptor_.Stop();
    return listening;
  }
  SetArguments(options_, &builder);
  MakeMethods();
  builder.RegisterService(&state_.service);
  MakeQueues(&builder);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return Error(absl::StatusCode::kUnavailable, "LISTEN_FAILED",
                 "gRPC cannot serve; its log line says why");
  }
  PostRequests();
  for (const auto& queue : unary_queues_) queue->Start();
  for (const auto& queue : stream_queues_) queue->queue().Start();
  acceptor_.Start();
  return absl::OkStatus();
}

void RpcServer::Impl::MakeMethods() {
  table_.Freeze();
  for (const MethodEntry& entry : table_.entries()) {
    auto& method = methods_.emplace_back(std::make_unique<Method>());
    method->entry = &entry;
    method->index = static_cast<int>(methods_.size()) - 1;
    if (entry.unary != nullptr) {
      state_.service.AddUnary(entry.method.c_str());
    } else if (entry.stream != nullptr) {
      state_.service.AddStream(entry.method.c_str());
    } else {
      state_.service.AddUpload(entry.method.c_str());
    }
  }
}

void RpcServer::Impl::MakeQueues(grpc::ServerBuilder* builder) {
  const OutboundWrites::Limits limits{ToSteady(options_.write_stalled_after),
                                      ToSteady(options_.write_cancelled_after)};
  for (int i = 0; i < QueueCount(options_.unary_queues, kLeastUnaryQueues); ++i) {
    unary_queues_.push_back(
        std::make_unique<Queue>(builder->AddCompletionQueue(), limits, &state_.write_gauges));
  }
  // Connections belong to the unary queues: a call is looked for beginning at the queue of its
  // connection, and each queue that has no request for it costs.
  constexpr bool kListens = false;
  for (int i = 0; i < QueueCount(options_.stream_queues, kLeastStreamQueues); ++i) {
    stream_queues_.push_back(std::make_unique<StreamQueue>(std::make_unique<Queue>(
        builder->AddCompletionQueue(kListens), limits, &state_.write_gauges)));
  }
  for (size_t i = 0; i < stream_queues_.size(); ++i) {
    stream_queues_[i]->SetNext(stream_queues_[(i + 1) % stream_queues_.size()].get());
  }
}

absl::Status RpcServer::Impl::Listen(grpc::ServerBuilder* builder) {
  if (options_.listen.empty()) {
    return AddressInvalid("", "no address to listen on is configured");
  }
  ListenSocketOptions socket_options;
  socket_options.unix_mode = options_.unix_socket_mode;
  socket_options.unacknowledged_for = options_.keepalive.timeout;
  for (const ListenAddress& listen : options_.listen) {
    ASSIGN_OR_RETURN(std::vector<ListenSocket> sockets,
                     OpenListenSockets(listen.address, socket_options));
    std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor> door =
        builder->experimental().AddExternalConnectionAcceptor(
            grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
            listen.credentials != nullptr ? listen.credentials : grpc::InsecureServerCredentials());
    ports_.push_back(sockets.front().port());
    addresses_.push_back(sockets.front().address());
    for (size_t i = 0; i < sockets.size(); ++i) {
      // The addresses of a name share the port and are one entry.
      if (i > 0 && IsSystemdAddress(listen.address)) addresses_.push_back(sockets[i].address());
      acceptor_.Add(std::move(sockets[i]), [door](UniqueFd connection) {
        grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
        parameters.fd = connection.Release();
        door->HandleNewConnection(&parameters);
      });
    }
  }
  return absl::OkStatus();
}

void RpcServer::Impl::PostRequests() {
  for (const auto& method : methods_) {
    for (int i = 0; i < method->entry->options.posted_requests; ++i) {
      if (method->entry->unary != nullptr) {
        for (const auto& queue : unary_queues_) UnaryCall::Post(method.get(), &state_, queue.get());
      } else if (method->entry->stream != nullptr) {
        // One for all queues would let each stream wait until the one before it has begun.
        for (size_t queue = 0; queue < std::min(kPostedStreams, stream_queues_.size()); ++queue) {
          stream_queues_[queue]->Post(method.get(), &state_);
        }
      } else {
        for (const auto& queue : unary_queues_) {
          UploadCall::Post(method.get(), &state_, queue.get());
        }
      }
    }
  }
}

void RpcServer::Impl::BeginDrain(absl::Duration spread) {
  if (server_ == nullptr || state_.draining.exchange(true)) return;
  drained_at_ = SteadyClock::now() + ToSteady(spread);
  for (const auto& queue : stream_queues_) queue->BeginDrain(ToSteady(spread));
}

// gRPC waits until every peer has closed its connection. A C++ client that has no call under way
// looks at its connection every 5 s only, and has to see two messages.
void RpcServer::Impl::ShutdownServer(absl::Duration grace) {
  std::atomic<bool> ended{false};
  std::thread cutter([this, &ended] {
    for (absl::Duration quiet; !ended && quiet < kFarewell; quiet += kLook) {
      if (state_.calls_open.load(std::memory_order_relaxed) > 0) quiet = absl::ZeroDuration();
      Pause(kLook);
    }
    for (; !ended; Pause(kLook)) grpc_server_cancel_all_calls(server_->c_server());
  });
  const int64_t grace_nanos = absl::ToInt64Nanoseconds(std::min(grace, absl::Hours(24)));
  server_->Shutdown(
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(grace_nanos, GPR_TIMESPAN)));
  ended = true;
  cutter.join();
}

bool RpcServer::Impl::AwaitDrained(absl::Duration patience) {
  const SteadyTime end = SteadyClock::now() + ToSteady(patience);
  MutexLock lock(&state_.drained_mutex);
  while (state_.streams_to_drain.load() > 0) {
    const SteadyClock::duration left = end - SteadyClock::now();
    if (left <= SteadyClock::duration::zero()) return false;
    state_.drained.WaitFor(&state_.drained_mutex, absl::FromChrono(left));
  }
  return true;
}

void RpcServer::Impl::SetMemoryShort(bool is_short) {
  state_.memory_short.store(is_short, std::memory_order_relaxed);
}

void RpcServer::Impl::ReviewStreams() {
  if (options_.stream_review == nullptr) return;
  for (const auto& queue : stream_queues_) queue->Review();
}

void RpcServer::Impl::Shutdown(absl::Duration grace) {
  // What is handed to gRPC later would never be closed.
  acceptor_.Stop();
  if (server_ == nullptr) {
    executor_.Shutdown();
    return;
  }
  BeginDrain(absl::ZeroDuration());
  const SteadyTime begun = SteadyClock::now();
  const SteadyTime end = begun + ToSteady(grace);
  AwaitDrained(absl::FromChrono(std::min(drained_at_, end) - begun));
  for (const auto& queue : unary_queues_) queue->mailbox()->SetStopping();
  for (const auto& queue : stream_queues_) queue->Stop();
  ShutdownServer(std::max(absl::FromChrono(end - SteadyClock::now()), absl::ZeroDuration()));
  // Its threads answer calls, so the queues must still run while they end.
  executor_.Shutdown();
  for (const auto& queue : unary_queues_) queue->Close();
  for (const auto& queue : stream_queues_) queue->queue().Close();
  for (const auto& queue : unary_queues_) queue->Join();
  for (const auto& queue : stream_queues_) queue->queue().Join();
  server_.reset();
}

RpcServerStats RpcServer::Impl::Stats() const {
  constexpr std::memory_order kRelaxed = std::memory_order_relaxed;
  RpcServerStats stats;
  for (const auto& method : methods_) {
    MethodStats& method_stats = stats.methods.emplace_back(method->counters.Snapshot());
    method_stats.method = method->entry->method;
    method_stats.streaming = method->entry->unary == nullptr;
  }
  stats.streams_open = state_.streams_open.load(kRelaxed);
  stats.admissions_waiting = state_.admissions_waiting.load(kRelaxed);
  stats.streams_revoked = state_.streams_revoked.load(kRelaxed);
  stats.writes_stalled = state_.write_gauges.stalled.load(kRelaxed);
  stats.writes_cancelled = state_.write_gauges.cancelled.load(kRelaxed);
  stats.streams_refused = state_.streams_refused.load(kRelaxed);
  stats.calls_not_admitted = state_.calls_not_admitted.load(kRelaxed);
  stats.executor_queued = executor_.queued();
  stats.slow_calls = state_.slow_calls.load(kRelaxed);
  stats.memory_refusals = state_.memory_refusals.load(kRelaxed);
  stats.connections = acceptor_.Stats();
  return stats;
}

RpcServer::RpcServer(RpcServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

RpcServer::~RpcServer() { impl_->Shutdown(absl::ZeroDuration()); }

MethodTable& RpcServer::methods() { return impl_->table_; }

Executor& RpcServer::executor() { return impl_->executor_; }

absl::Status RpcServer::Start() { return impl_->Start(); }

std::vector<std::string> RpcServer::addresses() const { return impl_->addresses_; }

int RpcServer::port(size_t index) const {
  return index < impl_->ports_.size() ? impl_->ports_[index] : 0;
}

void RpcServer::BeginDrain(absl::Duration spread) { impl_->BeginDrain(spread); }

void RpcServer::SetMemoryShort(bool is_short) { impl_->SetMemoryShort(is_short); }

void RpcServer::ReviewStreams() { impl_->ReviewStreams(); }

bool RpcServer::AwaitDrained(absl::Duration patience) { return impl_->AwaitDrained(patience); }

void RpcServer::Shutdown(absl::Duration grace) { impl_->Shutdown(grace); }

RpcServerStats RpcServer::Stats() const { return impl_->Stats(); }

}  // namespace modelref
