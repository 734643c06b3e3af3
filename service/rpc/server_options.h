#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "service/rpc/acceptor.h"
#include "service/rpc/admission.h"
#include "service/rpc/executor.h"

namespace grpc {
class ServerCredentials;
}

namespace modelref {

// Where to listen: "host:port", "[::1]:port" (port 0: any free one), "unix:/path", "systemd" or
// "systemd:name".
struct ListenAddress {
  std::string address;
  std::shared_ptr<grpc::ServerCredentials> credentials;  // Null: plain text.
};

struct KeepaliveOptions {
  absl::Duration time = absl::Seconds(60);     // A ping after this long without traffic...
  absl::Duration timeout = absl::Seconds(20);  // ...must be answered within this.
  // Clients that ping more often are sent away (GOAWAY too_many_pings) at the second strike.
  absl::Duration min_client_interval = absl::Seconds(20);
  // Connections end at this age (+- 10 %), their calls this much later; zero: never, which spares
  // gRPC a filter in the way of each call.
  absl::Duration max_connection_age;
  absl::Duration max_connection_age_grace = absl::Seconds(60);
  // For TLS and the first frame of HTTP/2.
  absl::Duration handshake_timeout = absl::Seconds(20);
};

struct RpcServerOptions {
  std::vector<ListenAddress> listen;
  Admission admission;  // Null admits every call.
  // Asked by RpcServer::ReviewStreams() and by uploads; null: rights do not end.
  StreamReview stream_review;
  // Calls that wait for the answer to a question of the admission hook; one more is
  // RESOURCE_EXHAUSTED OVERLOADED.
  int max_admissions_waiting = 1'000;

  // One thread each; 0 = half of the cores, at least two for unary calls and 16 for streams.
  int unary_queues = 0;
  int stream_queues = 0;
  Executor::Options executor;

  int max_receive_bytes = 4 << 20;
  // Larger unary answers and stream messages become RESOURCE_EXHAUSTED RESPONSE_TOO_LARGE; clients
  // of every language accept 4 MiB by default.
  int max_send_bytes = 4 << 20;
  // Calls with more metadata are RESOURCE_EXHAUSTED METADATA_TOO_LARGE. gRPC would end the whole
  // connection of the caller, so it is given four times as much.
  int max_metadata_bytes = 64 << 10;
  int max_streams_per_connection = 100;  // Calls of any kind; further ones wait in the client.
  // Open server streams of the process; one more is RESOURCE_EXHAUSTED STREAM_LIMIT.
  int max_streams = 50'000;
  // Connections of the process and of one address; further ones are closed as they are accepted.
  Acceptor::Options acceptor;
  mode_t unix_socket_mode = 0600;
  // What gRPC's buffers may take of memory; 0: any amount.
  size_t transport_memory_bytes = 0;
  KeepaliveOptions keepalive;

  // A message the peer's flow control has not accepted for this long counts as stalled, and after
  // the second time its call is cancelled.
  absl::Duration write_stalled_after = absl::Seconds(60);
  absl::Duration write_cancelled_after = absl::Minutes(5);
  // A call that sends many messages ends with ABORTED UPLOAD_STALLED when the next one takes
  // longer.
  absl::Duration upload_stalled_after = absl::Seconds(60);
  // Unary calls that take longer are logged and counted.
  absl::Duration slow_call = absl::InfiniteDuration();

  Clock* clock = &RealClock();  // Not owned.
};

}  // namespace modelref
