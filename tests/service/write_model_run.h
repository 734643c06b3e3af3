#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "backends/category_registry.h"
#include "service/store/store.h"
#include "service/write/writer.h"
#include "tests/service/write_model_judge.h"
#include "tests/service/write_model_random.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/faulty_vfs.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {

// Several stores on one directory, as processes have them, random calls of them, and everything
// that may happen to them meanwhile. Single-threaded.
class WriteModelRun {
 public:
  struct Counts {
    uint64_t calls = 0, validated = 0, restarts = 0, power_cuts = 0, events = 0;
    WriteJudge::Counts answers;
  };

  WriteModelRun(uint64_t seed, Format canonical);
  // Makes so many calls, then looks at everything once more. The test has failed when something is
  // wrong.
  void Run(uint64_t calls);
  Counts counts() const;

 private:
  struct Process {
    std::unique_ptr<Store> store;
    std::unique_ptr<Writer> writer;
  };

  bool Open(Process* process);
  static void Close(Process* process) {
    process->writer.reset();
    process->store.reset();
  }
  // Opens what is closed.
  void OpenAll();
  // After the power failed, which it may do again meanwhile.
  void Recover();
  void ExpectAllShowTheNewest();
  int64_t Now() { return absl::ToUnixSeconds(clock_.TimeNow()); }
  size_t AnyProcess() { return random_.random()() % processes_.size(); }

  ModelCall Repeat();
  ModelCall Choose();
  std::vector<ModelCall> ChooseWave();
  void Start(ModelCall* call, std::function<void()> done);
  void Make(std::vector<ModelCall>* calls);
  std::vector<ModelFact> ReadFacts();
  void Learn(const std::vector<ModelCall>& calls);
  void Disturb();
  void Validate();
  void RunWave();
  void ExpectSoundStore();

  const Format canonical_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  RandomWrites random_;
  FakeClock clock_;
  TempDir dir_;
  FaultyVfs vfs_{"write_model"};
  std::array<Process, 3> processes_;
  WriteJudge judge_;
  int seen_crashes_ = 0;
  std::deque<ModelWrite> answered_;   // With ids, the newest last.
  std::vector<ModelWrite> in_doubt_;  // With ids.
  uint64_t calls_ = 0, validated_ = 0, restarts_ = 0;
};

}  // namespace modelref::testing
