#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modelref {

struct HttpRequest {
  std::string url;  // http or https, without user and password.
  // Name and value of each; they may be secret and never reach logs, messages or a proxy.
  std::vector<std::pair<std::string, std::string>> headers;
  absl::Duration timeout = absl::Seconds(10);  // Of all of it.
  size_t max_bytes = 1 << 20;                  // Of the answer's body.
};

struct HttpResponse {
  int status = 0;  // Whatever the server said, 3xx included: redirects are not followed.
  std::string body;
  std::optional<absl::Duration> retry_after;  // Where the server gave seconds.
};

//   DEADLINE_EXCEEDED   not whole within the time.
//   UNAVAILABLE         no connection, TLS did not verify, or the answer was cut; or Stop().
//   RESOURCE_EXHAUSTED  a larger body.
//   INVALID_ARGUMENT    a url or header that cannot be sent.
// Messages name the host and nothing else of the request.
using HttpCallback = std::function<void(absl::StatusOr<HttpResponse>)>;

// GET over HTTP/1.1 and HTTP/2 by libcurl, many at a time, on one thread of its own. Certificates
// are verified; the proxies of the environment are used but for this machine's addresses.
// Thread-safe.
class HttpClient {
 public:
  struct Options {
    std::string user_agent = "modelref";
    absl::Duration connect_timeout = absl::Seconds(5);
    long connections_per_host = 16;
    std::string ca_file;  // PEM. Empty: the system's authorities.
  };

  explicit HttpClient(Options options);
  // Stops.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `done` is called once: on the client's thread, where it must be quick and may call Get(), or
  // before Get() returns.
  void Get(HttpRequest request, HttpCallback done);

  // Ends what is under way with UNAVAILABLE and joins the thread. Idempotent; not to be called from
  // a callback.
  void Stop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

// The host of a url, as messages name it: "aihorde.net:443" without a port is "aihorde.net".
// INVALID_ARGUMENT for anything but an http or https url without user and password.
absl::StatusOr<std::string> HostOfUrl(absl::string_view url);
// Whether what is sent there can be read by nobody else: https, or an address of this machine.
absl::StatusOr<bool> IsPrivateUrl(absl::string_view url);

}  // namespace modelref
