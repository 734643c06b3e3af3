#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "service/store/store.h"
#include "tests/crash/observer.h"

namespace modelref::testing {

// A second process on the directory, as far as the store can tell: commits transactions of several
// records in several documents, and notes which were acknowledged. Owns the records whose names
// begin with "commit-". One thread at a time, but for what the store calls.
class CommittingUser {
 public:
  // `directory` is that of the store.
  CommittingUser(std::string directory, std::vector<DocumentKey> keys, Sightings& sightings);

  // Begins anew with the choices; what was acknowledged is not forgotten.
  void Reseed(uint64_t seed) { random_.seed(seed); }

  // False when the store cannot be opened, as on a full disk.
  bool Open();
  void Close() { store_.reset(); }
  // Commits something. True when it was acknowledged.
  bool Commit();
  // What must be served: every own record as canonical JSON; empty for one that was removed.
  const std::map<DocumentKey, std::map<std::string, std::string>>& expected() const {
    return expected_;
  }
  uint64_t acknowledged() const { return acknowledged_; }
  // Why the newest commit or opening failed.
  const absl::Status& failure() const { return failure_; }

 private:
  DocumentEdit MakeEdit(const DocumentKey& key, uint64_t value,
                        std::map<std::string, std::string>* next);

  const std::string directory_;
  const std::vector<DocumentKey> keys_;
  Sightings& sightings_;
  std::mt19937_64 random_;
  std::unique_ptr<Store> store_;
  std::map<DocumentKey, std::map<std::string, std::string>> expected_;
  uint64_t counter_ = 0;
  uint64_t acknowledged_ = 0;
  absl::Status failure_;
};

}  // namespace modelref::testing
