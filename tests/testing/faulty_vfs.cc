#include "tests/testing/faulty_vfs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "tests/testing/faulty_vfs_state.h"

namespace modelref::testing {
namespace {

// Another inode under the name: dead connections keep the locks and the memory of the old one.
void Replace(const std::string& path, const std::optional<std::string>& bytes) {
  if (!bytes.has_value()) {
    unlink(path.c_str());
    return;
  }
  std::error_code ignored;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!std::filesystem::exists(folder, ignored)) return;  // Gone with all that was in it.
  const std::string next = absl::StrCat(path, ".after_crash");
  std::ofstream file(next, std::ios::binary | std::ios::trunc);
  file.write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
  file.close();
  EXPECT_TRUE(file && rename(next.c_str(), path.c_str()) == 0) << path;
}

bool IsChange(FileCall call) {
  return call == FileCall::kWrite || call == FileCall::kTruncate || call == FileCall::kSync ||
         call == FileCall::kDelete;
}

}  // namespace

// --- what happens to calls -----------------------------------------------------------------------

Fate FaultyVfs::State::Begin(FileCall call) {
  const auto index = static_cast<size_t>(call);
  const int number = ++calls[index];
  if (IsChange(call) && ++changes == crash_at) return Fate::kCrash;
  const FailingCalls& failure = failures[index];
  return failure.first <= number && number <= failure.last ? Fate::kFail : Fate::kWork;
}

void FaultyVfs::State::Crash(uint64_t seed) {
  ++generation;
  crash_at = 0;
  FaultyDisk after;
  for (const auto& [path, bytes] : disk.AfterCrash(seed)) {
    Replace(path, bytes);
    unlink(absl::StrCat(path, "-shm").c_str());
    if (bytes.has_value()) after.Load(path, *bytes);
  }
  disk = std::move(after);
}

int FaultyVfs::State::Fitting(int size, int64_t growth) {
  if (!free_bytes.has_value() || growth <= 0) return size;
  const int64_t missing = std::max<int64_t>(0, growth - *free_bytes);
  if (missing > size) return 0;  // Not even the hole before it.
  *free_bytes -= growth - missing;
  return static_cast<int>(size - missing);
}

void FaultyVfs::State::GiveBack(int64_t bytes) {
  if (free_bytes.has_value() && bytes > 0) *free_bytes += bytes;
}

void FaultyVfs::State::Track(const std::string& path, bool existed) {
  if (!existed) return disk.Create(path);
  if (disk.Exists(path)) return;
  const absl::StatusOr<std::string> bytes = ReadFileToString(path, uint64_t{1} << 32);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  disk.Load(path, bytes.value_or(""));
}

FaultyVfs::FaultyVfs(const std::string& name) : state_(std::make_unique<State>()) {
  EXPECT_EQ(sqlite3_vfs_find(name.c_str()), nullptr) << name;
  state_->base = sqlite3_vfs_find(nullptr);
  state_->name = name;
  state_->vfs = MakeVfs(state_.get());
  EXPECT_EQ(sqlite3_vfs_register(&state_->vfs, 0), SQLITE_OK);
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const std::string& FaultyVfs::name() const { return state_->name; }

void FaultyVfs::CrashNow(uint64_t seed) {
  MutexLock lock(&state_->mutex);
  state_->Crash(seed);
}

void FaultyVfs::PowerFailAt(int n, uint64_t seed) {
  MutexLock lock(&state_->mutex);
  state_->crash_at = state_->changes + n;
  state_->crash_seed = seed;
}

int FaultyVfs::crashes() const {
  MutexLock lock(&state_->mutex);
  return state_->generation;
}

void FaultyVfs::FailAt(FileCall call, int n) {
  MutexLock lock(&state_->mutex);
  const int number = state_->calls[static_cast<size_t>(call)] + n;
  state_->failures[static_cast<size_t>(call)] = {number, number};
}

void FaultyVfs::FailFrom(FileCall call, int n) {
  MutexLock lock(&state_->mutex);
  state_->failures[static_cast<size_t>(call)] = {state_->calls[static_cast<size_t>(call)] + n,
                                                 std::numeric_limits<int>::max()};
}

void FaultyVfs::SetFreeBytes(std::optional<int64_t> bytes) {
  MutexLock lock(&state_->mutex);
  state_->free_bytes = bytes;
}

void FaultyVfs::Heal() {
  MutexLock lock(&state_->mutex);
  state_->failures = {};
  state_->free_bytes.reset();
  state_->crash_at = 0;
}

int FaultyVfs::Calls(FileCall call) const {
  MutexLock lock(&state_->mutex);
  return state_->calls[static_cast<size_t>(call)];
}

int FaultyVfs::Changes() const {
  MutexLock lock(&state_->mutex);
  return state_->changes;
}

}  // namespace modelref::testing
