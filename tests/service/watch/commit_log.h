#pragma once

// What was committed, kept apart from the store: the truth that watchers are judged by.

#include <map>
#include <memory>
#include <optional>
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
  // Adds the transaction that ends at `revision`; every step counts as a change.
  void Replay(uint64_t revision, const std::map<DocumentKey, std::vector<RecordChange>>& steps);

  uint64_t head() const { return states_.rbegin()->first; }
  // Null when `revision` is not that of a transaction: no cut may lie there.
  const LoggedState* At(uint64_t revision) const;
  // How many transactions in (after, up_to] changed the document.
  uint32_t CountChanges(const DocumentKey& key, uint64_t after, uint64_t up_to) const;
  // The names that transactions in (after, up_to] changed in the document, for however long.
  std::set<std::string> Touched(const DocumentKey& key, uint64_t after, uint64_t up_to) const;
  // The document as the transaction at `mod_revision` left it; null when that did not change it.
  const LoggedDocument* Version(const DocumentKey& key, uint64_t mod_revision) const;
  // The revision of the first transaction after `revision`; none at the head.
  std::optional<uint64_t> Next(uint64_t revision) const;

 private:
  using Documents = std::map<DocumentKey, std::shared_ptr<LoggedDocument>>;
  void Add(uint64_t revision, Documents changed,
           std::map<DocumentKey, std::set<std::string>> names);

  std::map<uint64_t, LoggedState> states_;  // By revision; 0 is the empty store.
  std::map<DocumentKey, std::map<uint64_t, std::set<std::string>>> touched_;
};

// The log that a store's database holds, whoever wrote it: the truth that nothing in memory can
// colour. Errors as Store::Query.
absl::StatusOr<CommitLog> ReadCommitLog(Store& store);

// How the logs differ, a sentence each.
std::vector<std::string> CompareLogs(const CommitLog& one, const CommitLog& other);

// The etag that the records must have, computed in one pass.
Etag EtagOf(const std::vector<std::pair<std::string, std::string>>& records);

}  // namespace modelref::testing
