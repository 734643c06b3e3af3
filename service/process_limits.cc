#include "service/process_limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace modelref {
namespace {

constexpr uint64_t kReservedFiles = 256;

// 0 when there is no such file or it says "max".
uint64_t NumberIn(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  uint64_t number = 0;
  return file >> text && absl::SimpleAtoi(text, &number) ? number : 0;
}

uint64_t Smaller(uint64_t a, uint64_t b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

}  // namespace

uint64_t RaiseFileLimit(uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  // The hard limit can be raised by privileged processes alone; the soft one up to it by all.
  const rlimit raised = {wanted, std::max<rlim_t>(wanted, limit.rlim_max)};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : wanted;
}

uint64_t ConnectionsFor(uint64_t open_files) {
  return open_files > 2 * kReservedFiles ? open_files - kReservedFiles : open_files / 2;
}

uint64_t MemoryAvailable() {
  const auto pages = static_cast<uint64_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
  uint64_t bytes = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  // Version 2, where every group up to the root may have a limit.
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || parts[0] != "0") continue;
    for (std::string group = parts[2]; group.size() > 1; group.resize(group.rfind('/'))) {
      bytes = Smaller(bytes, NumberIn(absl::StrCat("/sys/fs/cgroup", group, "/memory.max")));
    }
  }
  // In a container its own group is mounted at the root.
  bytes = Smaller(bytes, NumberIn("/sys/fs/cgroup/memory.max"));
  return Smaller(bytes, NumberIn("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
}

}  // namespace modelref
