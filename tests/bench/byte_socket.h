#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

struct ssl_st;

namespace modelref::bench {

// A connected TCP socket, with TLS or without. Ends the process when the connection breaks.
class ByteSocket {
 public:
  // `address` is HOST:PORT with a numeric host. Blocks until connected. Whose certificate the
  // server has is not looked at.
  ByteSocket(const std::string& address, bool tls);
  ~ByteSocket();
  ByteSocket(const ByteSocket&) = delete;
  ByteSocket& operator=(const ByteSocket&) = delete;

  int fd() const { return fd_; }
  // Blocks until all of it is taken.
  void Send(absl::string_view bytes);
  // Reads up to `size` bytes of what there is; 0 when there is nothing.
  size_t Receive(char* data, size_t size);
  // Bytes were taken from the descriptor that Receive() has not given yet.
  bool holds_more() const;

 private:
  size_t ReceiveTls(char* data, size_t size);
  // Waits until TLS can go on after `result`.
  void AwaitTls(int result);

  const std::string address_;
  const int fd_;
  ssl_st* tls_ = nullptr;
};

// Prints why and ends the process: a measurement that went wrong has no result.
[[noreturn]] void Die(const std::string& why);

}  // namespace modelref::bench
