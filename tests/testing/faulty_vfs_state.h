#pragma once

// What a FaultyVfs is made of: its state, and the functions that SQLite calls.

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "tests/testing/faulty_disk.h"
#include "tests/testing/faulty_vfs.h"

namespace modelref::testing {

// What a call is to do instead of its work.
enum class Fate { kWork, kFail, kCrash };

// The calls of a kind that fail, by their number.
struct FailingCalls {
  int first = std::numeric_limits<int>::max();
  int last = 0;
};

inline constexpr size_t kFileCalls = 6;  // Values of FileCall.

struct FaultyVfs::State {
  sqlite3_vfs* base = nullptr;
  sqlite3_vfs vfs = {};
  std::string name;

  mutable Mutex mutex;
  FaultyDisk disk ABSL_GUARDED_BY(mutex);
  int generation ABSL_GUARDED_BY(mutex) = 0;  // One more with each failure of the power.
  std::array<int, kFileCalls> calls ABSL_GUARDED_BY(mutex) = {};
  std::array<FailingCalls, kFileCalls> failures ABSL_GUARDED_BY(mutex) = {};
  int changes ABSL_GUARDED_BY(mutex) = 0;
  int crash_at ABSL_GUARDED_BY(mutex) = 0;  // Of `changes`; 0: not at all.
  uint64_t crash_seed ABSL_GUARDED_BY(mutex) = 0;
  std::optional<int64_t> free_bytes ABSL_GUARDED_BY(mutex);

  // Counts a call and says what becomes of it.
  Fate Begin(FileCall call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Rewrites the files; every open one is dead from then on.
  void Crash(uint64_t seed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // How many of `size` bytes that would let a file grow by `growth` still fit.
  int Fitting(int size, int64_t growth) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Space of files that became smaller.
  void GiveBack(int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Tells the disk of a file that was opened.
  void Track(const std::string& path, bool existed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
};

// A layer for SQLite over `state->base` that asks `state` about every call. `state` must outlive
// it.
sqlite3_vfs MakeVfs(FaultyVfs::State* state);

}  // namespace modelref::testing
