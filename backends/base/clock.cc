#include "backends/base/clock.h"

#include "absl/time/clock.h"

namespace modelref {
namespace {

class SystemClock final : public Clock {
 public:
  absl::Time TimeNow() override { return absl::Now(); }
};

}  // namespace

Clock& RealClock() {
  static SystemClock* const clock = new SystemClock;
  return *clock;
}

}  // namespace modelref
