#include "service/metrics_process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace modelref {
namespace {

// Files of /proc have no size; the ones read here are small.
std::string ReadSmallFile(const char* path) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path, "re"));
  if (file == nullptr) return "";
  std::array<char, 4096> buffer;
  return std::string(buffer.data(), std::fread(buffer.data(), 1, buffer.size(), file.get()));
}

uint64_t CountOpenDescriptors() {
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };
  const std::unique_ptr<DIR, Close> directory(opendir("/proc/self/fd"));
  if (directory == nullptr) return 0;
  uint64_t count = 0;
  while (const dirent* entry = readdir(directory.get())) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(entry->d_name[0]))) ++count;
  }
  return count > 0 ? count - 1 : 0;  // Not the one that lists them.
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

uint64_t NumberAt(const std::vector<std::string>& fields, size_t index) {
  uint64_t number = 0;
  return index < fields.size() && absl::SimpleAtoi(fields[index], &number) ? number : 0;
}

}  // namespace

uint64_t ReadResidentBytes() {
  const std::vector<std::string> memory =
      absl::StrSplit(ReadSmallFile("/proc/self/statm"), ' ', absl::SkipEmpty());
  return NumberAt(memory, 1) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

ProcessNumbers ReadProcessNumbers() {
  ProcessNumbers numbers;
  numbers.resident_bytes = ReadResidentBytes();
  // The name of the process, in parentheses, may hold spaces: count from its end.
  const std::string stat = ReadSmallFile("/proc/self/stat");
  const size_t name_end = stat.rfind(')');
  if (name_end != std::string::npos) {
    const std::vector<std::string> fields =
        absl::StrSplit(stat.substr(name_end + 1), ' ', absl::SkipEmpty());
    numbers.threads = NumberAt(fields, 17);
  }
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    numbers.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) numbers.max_fds = limit.rlim_cur;
  numbers.open_fds = CountOpenDescriptors();
  return numbers;
}

}  // namespace modelref
