#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/committing_user.h"
#include "tests/crash/crash_plan.h"
#include "tests/crash/crash_server.h"
#include "tests/crash/file_reader.h"
#include "tests/crash/followers.h"
#include "tests/crash/hand_editor.h"
#include "tests/crash/importing_user.h"
#include "tests/crash/observer.h"
#include "tests/crash/writing_crew.h"

namespace modelref::testing {

// Rounds of crashes on one directory that grows: everybody works on it while servers die, then one
// is started that does not, and everything that was acknowledged or seen must be there.
class CrashRun {
 public:
  // What every round is like, beside what its seed says.
  struct Options {
    // The failpoints of the servers of each round; empty: the plan chooses.
    std::vector<std::string> servers;
    // How long everybody works before each of them while no program looks at the files.
    absl::Duration away;
    Format canonical = Format::kV2;
  };
  CrashRun(std::string data_dir, Options options);
  ~CrashRun();

  // A thorough look reads the whole audit trail, which grows.
  enum class Depth { kQuick, kThorough };
  // What is wrong after the round; empty for nothing. The seed says what everybody does in it and
  // where programs die, but for points that nobody died at before, which the plan prefers.
  std::string RunRound(uint64_t seed, Depth depth);
  // The failpoints of the servers of the newest round.
  const std::vector<std::string>& servers() const { return servers_; }
  const CrashPlan& plan() const { return plan_; }
  // One line of numbers.
  std::string Summary() const;

 private:
  void Reseed(uint64_t seed);
  std::vector<CrashPlan::Crash> ChooseCrashes();
  void StartWork();
  void StopWork();
  // Runs a server until it dies as planned.
  void RunServer(const CrashPlan::Crash& crash);
  // Runs a server that does not die, until everything is as it should be.
  std::string Verify();
  std::string FirstFault(Client& client);
  std::string CheckExpected(Client& client);
  std::string CheckEdits(Client& client);
  std::string CheckImports(Client& client);
  // What is wrong on a directory at rest, or was complained about.
  std::string CheckAtRest();
  void RemoveMostModels();
  // Runs `step` again and again on a thread of its own while there is work.
  void Repeat(absl::Duration pause, std::function<void()> step);

  const std::string data_dir_;
  const Options options_;
  const std::vector<std::string> flags_;  // Of all servers.
  CrashPlan plan_;
  Sightings sightings_;
  std::vector<std::unique_ptr<HandEditor>> editors_;
  CommittingUser user_;
  ImportingUser importer_;
  WritingCrew writers_;
  Followers followers_;
  std::mt19937_64 holding_;
  std::vector<std::unique_ptr<Observer>> observers_;
  std::unique_ptr<FileReader> reader_;
  std::atomic<bool> working_{false};
  std::atomic<bool> nobody_looks_{false};
  std::vector<std::thread> workers_;
  std::vector<std::string> import_deaths_;  // Of the importing worker, read when it has ended.
  std::vector<std::string> servers_;
  std::string log_;  // Of the servers of this round.
  bool is_thorough_ = true;
  uint64_t rounds_ = 0;
  uint64_t starts_ = 0;
  absl::Duration slowest_start_;
  absl::Duration slowest_settling_;
  absl::Duration checking_;
};

}  // namespace modelref::testing
