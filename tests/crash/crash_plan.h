#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace modelref::testing {

// Chooses where programs die, so that over the rounds every failpoint is met: those that nobody
// died at yet come first. Single-threaded.
class CrashPlan {
 public:
  CrashPlan();

  // Begins anew with the choices, not with what was learned.
  void Reseed(uint64_t seed) { random_.seed(seed); }

  // What one start of a server is armed with. Empty `name`: it is killed at a moment of its own.
  struct Crash {
    std::string name;
    std::string failpoints;
    int hit = 0;
  };
  // The crashes of one round, one after another.
  std::vector<Crash> NextRound();
  // What one start of the importer is armed with.
  std::string NextImport();
  // Learns what became of it: `killed_at` is empty when no failpoint killed the program.
  void Learn(const Crash& crash, const std::string& killed_at);
  void Count(const std::string& killed_at);

  // How many programs died at each point; "" for those that were killed from outside.
  const std::map<std::string, int>& deaths() const { return deaths_; }
  // Points where nobody died yet and somebody must.
  std::set<std::string> Missing() const;
  std::mt19937_64& random() { return random_; }

 private:
  Crash At(const std::string& name);

  std::mt19937_64 random_;
  const std::vector<std::string> names_;
  std::map<std::string, int> greatest_hit_;  // How late a hit of a point is still expected.
  std::map<std::string, int> deaths_;
};

}  // namespace modelref::testing
