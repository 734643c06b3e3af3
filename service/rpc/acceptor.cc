#include "service/rpc/acceptor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/log.h"
#include "service/rpc/peer_address.h"

namespace modelref {
namespace {

constexpr std::memory_order kRelaxed = std::memory_order_relaxed;
// From one listener before the next one has its turn.
constexpr int kBatch = 16;
constexpr SteadyClock::duration kSweepInterval = std::chrono::seconds(5);
constexpr SteadyClock::duration kLogInterval = std::chrono::seconds(10);
constexpr SteadyClock::duration kShortagePause = std::chrono::milliseconds(10);
constexpr SteadyClock::duration kMemoryPause = std::chrono::milliseconds(100);
// So much of a second's connections may come at once.
constexpr double kBurstSeconds = 0.02;

UniqueFd OpenReserve() { return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

double SecondsOf(SteadyClock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

const char* RefusalName(RefusedConnection reason) {
  constexpr const char* kNames[kRefusedConnections] = {"connections", "connections_per_address",
                                                       "descriptors"};
  return kNames[static_cast<size_t>(reason)];
}

Acceptor::Acceptor(const Options& options)
    : options_(options),
      table_(options.limits),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      reserve_(OpenReserve()) {}

Acceptor::~Acceptor() { Stop(); }

void Acceptor::Add(ListenSocket socket, HandOn hand_on) {
  listeners_.push_back({std::move(socket), std::move(hand_on)});
}

void Acceptor::Start() {
  earned_ = SteadyClock::now();
  tokens_ = 1;
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  stopping_.store(true);
  const uint64_t one = 1;
  // A full counter wakes as well.
  if (write(wake_.get(), &one, sizeof(one)) < 0) errors_.fetch_add(1, kRelaxed);
  if (thread_.joinable()) thread_.join();
  listeners_.clear();
}

AcceptorStats Acceptor::Stats() const {
  AcceptorStats stats;
  stats.accepted = accepted_.load(kRelaxed);
  for (size_t i = 0; i < kRefusedConnections; ++i) stats.refused[i] = refused_[i].load(kRelaxed);
  stats.errors = errors_.load(kRelaxed);
  stats.open = open_.load(kRelaxed);
  stats.limit = options_.limits.connections;
  return stats;
}

void Acceptor::Run() {
  while (!stopping_.load()) {
    const SteadyTime now = SteadyClock::now();
    Earn(now);
    const bool accepting = tokens_ >= 1 && now >= paused_until_;
    std::vector<pollfd> watched = {{wake_.get(), POLLIN, 0}};
    for (const Listener& listener : listeners_) {
      if (accepting) watched.push_back({listener.socket.fd(), POLLIN, 0});
    }
    poll(watched.data(), watched.size(), WaitMillis(now));
    if (accepting) {
      for (size_t i = 0; i < listeners_.size(); ++i) {
        if (watched[i + 1].revents != 0) AcceptSome(listeners_[i]);
      }
    }
    if (SteadyClock::now() >= next_sweep_) {
      table_.Sweep(SteadyClock::now());
      next_sweep_ = SteadyClock::now() + kSweepInterval;
    }
    open_.store(table_.open(), kRelaxed);
  }
}

void Acceptor::Earn(SteadyTime now) {
  const double burst = std::max(1.0, options_.per_second * kBurstSeconds);
  tokens_ = std::min(burst, tokens_ + SecondsOf(now - earned_) * options_.per_second);
  earned_ = now;
}

int Acceptor::WaitMillis(SteadyTime now) const {
  SteadyClock::duration wait = next_sweep_ - now;
  if (now < paused_until_) {
    wait = std::min(wait, paused_until_ - now);
  } else if (tokens_ < 1) {
    wait = std::min<SteadyClock::duration>(wait, std::chrono::milliseconds(2));
  }
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  return static_cast<int>(std::clamp<int64_t>(millis + 1, 1, 5'000));
}

void Acceptor::AcceptSome(const Listener& listener) {
  for (int i = 0; i < kBatch && tokens_ >= 1; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    UniqueFd connection(accept4(listener.socket.fd(), reinterpret_cast<sockaddr*>(&peer), &size,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.valid()) {
      tokens_ -= 1;
      Take(listener, std::move(connection), peer);
    } else if (!AfterError(listener, errno)) {
      return;
    }
  }
}

void Acceptor::Take(const Listener& listener, UniqueFd connection, const sockaddr_storage& peer) {
  switch (table_.Admit(connection.get(), OriginOf(peer), SteadyClock::now())) {
    case ConnectionTable::Verdict::kTooMany:
      return Refuse(RefusedConnection::kTooMany);
    case ConnectionTable::Verdict::kTooManyOfOrigin:
      return Refuse(RefusedConnection::kTooManyOfOrigin);
    case ConnectionTable::Verdict::kAdmitted:
      break;
  }
  accepted_.fetch_add(1, kRelaxed);
  listener.hand_on(std::move(connection));
}

bool Acceptor::AfterError(const Listener& listener, int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return false;
  if (error == EMFILE || error == ENFILE) {
    DropOne(listener);
    paused_until_ = SteadyClock::now() + kShortagePause;
    return false;
  }
  if (error == EINTR) return true;
  errors_.fetch_add(1, kRelaxed);
  // What the peer did to its own connection (ECONNABORTED, EPROTO, ...) is no reason to wait.
  if (error != ENOMEM && error != ENOBUFS) return true;
  paused_until_ = SteadyClock::now() + kMemoryPause;
  return false;
}

void Acceptor::DropOne(const Listener& listener) {
  reserve_.Reset();
  UniqueFd unwanted(accept4(listener.socket.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  const bool dropped = unwanted.valid();
  unwanted.Reset();
  // Another thread may be quicker; the next shortage tries again to have one.
  reserve_ = OpenReserve();
  if (dropped) return Refuse(RefusedConnection::kDescriptors);
  errors_.fetch_add(1, kRelaxed);
}

void Acceptor::Refuse(RefusedConnection reason) {
  const auto index = static_cast<size_t>(reason);
  const uint64_t count = refused_[index].fetch_add(1, kRelaxed) + 1;
  const SteadyTime now = SteadyClock::now();
  if (now < next_log_[index]) return;
  next_log_[index] = now + kLogInterval;
  Log(LogLevel::kWarning, "connection.refused",
      {{"reason", RefusalName(reason)},
       {"refused_so_far", absl::StrCat(count)},
       {"open", absl::StrCat(table_.open())}});
}

}  // namespace modelref
