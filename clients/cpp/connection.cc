#include "clients/cpp/connection.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/error_codec.h"

namespace modelref {
namespace {

// How often a wait for a connection looks whether it was cancelled: gRPC cannot be told.
constexpr absl::Duration kCancellationCheck = absl::Milliseconds(100);

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const ClientOptions& options) {
  if (!options.tls.has_value()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = options.tls->root_certificates;
  ssl.pem_cert_chain = options.tls->certificate_chain;
  ssl.pem_private_key = options.tls->private_key;
  return grpc::SslCredentials(ssl);
}

grpc::ChannelArguments MakeArguments(const ClientOptions& options, const ServerAddress& address) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix(options.user_agent);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // gRPC waits 5 minutes between pings without data unless told otherwise, whatever the keepalive.
  arguments.SetInt(GRPC_ARG_HTTP2_MIN_SENT_PING_INTERVAL_WITHOUT_DATA_MS, 30'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 10'000);
  // Two clients of one process share nothing, as their options say.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A proxy of the environment cannot reach this machine's loopback addresses.
  if (address.local) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

absl::Status CheckCredential(const ClientOptions& options, const ServerAddress& address) {
  if (options.credential.kind == Credential::Kind::kNone) return absl::OkStatus();
  if (options.credential.secret.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "EMPTY_CREDENTIAL", "the credential is empty");
  }
  for (const char c : options.credential.secret) {
    if (c <= 0x20 || c >= 0x7F) {
      return Error(absl::StatusCode::kInvalidArgument, "BAD_CREDENTIAL",
                   "the credential holds a character that cannot be sent");
    }
  }
  if (address.local || options.tls.has_value() || options.allow_plaintext_credentials) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kFailedPrecondition, "PLAINTEXT_CREDENTIAL",
               absl::StrCat("refusing to send a credential in plain text to ", address.text,
                            ": use TLS, or allow it explicitly"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ClientOptions& options) {
  ASSIGN_OR_RETURN(ServerAddress address, ParseServerAddress(options.address));
  RETURN_IF_ERROR(CheckCredential(options, address));
  return absl::WrapUnique(new Connection(options, std::move(address)));
}

Connection::Connection(const ClientOptions& options, ServerAddress address)
    : options_(options),
      address_(std::move(address)),
      clock_(options.clock != nullptr ? options.clock : &RealClock()) {
  const std::shared_ptr<grpc::ChannelCredentials> credentials = MakeCredentials(options_);
  grpc::ChannelArguments arguments = MakeArguments(options_, address_);
  channel_ = grpc::CreateCustomChannel(address_.target, credentials, arguments);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  watch_channel_ = grpc::CreateCustomChannel(address_.target, credentials, arguments);
}

absl::Time Connection::Deadline(const CallOptions& call, absl::Duration fallback) const {
  return clock_->TimeNow() + call.timeout.value_or(fallback);
}

void Connection::Prepare(absl::Time deadline, grpc::ClientContext* context) const {
  if (deadline != absl::InfiniteFuture()) context->set_deadline(absl::ToChronoTime(deadline));
  switch (options_.credential.kind) {
    case Credential::Kind::kNone:
      break;
    case Credential::Kind::kBearer:
      context->AddMetadata("authorization", absl::StrCat("Bearer ", options_.credential.secret));
      break;
    case Credential::Kind::kApiKey:
      context->AddMetadata("apikey", options_.credential.secret);
      break;
  }
}

void Connection::AwaitReady(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline,
                            const Cancellation* cancellation) const {
  if (!options_.wait_for_ready || reached_.load()) return;
  AwaitConnected(channel, std::min(deadline, clock_->TimeNow() + options_.connect_timeout),
                 cancellation);
}

void Connection::AwaitConnected(const std::shared_ptr<grpc::Channel>& channel, absl::Time until,
                                const Cancellation* cancellation) const {
  if (cancellation == nullptr) {
    channel->WaitForConnected(absl::ToChronoTime(until));
    return;
  }
  absl::Time next = clock_->TimeNow();
  while (next < until && !cancellation->cancelled()) {
    next = std::min(until, next + kCancellationCheck);
    if (channel->WaitForConnected(absl::ToChronoTime(next))) return;
  }
}

void Connection::NoteWhetherReachable(const std::shared_ptr<grpc::Channel>& channel,
                                      absl::Time deadline, const Cancellation* cancellation) const {
  if (reached_.load()) return;
  grpc_connectivity_state state = channel->GetState(/*try_to_connect=*/true);
  while (state == GRPC_CHANNEL_IDLE || state == GRPC_CHANNEL_CONNECTING) {
    const absl::Time now = clock_->TimeNow();
    if (now >= deadline || (cancellation != nullptr && cancellation->cancelled())) return;
    const absl::Time next = std::min(deadline, now + kCancellationCheck);
    channel->WaitForStateChange(state, absl::ToChronoTime(next));
    state = channel->GetState(/*try_to_connect=*/true);
  }
  if (state == GRPC_CHANNEL_READY) reached_.store(true);
}

absl::Status Connection::Finished(const grpc::Status& status) const {
  absl::Status result = FromGrpcStatus(status);
  if (result.code() == absl::StatusCode::kDeadlineExceeded) return result;
  if (result.code() != absl::StatusCode::kUnavailable) {
    reached_.store(true);
    return result;
  }
  // A status with details was written by the server, one without by the transport.
  if (!status.error_details().empty()) {
    reached_.store(true);
    return result;
  }
  return Annotated(result, absl::StrCat("no answer from ", address_.text));
}

}  // namespace modelref
