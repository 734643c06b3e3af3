#include "tests/bench/byte_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace modelref::bench {
namespace {

int ConnectTo(const std::string& address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1) {
    Die("not an address: " + address);
  }
  to.sin_port = htons(static_cast<uint16_t>(port));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    Die(absl::StrCat("cannot connect to ", address, ": ", std::strerror(errno)));
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

SSL* NewTls(int fd) {
  static SSL_CTX* const context = [] {
    constexpr unsigned char kHttp2[] = {2, 'h', '2'};
    SSL_CTX* const made = SSL_CTX_new(TLS_client_method());
    if (made == nullptr || SSL_CTX_set_alpn_protos(made, kHttp2, sizeof(kHttp2)) != 0) {
      Die("there is no TLS");
    }
    return made;
  }();
  SSL* const tls = SSL_new(context);
  if (tls == nullptr || SSL_set_fd(tls, fd) != 1) Die("there is no TLS");
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return tls;
}

}  // namespace

void Die(const std::string& why) {
  std::fprintf(stderr, "grpc_bench: %s\n", why.c_str());
  std::exit(1);
}

ByteSocket::ByteSocket(const std::string& address, bool tls)
    : address_(address), fd_(ConnectTo(address)) {
  if (!tls) return;
  tls_ = NewTls(fd_);
  int result = 0;
  while ((result = SSL_connect(tls_)) != 1) AwaitTls(result);
}

ByteSocket::~ByteSocket() {
  if (tls_ != nullptr) SSL_free(tls_);
  close(fd_);
}

void ByteSocket::AwaitTls(int result) {
  const int wanted = SSL_get_error(tls_, result);
  if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) {
    Die(address_ + " broke a TLS connection");
  }
  pollfd ready{};
  ready.fd = fd_;
  ready.events = wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
  poll(&ready, 1, -1);
}

void ByteSocket::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    if (tls_ != nullptr) {
      const int n = SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
      if (n <= 0) {
        AwaitTls(n);
      } else {
        bytes.remove_prefix(static_cast<size_t>(n));
      }
      continue;
    }
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR) Die(absl::StrCat(address_, " closed: ", std::strerror(errno)));
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
  }
}

size_t ByteSocket::Receive(char* data, size_t size) {
  if (tls_ != nullptr) return ReceiveTls(data, size);
  const ssize_t n = recv(fd_, data, size, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n <= 0) Die(address_ + " closed a connection");
  return static_cast<size_t>(n);
}

size_t ByteSocket::ReceiveTls(char* data, size_t size) {
  const int n = SSL_read(tls_, data, static_cast<int>(size));
  if (n > 0) return static_cast<size_t>(n);
  if (SSL_get_error(tls_, n) != SSL_ERROR_WANT_READ) Die(address_ + " closed a connection");
  return 0;
}

bool ByteSocket::holds_more() const { return tls_ != nullptr && SSL_pending(tls_) > 0; }

}  // namespace modelref::bench
