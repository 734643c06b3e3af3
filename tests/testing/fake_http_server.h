#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "backends/base/mutex.h"

namespace modelref::testing {

// What a peer does with a request.
struct HttpReply {
  std::string bytes;     // Sent as they are, head included; the connection is closed behind them.
  bool hold = false;     // Then nothing more, until the server ends.
  bool endless = false;  // Then zeros, until the peer has enough.
};

// "HTTP/1.1 200 OK" with the body and its length; `headers` are whole lines with their ends.
HttpReply HttpAnswer(int status, absl::string_view body, absl::string_view headers = "");

// An HTTP/1.1 server on a free port of 127.0.0.1 that does whatever a test wants, a request per
// connection and connections side by side.
class FakeHttpServer {
 public:
  // Called with the head of each request, from any thread.
  using Handler = std::function<HttpReply(const std::string& head)>;

  explicit FakeHttpServer(Handler handler);
  ~FakeHttpServer();
  FakeHttpServer(const FakeHttpServer&) = delete;
  FakeHttpServer& operator=(const FakeHttpServer&) = delete;

  // "http://127.0.0.1:<port>/"
  std::string url() const;
  int requests() const { return requests_.load(); }

 private:
  void Accept();
  void Serve(int connection);

  const Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> requests_{0};
  Mutex mutex_;
  std::vector<std::thread> connections_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace modelref::testing
