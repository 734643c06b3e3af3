#pragma once

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/crash/observer.h"
#include "tests/crash/server_list.h"
#include "tests/crash/write_task.h"

namespace modelref::testing {

// What somebody was told of a write, for ever true.
struct WriteNote {
  std::string id;  // Of the request.
  bool is_refused = false;
  bool changed = false;
  uint64_t revision = 0;  // Of a change.
  std::string name;       // Of the one model that a precondition was about; else empty.
  bool creates = false;   // It was not to exist,
  std::string if_match;   // or to be this.
};

// Somebody who writes through whichever server lives: PutModel, DeleteModel, WriteModels and
// ImportCategory, with an id each. Whose answer is lost is asked again, at another server or at the
// next one, before anything else is written; so what an own record is, is always known. Owns the
// records whose names begin with "write-<number>-", and shares the record "race" of every document
// with the other users, which it changes only as it saw it. One thread at a time.
class WritingUser {
 public:
  // Nobody else writes to the last of `keys`, which it also replaces as a whole.
  WritingUser(int number, std::vector<DocumentKey> keys, const ServerList& servers,
              Sightings& sightings);

  // Begins anew with the choices; what was acknowledged is not forgotten.
  void Reseed(uint64_t seed) { random_.seed(seed); }
  // Counts a record that is there already as its own.
  void Own(const DocumentKey& key, const std::string& name, const std::string& value) {
    expected_[key][name] = value;
    given_.insert({key, name});
  }
  // Whether it is one of them and was never written since.
  bool IsAsGiven(const DocumentKey& key, const std::string& name) const {
    return given_.count({key, name}) > 0;
  }
  // Writes something, or asks again.
  void Write();
  // Asks again at this server until nothing is open; false when the server has no answer either.
  bool Settle(Client& client);

  // What must be served: the description of every own record; empty for one that was removed.
  const std::map<DocumentKey, std::map<std::string, std::string>>& expected() const {
    return expected_;
  }
  const std::vector<WriteNote>& notes() const { return notes_; }
  uint64_t acknowledged() const { return acknowledged_; }
  // How often an answer was lost, and how often the lost one was found.
  uint64_t lost() const { return lost_; }
  uint64_t replayed() const { return replayed_; }

 private:
  std::string NewId();
  std::string NewValue();
  std::vector<std::string> Alive(const DocumentKey& key) const;
  std::string SomeName(const DocumentKey& key);
  WriteTask Choose(Client& client);
  void ChooseOne(WriteTask* task);
  void ChooseMany(WriteTask* task);
  void ChooseRace(Client& client, WriteTask* task);
  // False when the answer was lost.
  bool Try(Client& client);
  void Accept(const WriteTask& task, const TaskAnswer& answer);
  void Refuse(const WriteTask& task, const absl::Status& status);
  // Asks for an answer once more, or for another one with the id.
  void Repeat(Client& client);
  void Complain(const WriteTask& task, const std::string& what);

  const int number_;
  const std::vector<DocumentKey> keys_;
  const ServerList& servers_;
  Sightings& sightings_;
  const std::string run_;  // Begins all ids.
  std::mt19937_64 random_;
  std::optional<WriteTask> open_;
  std::optional<WriteTask> newest_;  // Of those that were committed; and its answer.
  v1::Committed newest_answer_;
  std::map<DocumentKey, std::map<std::string, std::string>> expected_;
  // Of own records, where they were told.
  std::map<DocumentKey, std::map<std::string, std::string>> etags_;
  std::set<std::pair<DocumentKey, std::string>> given_;
  std::vector<WriteNote> notes_;
  uint64_t counter_ = 0;
  uint64_t acknowledged_ = 0;
  uint64_t lost_ = 0;
  uint64_t replayed_ = 0;
};

}  // namespace modelref::testing
