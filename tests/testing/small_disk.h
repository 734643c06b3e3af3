#pragma once

#include <cstdint>
#include <string>

#include "tests/testing/temp_dir.h"

namespace modelref::testing {

// A file system of a few pages that a test fills up, also for the real programs: a tmpfs, which
// only root may mount. Unmounted at the end.
//
//   SmallDisk disk(1 << 20);
//   if (!disk.is_mounted()) GTEST_SKIP() << disk.why_not();
class SmallDisk {
 public:
  explicit SmallDisk(uint64_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool is_mounted() const { return why_not_.empty(); }
  const std::string& why_not() const { return why_not_; }
  const std::string& path() const { return folder_.path(); }
  TempDir& folder() { return folder_; }

  uint64_t FreeBytes() const;
  // Takes all space but `left` bytes, rounded up to whole pages, in a file of its own.
  void Fill(uint64_t left = 0);
  // Gives the space back.
  void Heal();

 private:
  TempDir folder_;
  std::string why_not_;
};

}  // namespace modelref::testing
