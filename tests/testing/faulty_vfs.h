#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace modelref::testing {

// The calls of SQLite's file layer that can be counted and made to fail.
enum class FileCall { kOpen, kRead, kWrite, kTruncate, kSync, kDelete };

// A file layer for SQLite (a VFS) over its own one, whose power can fail, whose disk can run full
// and whose calls can fail. Real files are read and written; what was not synced is forgotten when
// the power fails (FaultyDisk says how). Everything that opens one database has to go through the
// same object, and it must be the only one to write these files. Temporary files take no part.
// Thread-safe.
//
//   FaultyVfs vfs("faulty");
//   sqlite3_open_v2(path, &handle, flags, "faulty");  // or Database::Options::file_layer
//   vfs.PowerFailAt(7, seed);  …write…; close what is open; open again
class FaultyVfs {
 public:
  // Registers it with SQLite under a name that no other has.
  explicit FaultyVfs(const std::string& name);
  // No connection may be open.
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const std::string& name() const;

  // --- power: every open connection is dead from then on and answers SQLITE_IOERR; a new one may
  // be opened at once. Files hold what a disk would; shared memory is gone. Seed 0 forgets
  // everything that was not synced; others keep a part that the seed chooses.
  void CrashNow(uint64_t seed);
  // In the middle of the n-th call from now (1: the next) that changes something: write, truncate,
  // sync, delete.
  void PowerFailAt(int n, uint64_t seed);
  // How often the power failed so far.
  int crashes() const;

  // --- errors: SQLITE_IOERR_… from the n-th call of a kind from now (1: the next). A failed sync
  // loses what it should have made durable, though reads still see it; a failed write may write a
  // part.
  void FailAt(FileCall call, int n);
  // That one and all that follow.
  void FailFrom(FileCall call, int n);

  // --- space: files may grow by so many bytes more in all, then writes answer SQLITE_FULL; what is
  // truncated or deleted is given back. Nullopt: no limit.
  void SetFreeBytes(std::optional<int64_t> bytes);

  // No more errors, no limit of space, no power failure to come.
  void Heal();

  // The calls of a kind so far, failed ones included.
  int Calls(FileCall call) const;
  // The calls so far that PowerFailAt counts.
  int Changes() const;

  struct State;  // Of the implementation.

 private:
  std::unique_ptr<State> state_;
};

}  // namespace modelref::testing
