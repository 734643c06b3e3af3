#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/crash/server_list.h"
#include "tests/crash/writing_user.h"

namespace modelref::testing {

// Two users who write to the servers of one directory at the same time, and what must be true of
// their work.
class WritingCrew {
 public:
  // `canonical` is the canonical format of all servers.
  WritingCrew(std::string data_dir, Format canonical, Sightings& sightings);

  void Reseed(uint64_t seed);
  ServerList& servers() { return servers_; }
  std::vector<WritingUser>& users() { return users_; }

  // Lets everybody who lost an answer have it; empty when all have one.
  std::string Settle(Client& client);
  // What is wrong with what is served, in both formats, and with models.csv.
  std::string CheckServed(Client& client) const;
  // What is wrong with the history: every acknowledged write is in it once, under the conditions
  // that it was told to have met, and no refused one is. Of a directory at rest.
  std::string CheckHistory() const;
  std::string Summary() const;

 private:
  std::string CheckTable(const WritingUser& user) const;

  const std::string data_dir_;
  const Format canonical_;
  ServerList servers_;
  std::vector<WritingUser> users_;
};

// A models.csv with names that come twice: alike, in another row, one behind the other, and thrice.
std::string TableWithRepeatedNames();

}  // namespace modelref::testing
