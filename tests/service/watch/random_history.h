#pragma once

// Random transactions on a store that forgets soon, random readers that come back, and clients that
// believe what they are told.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/service/watch/client_model.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/fake_clock.h"

namespace modelref::testing {

// One random run. Single-threaded; equal options lead to an equal run.
class RandomHistory {
 public:
  struct Options {
    uint64_t seed = 1;
    int operations = 1000;
    // Of the store; empty: in memory. On disk the store is closed and opened again now and then.
    std::string directory;
    // Makes another hub than the real one; `burst` commits something.
    std::function<std::unique_ptr<WatchHub>(Store&, PositionWaiter&, std::function<void()> burst)>
        make_hub;
    // The run ends early at this many violations.
    size_t enough = 10;
  };
  // What happened, so that a run that tests nothing fails.
  struct Coverage {
    size_t transactions = 0;
    size_t unlisted = 0;  // Of these: edits of more steps than are listed.
    size_t reopened = 0;
    size_t streams = 0;
    size_t deltas = 0;
    size_t reads = 0;
    size_t folded = 0;
    size_t replayed = 0;  // Events of older states.
    size_t without_history = 0;
    size_t bookmarks = 0;
    size_t freshness = 0;
    size_t drained = 0;  // Streams that reached their greatest age.
    size_t unchanged = 0;
    size_t exact = 0;  // Streams continued from a token.
    size_t coalesced = 0;

    void Add(const Coverage& other);
  };

  explicit RandomHistory(const Options& options);

  // What was wrong.
  Violations Run();
  const Coverage& coverage() const { return coverage_; }

 private:
  // A stream and the client behind it.
  struct Reader {
    Reader(WatchWorld& world, const WatchPlan& plan, absl::Time now,
           const WatchSession::Options& options, std::map<DocumentKey, ClientModel::Copy> copies)
        : session(world.hub(), plan, now, options),
          client(world.log, plan.watched.keys, std::move(copies)) {}

    SessionReader session;
    ClientModel client;
  };
  // A message of an earlier stream that is still to be continued from.
  struct Parting {
    std::shared_ptr<const WatchTrace> trace;
    WatchPlan plan;
    size_t at = 0;
  };

  static const std::vector<DocumentKey>& Keys();
  WatchWorld::MakeHub HubMaker();
  size_t Pick(size_t count) { return random_() % count; }
  bool OneIn(size_t count) { return Pick(count) == 0; }
  absl::Time Now() { return clock_.TimeNow(); }
  // `number` is that of the validator.
  void Complain(absl::string_view number, const Violations& found);

  RecordChange RandomStep();
  std::vector<RecordChange> RandomSteps();
  void Commit();
  void CommitMany();
  void ChangeFreshness();
  void Reopen();
  void Operate();

  WatchPlan RandomPlan();
  std::unique_ptr<Reader> Open(const Reader* earlier);
  // What the store says of the documents that the reader watches.
  std::set<DocumentKey> StaleFor(const Reader& reader);
  // False when there was nothing to read.
  bool ReadOne(Reader& reader);
  void ReadSome(Reader& reader, size_t most);
  // Reads what there is, then the bookmark that is due at the latest.
  void ReadToHead(Reader& reader);
  // A stream that was drained because of its age is followed by another one.
  void ReplaceWhenDrained(std::unique_ptr<Reader>* reader);
  void Count(const v1::WatchResponse& message);
  void Close(Reader& reader);
  // Continues from a message twice, checks how, and what was told.
  void ContinueFrom(const Parting& parting);
  void CheckLog(const std::vector<const WatchTrace*>& traces = {});

  const Options options_;
  std::mt19937_64 random_;
  FakeClock clock_;
  WatchWorld world_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::deque<Parting> partings_;
  Violations found_;
  Coverage coverage_;
};

}  // namespace modelref::testing
