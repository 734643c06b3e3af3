#include "tests/bench/h2_client.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modelref::bench {
namespace {

constexpr double kPatienceSeconds = 60;
// Streams are opened this many at a time, so that the server's window for requests is not exceeded.
constexpr size_t kOpenAtOnce = 500;

uint64_t NanosOf(SteadyTime time) {
  return static_cast<uint64_t>(time.time_since_epoch() / std::chrono::nanoseconds(1));
}

}  // namespace

double SecondsSince(SteadyTime start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

H2Client::H2Client(const std::string& address, int connections, bool tls)
    : epoll_(epoll_create1(0)) {
  H2Connection::Sink* const sink = this;
  for (int i = 0; i < connections; ++i) {
    connections_.push_back(std::make_unique<H2Connection>(address, tls, sink));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connections_.back().get();
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_.back()->fd(), &event);
  }
}

H2Client::~H2Client() {
  connections_.clear();
  close(epoll_);
}

int H2Client::Poll(int millis) {
  epoll_event events[64];
  const int ready = epoll_wait(epoll_, events, 64, millis);
  for (int i = 0; i < ready; ++i) {
    read_at_ = SteadyClock::now();
    static_cast<H2Connection*>(events[i].data.ptr)->Read();
  }
  return ready;
}

void H2Client::OnMessage(uint64_t tag, absl::string_view message) {
  if (on_message_) on_message_(tag, message);
}

void H2Client::OnEnd(H2Connection& connection, uint64_t tag, const H2End& end) {
  if (on_end_) on_end_(connection, tag, end);
}

Answer H2Client::Call(const H2Request& request) {
  Answer answer;
  bool ended = false;
  // Streams that are open on the connections may bring messages of their own meanwhile.
  constexpr uint64_t kThisCall = ~uint64_t{0};
  on_message_ = [&](uint64_t tag, absl::string_view message) {
    if (tag == kThisCall) answer.messages.emplace_back(message);
  };
  on_end_ = [&](H2Connection&, uint64_t tag, const H2End& end) {
    if (tag != kThisCall) return;
    answer.end = end;
    ended = true;
  };
  connections_[0]->Start(request, kThisCall, true);
  connections_[0]->Flush();
  const SteadyTime start = SteadyClock::now();
  while (!ended) {
    Poll(1000);
    if (SecondsSince(start) > kPatienceSeconds) Die("no answer to " + request.path);
  }
  on_message_ = nullptr;
  on_end_ = nullptr;
  return answer;
}

void H2Client::Send(const H2Request& request) {
  Poll(0);
  connections_[0]->Start(request, 0, false);
  connections_[0]->Flush();
}

LoopResult H2Client::RunLoop(const std::vector<const H2Request*>& requests, int in_flight,
                             double seconds, bool latencies) {
  LoopResult result;
  size_t turn = 0;
  bool over = false;
  uint64_t open = 0;
  const auto start_one = [&](H2Connection& connection) {
    connection.Start(*requests[turn++ % requests.size()],
                     latencies ? NanosOf(SteadyClock::now()) : 0, false);
    ++open;
  };
  on_end_ = [&](H2Connection& connection, uint64_t tag, const H2End& end) {
    if (!end.ok) Die(absl::StrCat("a call of ", requests[0]->path, " failed"));
    --open;
    ++result.calls;
    if (latencies) result.micros.push_back(static_cast<double>(NanosOf(read_at_) - tag) / 1e3);
    if (over) return;
    ++result.in_time;
    start_one(connection);
  };
  const SteadyTime start = SteadyClock::now();
  for (const auto& connection : connections_) {
    for (int i = 0; i < in_flight; ++i) start_one(*connection);
    connection->Flush();
  }
  while (open > 0) {
    Poll(100);
    if (over || SecondsSince(start) < seconds) continue;
    over = true;
    result.seconds = SecondsSince(start);
  }
  on_end_ = nullptr;
  return result;
}

void H2Client::OpenStreams(const H2Request& request, size_t count,
                           const std::function<void(absl::string_view)>& on_message) {
  const size_t wanted = heard_.size() + count;
  on_message_ = [&](uint64_t tag, absl::string_view message) {
    if (on_message) on_message(message);
    if (heard_[tag]) return;
    heard_[tag] = true;
    --unheard_;
  };
  on_end_ = [&](H2Connection&, uint64_t, const H2End&) { Die("a stream ended as it opened"); };
  const SteadyTime start = SteadyClock::now();
  while (heard_.size() < wanted || unheard_ > 0) {
    while (heard_.size() < wanted && unheard_ < kOpenAtOnce) {
      H2Connection& connection = *connections_[heard_.size() % connections_.size()];
      connection.Start(request, heard_.size(), true);
      connection.Flush();
      heard_.push_back(false);
      ++unheard_;
    }
    Poll(1000);
    if (SecondsSince(start) > kPatienceSeconds) Die("streams do not open");
  }
  on_message_ = nullptr;
  on_end_ = nullptr;
}

std::vector<SteadyTime> H2Client::AwaitEvent(
    const std::function<void()>& start_event,
    const std::function<bool(absl::string_view)>& is_event) {
  std::vector<SteadyTime> arrivals;
  arrivals.reserve(heard_.size());
  std::fill(heard_.begin(), heard_.end(), false);
  std::string event;  // All streams get the same bytes, so that most need no look inside.
  on_message_ = [&](uint64_t tag, absl::string_view message) {
    if (heard_[tag]) return;
    if (message != event) {
      if (!is_event(message)) return;
      event = std::string(message);
    }
    heard_[tag] = true;
    arrivals.push_back(read_at_);
  };
  const SteadyTime start = SteadyClock::now();
  start_event();
  while (arrivals.size() < heard_.size()) {
    Poll(1000);
    if (SecondsSince(start) > kPatienceSeconds) {
      Die(absl::StrCat("only ", arrivals.size(), " of ", heard_.size(), " streams heard"));
    }
  }
  on_message_ = nullptr;
  return arrivals;
}

void H2Client::Drain() {
  while (Poll(0) > 0) {
  }
}

void H2Client::Idle(double seconds) {
  const SteadyTime start = SteadyClock::now();
  double left = seconds;
  while (left > 0) {
    Poll(static_cast<int>(left * 1e3) + 1);
    left = seconds - SecondsSince(start);
  }
}

}  // namespace modelref::bench
