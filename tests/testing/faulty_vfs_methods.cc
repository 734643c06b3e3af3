#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <system_error>

#include "absl/strings/string_view.h"
#include "tests/testing/faulty_vfs_state.h"

namespace modelref::testing {
namespace {

using State = FaultyVfs::State;

// What SQLite takes for its sqlite3_file; the file of the base layer follows it in memory.
struct File {
  sqlite3_file base;
  State* state;
  std::string* path;  // Null: a temporary file, which takes no part.
  int generation;
  // Whether its first sync makes the names of its folder durable, as SQLite's own layer does for
  // the journals it creates.
  bool syncs_folder;

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods* methods() { return real()->pMethods; }
};

File* FileOf(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
State* StateOf(sqlite3_vfs* vfs) { return static_cast<State*>(vfs->pAppData); }

bool IsDead(const File& file, const State& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mutex) {
  return file.generation != state.generation;
}

bool IsDead(const File& file) {
  MutexLock lock(&file.state->mutex);
  return IsDead(file, *file.state);
}

int64_t SizeOf(File* file) {
  sqlite3_int64 size = 0;
  return file->methods()->xFileSize(file->real(), &size) == SQLITE_OK ? size : 0;
}

// --- methods of a file ---------------------------------------------------------------------------

int Close(sqlite3_file* base) {
  File* file = FileOf(base);
  const int code = file->methods()->xClose(file->real());
  delete file->path;
  return code;
}

int Read(sqlite3_file* base, void* out, int size, sqlite3_int64 offset) {
  File* file = FileOf(base);
  if (file->path != nullptr) {
    State& state = *file->state;
    MutexLock lock(&state.mutex);
    if (IsDead(*file, state) || state.Begin(FileCall::kRead) != Fate::kWork) {
      return SQLITE_IOERR_READ;
    }
  }
  return file->methods()->xRead(file->real(), out, size, offset);
}

int Write(sqlite3_file* base, const void* data, int size, sqlite3_int64 offset) {
  File* file = FileOf(base);
  if (file->path == nullptr) return file->methods()->xWrite(file->real(), data, size, offset);
  State& state = *file->state;
  MutexLock lock(&state.mutex);
  if (IsDead(*file, state)) return SQLITE_IOERR_WRITE;
  const Fate fate = state.Begin(FileCall::kWrite);
  const absl::string_view bytes(static_cast<const char*>(data), static_cast<size_t>(size));
  if (fate == Fate::kCrash) {
    state.disk.Write(*file->path, static_cast<uint64_t>(offset), bytes);
    state.Crash(state.crash_seed);
    return SQLITE_IOERR_WRITE;
  }
  int written = fate == Fate::kFail ? size / 2 : size;
  written = state.Fitting(written, std::max<int64_t>(0, offset + written - SizeOf(file)));
  if (written > 0) {
    const int code = file->methods()->xWrite(file->real(), data, written, offset);
    if (code != SQLITE_OK) return code;
  }
  state.disk.Write(*file->path, static_cast<uint64_t>(offset),
                   bytes.substr(0, static_cast<size_t>(written)));
  if (fate == Fate::kFail) return SQLITE_IOERR_WRITE;
  return written == size ? SQLITE_OK : SQLITE_FULL;
}

int Truncate(sqlite3_file* base, sqlite3_int64 size) {
  File* file = FileOf(base);
  if (file->path == nullptr) return file->methods()->xTruncate(file->real(), size);
  State& state = *file->state;
  MutexLock lock(&state.mutex);
  if (IsDead(*file, state)) return SQLITE_IOERR_TRUNCATE;
  const Fate fate = state.Begin(FileCall::kTruncate);
  if (fate == Fate::kFail) return SQLITE_IOERR_TRUNCATE;
  const int64_t old_size = SizeOf(file);
  state.disk.Truncate(*file->path, static_cast<uint64_t>(size));
  if (fate == Fate::kCrash) {
    state.Crash(state.crash_seed);
    return SQLITE_IOERR_TRUNCATE;
  }
  state.GiveBack(old_size - size);
  return file->methods()->xTruncate(file->real(), size);
}

void SyncDisk(File* file, State& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mutex) {
  state.disk.Sync(*file->path);
  if (file->syncs_folder) state.disk.SyncFolderOf(*file->path);
  file->syncs_folder = false;
}

// The real sync is left out: the tests do not cut the power of the machine.
int Sync(sqlite3_file* base, int /*flags*/) {
  File* file = FileOf(base);
  if (file->path == nullptr) return SQLITE_OK;
  State& state = *file->state;
  MutexLock lock(&state.mutex);
  if (IsDead(*file, state)) return SQLITE_IOERR_FSYNC;
  const uint64_t seed = static_cast<uint64_t>(state.calls[static_cast<size_t>(FileCall::kSync)]);
  const Fate fate = state.Begin(FileCall::kSync);
  if (fate == Fate::kWork) {
    SyncDisk(file, state);
    return SQLITE_OK;
  }
  if (fate == Fate::kFail) {
    state.disk.FailSync(*file->path, seed);
    return SQLITE_IOERR_FSYNC;
  }
  if (state.crash_seed % 2 == 1) SyncDisk(file, state);  // The disk was done, nobody heard of it.
  state.Crash(state.crash_seed);
  return SQLITE_IOERR_FSYNC;
}

int FileSize(sqlite3_file* base, sqlite3_int64* size) {
  File* file = FileOf(base);
  if (IsDead(*file)) return SQLITE_IOERR_FSTAT;
  return file->methods()->xFileSize(file->real(), size);
}

int Lock(sqlite3_file* base, int level) {
  File* file = FileOf(base);
  return IsDead(*file) ? SQLITE_IOERR_LOCK : file->methods()->xLock(file->real(), level);
}

int Unlock(sqlite3_file* base, int level) {
  return FileOf(base)->methods()->xUnlock(FileOf(base)->real(), level);
}

int CheckReservedLock(sqlite3_file* base, int* result) {
  File* file = FileOf(base);
  if (IsDead(*file)) return SQLITE_IOERR_CHECKRESERVEDLOCK;
  return file->methods()->xCheckReservedLock(file->real(), result);
}

int FileControl(sqlite3_file* base, int operation, void* argument) {
  // Space that the base layer took in advance would be unknown to the disk.
  if (operation == SQLITE_FCNTL_SIZE_HINT) return SQLITE_OK;
  return FileOf(base)->methods()->xFileControl(FileOf(base)->real(), operation, argument);
}

int SectorSize(sqlite3_file* base) {
  return FileOf(base)->methods()->xSectorSize(FileOf(base)->real());
}

// The disk tears and reorders writes: only what it keeps is promised.
int DeviceCharacteristics(sqlite3_file* base) {
  return FileOf(base)->methods()->xDeviceCharacteristics(FileOf(base)->real()) &
         (SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN);
}

int ShmMap(sqlite3_file* base, int page, int size, int extend, void volatile** out) {
  File* file = FileOf(base);
  if (IsDead(*file)) return SQLITE_IOERR_SHMMAP;
  return file->methods()->xShmMap(file->real(), page, size, extend, out);
}

int ShmLock(sqlite3_file* base, int offset, int count, int flags) {
  File* file = FileOf(base);
  if (IsDead(*file) && (flags & SQLITE_SHM_LOCK) != 0) return SQLITE_IOERR_SHMLOCK;
  return file->methods()->xShmLock(file->real(), offset, count, flags);
}

void ShmBarrier(sqlite3_file* base) { FileOf(base)->methods()->xShmBarrier(FileOf(base)->real()); }

int ShmUnmap(sqlite3_file* base, int removes) {
  File* file = FileOf(base);
  // It is removed by its name, which belongs to others once the power failed.
  return file->methods()->xShmUnmap(file->real(), IsDead(*file) ? 0 : removes);
}

// Version 2: no memory-mapped reads, which would pass by the errors.
constexpr sqlite3_io_methods kMethods = {2,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
                                         FileSize,
                                         Lock,
                                         Unlock,
                                         CheckReservedLock,
                                         FileControl,
                                         SectorSize,
                                         DeviceCharacteristics,
                                         ShmMap,
                                         ShmLock,
                                         ShmBarrier,
                                         ShmUnmap,
                                         nullptr,
                                         nullptr};

// --- methods of the layer ------------------------------------------------------------------------

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* base, int flags, int* out_flags) {
  State& state = *StateOf(vfs);
  base->pMethods = nullptr;
  auto* const file = new (base) File{};
  file->state = &state;
  MutexLock lock(&state.mutex);
  if (name != nullptr && state.Begin(FileCall::kOpen) != Fate::kWork) return SQLITE_CANTOPEN;
  const bool existed = name != nullptr && access(name, F_OK) == 0;
  const int code = state.base->xOpen(state.base, name, file->real(), flags, out_flags);
  if (code != SQLITE_OK) return code;
  file->generation = state.generation;
  if (name != nullptr) {
    file->path = new std::string(name);
    file->syncs_folder =
        !existed &&
        (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    state.Track(*file->path, existed);
  }
  file->base.pMethods = &kMethods;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int syncs_folder) {
  State& state = *StateOf(vfs);
  MutexLock lock(&state.mutex);
  const Fate fate = state.Begin(FileCall::kDelete);
  if (fate == Fate::kFail) return SQLITE_IOERR_DELETE;
  if (fate == Fate::kCrash) {
    state.disk.Remove(name);
    state.Crash(state.crash_seed);
    return SQLITE_IOERR_DELETE;
  }
  std::error_code missing;
  const uintmax_t size = std::filesystem::file_size(name, missing);
  const int code = state.base->xDelete(state.base, name, 0);
  if (code != SQLITE_OK) return code;
  state.GiveBack(static_cast<int64_t>(size));
  state.disk.Remove(name);
  if (syncs_folder != 0) state.disk.SyncFolderOf(name);
  return SQLITE_OK;
}

int Access(sqlite3_vfs* vfs, const char* name, int flags, int* result) {
  return StateOf(vfs)->base->xAccess(StateOf(vfs)->base, name, flags, result);
}
int FullPathname(sqlite3_vfs* vfs, const char* name, int size, char* out) {
  return StateOf(vfs)->base->xFullPathname(StateOf(vfs)->base, name, size, out);
}
int Randomness(sqlite3_vfs* vfs, int size, char* out) {
  return StateOf(vfs)->base->xRandomness(StateOf(vfs)->base, size, out);
}
int Sleep(sqlite3_vfs* vfs, int microseconds) {
  return StateOf(vfs)->base->xSleep(StateOf(vfs)->base, microseconds);
}
int CurrentTime(sqlite3_vfs* vfs, double* out) {
  return StateOf(vfs)->base->xCurrentTime(StateOf(vfs)->base, out);
}
int CurrentTimeInt64(sqlite3_vfs* vfs, sqlite3_int64* out) {
  return StateOf(vfs)->base->xCurrentTimeInt64(StateOf(vfs)->base, out);
}
int GetLastError(sqlite3_vfs* vfs, int size, char* out) {
  return StateOf(vfs)->base->xGetLastError(StateOf(vfs)->base, size, out);
}

}  // namespace

sqlite3_vfs MakeVfs(FaultyVfs::State* state) {
  sqlite3_vfs vfs = {};
  vfs.iVersion = 2;
  vfs.szOsFile = static_cast<int>(sizeof(File)) + state->base->szOsFile;
  vfs.mxPathname = state->base->mxPathname;
  vfs.zName = state->name.c_str();
  vfs.pAppData = state;
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  vfs.xAccess = Access;
  vfs.xFullPathname = FullPathname;
  vfs.xRandomness = Randomness;
  vfs.xSleep = Sleep;
  vfs.xCurrentTime = CurrentTime;
  vfs.xCurrentTimeInt64 = CurrentTimeInt64;
  vfs.xGetLastError = GetLastError;
  return vfs;
}

}  // namespace modelref::testing
