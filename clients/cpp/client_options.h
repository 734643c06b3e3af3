#pragma once

// How a Client connects, identifies itself, waits and retries.

#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "backends/base/clock.h"

namespace modelref {

class Cancellation;

// A secret that identifies the caller. It travels as metadata and never appears in messages or
// logs.
struct Credential {
  enum class Kind { kNone, kBearer, kApiKey };
  Kind kind = Kind::kNone;
  std::string secret;
};

// TLS by PEM text. Empty root certificates mean the system's.
struct TlsOptions {
  std::string root_certificates;
  std::string certificate_chain;
  std::string private_key;
};

// When a call that failed with UNAVAILABLE is repeated: reads, and writes, which carry an id. Other
// calls that may have changed something never are.
struct RetryOptions {
  int max_attempts = 4;  // The first one included; 1 switches retries off.
  // The wait before retry n is uniform in [0, min(max_backoff, initial_backoff * 2^n)]. A RetryInfo
  // of the server is the least that is waited.
  absl::Duration initial_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(5);
  // Failures take one token each, successes give back `budget_refill`; a retry needs more than half
  // of the tokens. So a server that is down costs each client few retries, whatever its rate of
  // calls.
  double budget_tokens = 10;
  double budget_refill = 0.1;
  // Waits between attempts; null waits for real. For tests.
  std::function<void(absl::Duration)> wait;
};

struct ClientOptions {
  // host:port, [ipv6]:port or unix:/path.
  std::string address = "127.0.0.1:50051";
  Credential credential;
  // Without it a credential is only sent over TLS, to a unix socket or to a loopback address.
  bool allow_plaintext_credentials = false;
  std::optional<TlsOptions> tls;
  // Deadline of calls with one answer, retries included.
  absl::Duration call_timeout = absl::Seconds(10);
  // Deadline of the transfer of a document, resumed parts included. Watch streams have none.
  absl::Duration transfer_timeout = absl::Minutes(10);
  // With wait_for_ready, the first calls wait up to connect_timeout for a connection, within their
  // deadline. Without, a server that was never reached fails them at once.
  bool wait_for_ready = true;
  absl::Duration connect_timeout = absl::Seconds(5);
  // The largest document a fetch assembles in memory, and the largest record a stream joins.
  size_t max_document_bytes = size_t{512} << 20;
  size_t max_record_bytes = size_t{64} << 20;
  RetryOptions retry;
  // Begins the user agent, such as "modelrefctl/0.1.0".
  std::string user_agent = "modelref-cpp";
  Clock* clock = nullptr;  // Null: RealClock(). Must outlive the client.
};

// What one call may differ in.
struct CallOptions {
  // Replaces the default deadline. InfiniteDuration: none.
  std::optional<absl::Duration> timeout;
  // Ends the call early from another thread; must outlive the call and what it returns. Null: no.
  Cancellation* cancellation = nullptr;
};

}  // namespace modelref
