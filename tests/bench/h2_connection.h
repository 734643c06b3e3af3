#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/byte_socket.h"

namespace modelref::bench {

// What is asked: a gRPC call whose one request message is `body`, or a plain GET.
struct H2Request {
  std::string path;
  std::string body;
  bool get = false;        // No body and no gRPC headers.
  bool half_close = true;  // False for streams that the client keeps open.
  bool accept_gzip = false;
};

// How a stream ended.
struct H2End {
  bool ok = false;          // The answer had content and then trailers.
  bool compressed = false;  // Of the first message.
  size_t bytes = 0;         // Of all DATA frames.
};

// The client's side of one HTTP/2 connection, made to cost as little as possible: so
// that what is measured is the server. It does not decode header fields; an answer without content
// is taken for an error, which gRPC's are. Windows are opened as wide as the protocol allows.
// Single-threaded. Ends the process when the connection breaks.
class H2Connection {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    // One gRPC message of a stream that was started with `messages`. Valid during the call.
    virtual void OnMessage(uint64_t tag, absl::string_view message) = 0;
    virtual void OnEnd(H2Connection& connection, uint64_t tag, const H2End& end) = 0;
  };

  // `address` is HOST:PORT with a numeric host. Blocks until connected.
  H2Connection(const std::string& address, bool tls, Sink* sink);
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

  int fd() const { return socket_.fd(); }
  // Sent by the next Flush(). Requests are told apart by where they are: one that was started must
  // not change, and stay there as long as the connection.
  void Start(const H2Request& request, uint64_t tag, bool messages);
  void Flush();
  // Reads what there is and calls the sink, without blocking.
  void Read();
  size_t open_streams() const { return streams_.size(); }

 private:
  struct Stream {
    uint64_t tag = 0;
    bool messages = false;
    H2End end;
    std::string partial;
  };

  void AddFrameHead(size_t size, uint8_t type, uint8_t flags, uint32_t stream);
  void AddField(const std::string& name, const std::string& value, std::string* block);
  std::string HeaderBlock(const H2Request& request);
  void HandleFrames();
  size_t OneFrame(const char* data, size_t size);
  void OnFrame(uint8_t type, uint8_t flags, uint32_t id, absl::string_view payload);
  void OnData(uint32_t id, absl::string_view payload);
  void OnMessages(Stream* stream, absl::string_view payload);
  void OnEnd(uint32_t id, bool reset);

  const std::string address_;
  Sink* const sink_;
  ByteSocket socket_;
  uint32_t next_id_ = 1;
  std::string out_;
  std::string in_;
  size_t in_size_ = 0;
  uint64_t consumed_ = 0;  // Since the window of the connection was last widened.
  int64_t send_window_ = 65535;
  std::vector<std::pair<std::string, std::string>> header_table_;  // Oldest first.
  const H2Request* prepared_ = nullptr;  // The request whose frames, but for the stream, are below.
  std::string prepared_frames_;
  size_t prepared_data_ = 0;
  std::unordered_map<uint32_t, Stream> streams_;
};

}  // namespace modelref::bench
