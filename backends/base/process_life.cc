#include "backends/base/process_life.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/clock.h"

namespace modelref {
namespace {

// Clocks are read one after the other, and files are stamped with a coarse one.
constexpr absl::Duration kSlack = absl::Seconds(1);

// Of proc(5), counted from the field behind the name, which may hold anything.
constexpr size_t kState = 0;
constexpr size_t kStartTicks = 19;

struct Life {
  bool has_ended = false;
  absl::Duration started;  // Since the system did.
};

std::optional<Life> ReadLife(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string line;
  if (!std::getline(file, line, '\0')) return std::nullopt;
  const size_t name_end = line.rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields = absl::StrSplit(line.substr(name_end + 2), ' ');
  int64_t ticks = 0;
  if (fields.size() <= kStartTicks || !absl::SimpleAtoi(fields[kStartTicks], &ticks)) {
    return std::nullopt;
  }
  const int64_t ticks_per_second = sysconf(_SC_CLK_TCK);
  if (ticks_per_second <= 0) return std::nullopt;
  return Life{fields[kState] == "Z" || fields[kState] == "X",
              absl::Seconds(ticks) / ticks_per_second};
}

absl::Time SystemStart() {
  timespec since_start{};
  if (clock_gettime(CLOCK_BOOTTIME, &since_start) != 0) return absl::InfinitePast();
  return RealClock().TimeNow() - absl::DurationFromTimespec(since_start);
}

}  // namespace

bool MayHaveRunAt(pid_t pid, absl::Time time) {
  if (kill(pid, 0) != 0 && errno == ESRCH) return false;
  const std::optional<Life> life = ReadLife(pid);
  if (!life.has_value()) return true;
  return !life->has_ended && SystemStart() + life->started <= time + kSlack;
}

}  // namespace modelref
