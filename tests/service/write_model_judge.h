#pragma once

// Says whether what stores did and answered is what the model of write_model.h says.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/write/writer.h"
#include "tests/service/write_model.h"

namespace modelref::testing {

// One call of one process, and what it answered.
struct ModelCall {
  ModelWrite write;
  size_t process = 0;
  bool is_reuse = false;  // Its id was used for another body.
  absl::StatusOr<WriteAnswer> answer = absl::UnknownError("not answered");
};

// A transaction as the history has it.
struct ModelFact {
  uint64_t revision = 0;
  uint64_t first_event = 0;
  std::string caller;
  uint64_t number = 0;  // Of the write that asked for it.
};

// Whether an error is none of the write, but of the store: then its outcome is open.
bool IsOfStore(const absl::Status& status);

// Knows the models of all moments, by their revisions. Single-threaded.
class WriteJudge {
 public:
  struct Counts {
    uint64_t committed = 0, unchanged = 0, refused = 0, replayed = 0, reuses = 0, unknown = 0;
  };

  WriteJudge() { models_[0] = WriteModel(); }

  // What is wrong with calls that were made at once, at `now` (seconds), and with `facts`, all that
  // happened since the last ones; empty for nothing. `store_may_fail`: errors of the store are
  // accepted.
  std::string Judge(const std::vector<ModelCall>& calls, const std::vector<ModelFact>& facts,
                    int64_t now, bool store_may_fail);

  uint64_t revision() const { return models_.rbegin()->first; }
  const WriteModel& newest() const { return models_.rbegin()->second; }
  // Null when it is too old, or there never was such a moment.
  const WriteModel* At(uint64_t revision) const;
  const Counts& counts() const { return counts_; }

 private:
  struct Wave {
    int64_t now = 0;
    bool store_may_fail = false;
    std::vector<uint64_t> moments;  // When its calls may have been decided.
    std::set<uint64_t> done;        // The writes that happened in it.
  };

  std::string Follow(const std::vector<ModelCall>& calls, const ModelFact& fact, Wave* wave);
  std::string CheckCommitted(const ModelCall& call, const ModelFact& fact,
                             const WriteModel::Outcome& outcome);
  std::string CheckAnswer(const ModelCall& call, const Wave& wave);
  std::string CheckReplayed(const ModelCall& call);
  std::string CheckUnchanged(const ModelCall& call, const Wave& wave);
  std::string CheckRefused(const ModelCall& call, const Wave& wave);

  std::map<uint64_t, WriteModel> models_;
  std::map<uint64_t, uint64_t> revision_of_;   // By write, of those in the history.
  std::map<uint64_t, std::string> answer_of_;  // By write, what it was answered first.
  Counts counts_;
};

}  // namespace modelref::testing
