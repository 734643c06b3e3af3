#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref::testing {

// What a disk really holds while programs write files and sometimes sync: a model in memory, told
// of each call that succeeded, which says what a power failure would leave.
//
// A sync of a file makes its bytes and its name durable, one of a folder the names in it. Of what
// is not durable a crash keeps nothing, a prefix in order, or any part, with writes torn at any
// byte. Thread-compatible.
class FaultyDisk {
 public:
  // A file that is there, bytes and name, since long ago.
  void Load(const std::string& path, std::string bytes);
  bool Exists(const std::string& path) const;

  void Create(const std::string& path);
  void Write(const std::string& path, uint64_t offset, absl::string_view bytes);
  void Truncate(const std::string& path, uint64_t size);
  void Remove(const std::string& path);
  void Sync(const std::string& path);
  // The folder that `path` lies in.
  void SyncFolderOf(const std::string& path);
  // A sync failed: what is not durable never becomes so by a later one, as the kernel counts it as
  // written. `seed` chooses what of it reached the disk all the same.
  void FailSync(const std::string& path, uint64_t seed);

  // What every file would hold after a crash now; nullopt: it is gone. Seed 0 keeps nothing that is
  // not durable.
  std::map<std::string, std::optional<std::string>> AfterCrash(uint64_t seed) const;

 private:
  struct Change {
    uint64_t offset = 0;  // The new size, when it truncates.
    std::string bytes;
    bool truncates = false;
  };
  // What an inode is: it lives on under no name, and under a name that is not durable.
  struct File {
    std::string durable;
    std::vector<Change> pending;
  };
  struct Name {
    std::shared_ptr<File> now;      // Null: not there.
    std::shared_ptr<File> durable;  // Null: not there after a crash.
  };
  using Random = std::mt19937_64;

  static void Apply(const Change& change, std::string* bytes);
  // `change` as a power failure in its middle leaves it.
  static Change Torn(const Change& change, Random& random);
  static std::string Survivor(const File& file, Random* random);

  File& FileAt(const std::string& path);

  std::map<std::string, Name> names_;
};

}  // namespace modelref::testing
