#include "backends/base/failpoint.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/log.h"
#include "backends/base/mutex.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace failpoint_internal {

std::atomic<int> g_armed{0};

}  // namespace failpoint_internal

namespace {

constexpr char kEveryPoint[] = "*";
constexpr int64_t kNoEnd = std::numeric_limits<int64_t>::max();

struct Point;
// What a hit of `name` does. `point` is the armed one, which may be that of every point.
using Action = std::function<absl::Status(const Point& point, absl::string_view name)>;

struct Point {
  Action action;
  int64_t first_hit = 1;
  int64_t last_hit = kNoEnd;
  int64_t hits = 0;
  int running = 0;
  bool is_armed = true;
};

// The armed points by name. An action runs without the lock.
class Registry {
 public:
  static Registry& Get() {
    static auto* const registry = new Registry;
    return *registry;
  }

  void Arm(const std::string& name, std::shared_ptr<Point> point) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    DisarmLocked(name);
    points_[name] = std::move(point);
    CountLocked();
  }

  // Returns when no action of the point runs any more.
  void Disarm(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    DisarmLocked(name);
    CountLocked();
  }

  void DisarmAll() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    while (!points_.empty()) DisarmLocked(std::string(points_.begin()->first));
    CountLocked();
  }

  int64_t Hits(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    const auto found = points_.find(name);
    return found == points_.end() ? 0 : found->second->hits;
  }

  absl::Status Hit(absl::string_view name) ABSL_LOCKS_EXCLUDED(mutex_) {
    const std::shared_ptr<Point> point = Begin(name);
    if (point == nullptr) return absl::OkStatus();
    absl::Status status = point->action(*point, name);
    MutexLock lock(&mutex_);
    --point->running;
    changed_.SignalAll();
    return status;
  }

  void Sleep(const Point& point, absl::Duration duration) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::Time end = RealClock().TimeNow() + duration;
    MutexLock lock(&mutex_);
    for (absl::Duration left = duration; point.is_armed && left > absl::ZeroDuration();
         left = end - RealClock().TimeNow()) {
      changed_.WaitFor(&mutex_, left);
    }
  }

 private:
  // The point whose action this hit runs, if any.
  std::shared_ptr<Point> Begin(absl::string_view name) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    auto found = points_.find(name);
    if (found == points_.end()) found = points_.find(kEveryPoint);
    if (found == points_.end()) return nullptr;
    Point& point = *found->second;
    ++point.hits;
    if (point.hits < point.first_hit || point.hits > point.last_hit) return nullptr;
    ++point.running;
    return found->second;
  }

  void DisarmLocked(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = points_.find(name);
    if (found == points_.end()) return;
    const std::shared_ptr<Point> point = found->second;
    points_.erase(found);
    point->is_armed = false;
    changed_.SignalAll();
    while (point->running > 0) changed_.Wait(&mutex_);
  }

  void CountLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    failpoint_internal::g_armed.store(static_cast<int>(points_.size()), std::memory_order_relaxed);
  }

  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::shared_ptr<Point>, std::less<>> points_ ABSL_GUARDED_BY(mutex_);
};

// --- what a specification says -------------------------------------------------------------------

absl::Status Kill(const Point& /*point*/, absl::string_view name) {
  Log(LogLevel::kWarning, "failpoint.kill", {{"name", std::string(name)}});
  kill(getpid(), SIGKILL);
  while (true) pause();
}

absl::Status LogHit(const Point& /*point*/, absl::string_view name) {
  Log(LogLevel::kWarning, "failpoint.hit", {{"name", std::string(name)}});
  return absl::OkStatus();
}

Action FailWith(absl::StatusCode code) {
  return [code](const Point& /*point*/, absl::string_view name) {
    return absl::Status(code, absl::StrCat("failpoint ", name));
  };
}

Action WaitFor(absl::Duration duration) {
  return [duration](const Point& point, absl::string_view /*name*/) {
    Registry::Get().Sleep(point, duration);
    return absl::OkStatus();
  };
}

std::optional<absl::StatusCode> ParseCode(absl::string_view text) {
  for (int number = 1; number <= 16; ++number) {
    const auto code = static_cast<absl::StatusCode>(number);
    if (absl::StatusCodeToString(code) == text) return code;
  }
  return std::nullopt;
}

