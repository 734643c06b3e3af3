#pragma once

// What was committed, kept apart from the store: the truth that watchers are judged by.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "service/store/store.h"

namespace modelref::testing {

// One document as a plain list.
struct LoggedDocument {
  std::vector<std::pair<std::string, std::string>> records;  // Name and canonical JSON, in order.
  uint64_t mod_revision = 0;
  Etag etag = Sha256("");
  uint64_t size_bytes = 2;
};
using LoggedState = std::map<DocumentKey, std::shared_ptr<const LoggedDocument>>;

// Every state that the committed transactions led through. Single-threaded.
class CommitLog {
 public:
  explicit CommitLog(const std::vector<DocumentKey>& keys);

  // Applies the edits (without replacements), and returns the revision that a store must return
  // for them.
  uint64_t Append(const std::vector<DocumentEdit>& edits);

  uint64_t head() const { return states_.rbegin()->first; }
  // Null when `revision` is not that of a transaction: no cut may lie there.
  const LoggedState* At(uint64_t revision) const;
  // How many transactions in (after, up_to] changed the document.
  uint32_t CountChanges(const DocumentKey& key, uint64_t after, uint64_t up_to) const;
  // The names that transactions in (after, up_to] changed in the document, for however long.
  std::set<std::string> Touched(const DocumentKey& key, uint64_t after, uint64_t up_to) const;

 private:
  std::map<uint64_t, LoggedState> states_;  // By revision; 0 is the empty store.
  std::map<DocumentKey, std::map<uint64_t, std::set<std::string>>> touched_;
};

// The etag and the size that the records must have, computed in one pass.
Etag EtagOf(const std::vector<std::pair<std::string, std::string>>& records);

}  // namespace modelref::testing
