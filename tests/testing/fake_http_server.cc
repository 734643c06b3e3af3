#include "tests/testing/fake_http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace modelref::testing {
namespace {

constexpr int kLookMillis = 20;

// False when the peer does not want it any more.
bool SendAll(int connection, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

}  // namespace

HttpReply HttpAnswer(int status, absl::string_view body, absl::string_view headers) {
  return {absl::StrCat("HTTP/1.1 ", status, " Said\r\nContent-Length: ", body.size(),
                       "\r\nConnection: close\r\n", headers, "\r\n", body)};
}

FakeHttpServer::FakeHttpServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener_, plain, size), 0);
  EXPECT_EQ(listen(listener_, 128), 0);
  EXPECT_EQ(getsockname(listener_, plain, &size), 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeHttpServer::~FakeHttpServer() {
  stopping_ = true;
  acceptor_.join();
  std::vector<std::thread> connections;
  {
    MutexLock lock(&mutex_);
    connections.swap(connections_);
  }
  for (std::thread& connection : connections) connection.join();
  close(listener_);
}

std::string FakeHttpServer::url() const { return absl::StrCat("http://127.0.0.1:", port_, "/"); }

void FakeHttpServer::Accept() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kLookMillis) <= 0) continue;
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    MutexLock lock(&mutex_);
    connections_.emplace_back([this, connection] { Serve(connection); });
  }
}

void FakeHttpServer::Serve(int connection) {
  std::string head;
  char buffer[4096];
  while (!stopping_ && !absl::StrContains(head, "\r\n\r\n")) {
    pollfd waiting{connection, POLLIN, 0};
    if (poll(&waiting, 1, kLookMillis) == 0) continue;
    const ssize_t count = recv(connection, buffer, sizeof(buffer), 0);
    if (count <= 0) break;
    head.append(buffer, static_cast<size_t>(count));
  }
  if (absl::StrContains(head, "\r\n\r\n")) {
    ++requests_;
    const HttpReply reply = handler_(head);
    bool wanted = SendAll(connection, reply.bytes);
    const std::string zeros(sizeof(buffer), '0');
    while (reply.endless && wanted && !stopping_) wanted = SendAll(connection, zeros);
    while (reply.hold && !stopping_) poll(nullptr, 0, kLookMillis);
  }
  close(connection);
}

}  // namespace modelref::testing