std::optional<Action> ParseAction(absl::string_view text) {
  if (text == "kill") return Kill;
  if (text == "log") return LogHit;
  if (!absl::ConsumeSuffix(&text, ")")) return std::nullopt;
  if (absl::ConsumePrefix(&text, "sleep(")) {
    int64_t milliseconds = 0;
    if (!absl::SimpleAtoi(text, &milliseconds) || milliseconds < 0) return std::nullopt;
    return WaitFor(absl::Milliseconds(milliseconds));
  }
  if (!absl::ConsumePrefix(&text, "error(")) return std::nullopt;
  const std::optional<absl::StatusCode> code = ParseCode(text);
  if (!code.has_value()) return std::nullopt;
  return FailWith(*code);
}

bool IsName(absl::string_view name) {
  return name == kEveryPoint ||
         (!name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") ==
                               absl::string_view::npos);
}

// "ACTION", "ACTION@N" or "ACTION@N+".
std::shared_ptr<Point> ParsePoint(absl::string_view text) {
  auto point = std::make_shared<Point>();
  const size_t at = text.find('@');
  if (at != absl::string_view::npos) {
    absl::string_view number = text.substr(at + 1);
    const bool goes_on = absl::ConsumeSuffix(&number, "+");
    if (!absl::SimpleAtoi(number, &point->first_hit) || point->first_hit < 1) return nullptr;
    point->last_hit = goes_on ? kNoEnd : point->first_hit;
  }
  std::optional<Action> action = ParseAction(text.substr(0, at));
  if (!action.has_value()) return nullptr;
  point->action = *std::move(action);
  return point;
}

using NamedPoints = std::vector<std::pair<std::string, std::shared_ptr<Point>>>;

absl::StatusOr<NamedPoints> ParseSpecification(absl::string_view specification) {
  NamedPoints points;
  for (const absl::string_view part : absl::StrSplit(specification, ';', absl::SkipWhitespace())) {
    const absl::string_view text = absl::StripAsciiWhitespace(part);
    const std::pair<absl::string_view, absl::string_view> sides =
        absl::StrSplit(text, absl::MaxSplits('=', 1));
    std::shared_ptr<Point> point = ParsePoint(sides.second);
    if (!IsName(sides.first) || point == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("failpoint \"", text,
                       "\": expected NAME=kill|log|sleep(MILLISECONDS)|error(CODE), then perhaps "
                       "@N or @N+"));
    }
    points.emplace_back(std::string(sides.first), std::move(point));
  }
  return points;
}

}  // namespace

bool FailpointsBuilt() { return MODELREF_FAILPOINTS_BUILT != 0; }

absl::Status ArmFailpoints(absl::string_view specification) {
  ASSIGN_OR_RETURN(NamedPoints points, ParseSpecification(specification));
  if (!points.empty() && !FailpointsBuilt()) {
    return absl::FailedPreconditionError("this program is built without failpoints");
  }
  for (auto& [name, point] : points) Registry::Get().Arm(name, std::move(point));
  return absl::OkStatus();
}

absl::Status ArmFailpointsFromEnvironment() {
  const char* specification = std::getenv(kFailpointsVariable);
  if (specification == nullptr || *specification == '\0') return absl::OkStatus();
  RETURN_IF_ERROR(ArmFailpoints(specification));
  Log(LogLevel::kWarning, "failpoint.armed", {{"specification", specification}});
  return absl::OkStatus();
}

void DisarmFailpoints() { Registry::Get().DisarmAll(); }

ScopedFailpoint::ScopedFailpoint(absl::string_view name, std::function<absl::Status()> action)
    : name_(name) {
  auto point = std::make_shared<Point>();
  point->action = [action = std::move(action)](const Point& /*point*/, absl::string_view /*name*/) {
    return action();
  };
  Registry::Get().Arm(name_, std::move(point));
}

ScopedFailpoint::ScopedFailpoint(absl::string_view name, absl::StatusCode code)
    : ScopedFailpoint(name, [code, name = std::string(name)] {
        return absl::Status(code, absl::StrCat("failpoint ", name));
      }) {}

ScopedFailpoint::~ScopedFailpoint() { Registry::Get().Disarm(name_); }

int64_t ScopedFailpoint::hits() const { return Registry::Get().Hits(name_); }

namespace failpoint_internal {

absl::Status Hit(absl::string_view name) { return Registry::Get().Hit(name); }

void HitOnly(absl::string_view name) {
  const absl::Status status = Hit(name);
  if (status.ok()) return;
  Log(LogLevel::kWarning, "failpoint.error_ignored", {{"name", std::string(name)}});
}

}  // namespace failpoint_internal
}  // namespace modelref
