#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/crash/crash_server.h"
#include "tests/crash/observer.h"
#include "tests/crash/server_list.h"

namespace modelref::testing {

// Servers beside one that serves already: they follow it, and take over when it dies.
class Followers {
 public:
  // `flags` are those of CrashServer.
  Followers(std::string data_dir, std::vector<std::string> flags, Sightings& sightings)
      : data_dir_(std::move(data_dir)), flags_(std::move(flags)), sightings_(sightings) {}

  // Starts none, one or two, and tells the list of them.
  void Start(std::mt19937_64& random, ServerList& servers);
  // Kills them one after the other, a moment later each. Returns their logs.
  std::string Kill(std::mt19937_64& random);
  // How many there were.
  uint64_t count() const { return count_; }

 private:
  const std::string data_dir_;
  const std::vector<std::string> flags_;
  Sightings& sightings_;
  std::vector<std::unique_ptr<CrashServer>> running_;
  uint64_t count_ = 0;
};

}  // namespace modelref::testing
