#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "backends/base/mutex.h"

namespace modelref::testing {

// Opens public files in a loop, as a program of the original does: each must exist at every
// instant, and hold a whole document unless an editor writes to it in place. Begins at once.
class FileReader {
 public:
  // By path: whether it must be whole.
  explicit FileReader(std::map<std::string, bool> files);
  ~FileReader() { Stop(); }
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  void Stop();
  uint64_t reads() const { return reads_; }
  std::vector<std::string> complaints() const;

 private:
  void Run();

  const std::map<std::string, bool> files_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> reads_{0};
  mutable Mutex mutex_;
  std::vector<std::string> complaints_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace modelref::testing
