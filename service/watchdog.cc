#include "service/watchdog.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/log.h"

namespace modelref {
namespace {

constexpr SteadyClock::duration kTick = std::chrono::milliseconds(500);
// Below the limit by this part memory is no longer short, so that it does not flutter.
constexpr double kEnough = 0.95;

SteadyTime After(SteadyTime now, absl::Duration wait) {
  return now + absl::ToChronoNanoseconds(std::min(wait, absl::Hours(24)));
}

}  // namespace

Watchdog::Watchdog(const Options& options, Hooks hooks)
    : options_(options), hooks_(std::move(hooks)), thread_([this] { Run(); }) {}

Watchdog::~Watchdog() { Stop(); }

void Watchdog::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stop_requested_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

Watchdog::Status Watchdog::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

void Watchdog::Run() {
  while (true) {
    const SteadyTime next = Tick(SteadyClock::now());
    MutexLock lock(&mutex_);
    SteadyClock::duration wait = std::min<SteadyClock::duration>(next - SteadyClock::now(), kTick);
    // What is due and cannot be done, such as feeding while probes fail, is looked at again.
    if (wait <= SteadyClock::duration::zero()) wait = kTick;
    if (!stopping_) stop_requested_.WaitFor(&mutex_, absl::FromChrono(wait));
    if (stopping_) return;
  }
}

SteadyTime Watchdog::Tick(SteadyTime now) {
  LookAtMemory();
  const bool probing = hooks_.probe != nullptr && options_.interval > absl::ZeroDuration();
  if (probing && now >= next_probe_) {
    Probe();
    next_probe_ = After(now, options_.interval);
  }
  const bool well = status().failure.ok();
  if (hooks_.feed != nullptr && well && now >= next_feed_) {
    hooks_.feed();
    next_feed_ = After(now, options_.feed_interval);
  }
  return probing ? std::min(next_probe_, next_feed_) : next_feed_;
}

void Watchdog::Probe() {
  const SteadyTime began = SteadyClock::now();
  const absl::Status result = hooks_.probe();
  const absl::Duration took = absl::FromChrono(SteadyClock::now() - began);
  int failing_for = 0;
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;  // The server may have stopped meanwhile.
    ++status_.probes;
    failing_for = status_.failing_for;
    status_.failing_for = result.ok() ? 0 : failing_for + 1;
    status_.failures += result.ok() ? 0 : 1;
    status_.failure = result;
    status_.last_took = took;
  }
  if (!result.ok()) {
    Log(LogLevel::kError, "self_probe.failed",
        {{"error", std::string(result.message())},
         {"milliseconds", absl::StrCat(absl::ToInt64Milliseconds(took))},
         {"in_a_row", absl::StrCat(failing_for + 1)}});
  } else if (failing_for > 0) {
    Log(LogLevel::kInfo, "self_probe.recovered", {{"failed", absl::StrCat(failing_for)}});
  }
}

void Watchdog::LookAtMemory() {
  if (options_.memory_limit_bytes == 0 || hooks_.memory_used == nullptr) return;
  const uint64_t used = hooks_.memory_used();
  const auto limit = static_cast<double>(options_.memory_limit_bytes);
  bool is_short = false;
  {
    MutexLock lock(&mutex_);
    const double threshold = status_.memory_short ? limit * kEnough : limit;
    is_short = static_cast<double>(used) > threshold;
    if (is_short == status_.memory_short) return;
    status_.memory_short = is_short;
  }
  hooks_.set_memory_short(is_short);
  Log(is_short ? LogLevel::kError : LogLevel::kInfo, is_short ? "memory.short" : "memory.enough",
      {{"used_bytes", absl::StrCat(used)},
       {"limit_bytes", absl::StrCat(options_.memory_limit_bytes)}});
}

}  // namespace modelref
