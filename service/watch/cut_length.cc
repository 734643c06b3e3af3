#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "service/watch/cut.h"

namespace modelref {
namespace {

// More steps than this are not looked at one by one: the cut takes everything.
constexpr size_t kMaxReplayedChanges = 8192;

bool Touches(const WatchedSet& watched, const CommittedTransaction& transaction) {
  return std::any_of(transaction.deltas.begin(), transaction.deltas.end(),
                     [&](const DocumentDelta& delta) { return watched.keys.count(delta.key) > 0; });
}

size_t CountChanges(const std::vector<CommittedTransactionPtr>& due) {
  size_t count = 0;
  for (const CommittedTransactionPtr& transaction : due) {
    for (const DocumentDelta& delta : transaction->deltas) count += delta.changes.size();
  }
  return count;
}

// The end of the last transaction that changes each record, or that may be about any record of a
// document because it does not list its steps.
struct LastChanges {
  std::map<std::pair<DocumentKey, std::string>, size_t> of_record;
  std::map<DocumentKey, size_t> of_any;

  size_t Of(const DocumentKey& key, const std::string& name) const {
    const auto any = of_any.find(key);
    return std::max(of_record.at({key, name}), any == of_any.end() ? 0 : any->second);
  }
};

LastChanges FindLastChanges(const WatchedSet& watched,
                            const std::vector<CommittedTransactionPtr>& due) {
  LastChanges last;
  for (size_t i = 0; i < due.size(); ++i) {
    for (const DocumentDelta& delta : due[i]->deltas) {
      if (watched.keys.count(delta.key) == 0) continue;
      if (delta.wholesale) last.of_any[delta.key] = i + 1;
      for (const CommittedChange& change : delta.changes) {
        last.of_record[{delta.key, change.name}] = i + 1;
      }
    }
  }
  return last;
}

// The content of records is only known as it is at last: takes transactions in until no record of
// the cut changes after it.
size_t ExtendToLastChanges(const WatchedSet& watched,
                           const std::vector<CommittedTransactionPtr>& due, size_t length) {
  const LastChanges last = FindLastChanges(watched, due);
  for (size_t i = 0; i < length; ++i) {
    for (const DocumentDelta& delta : due[i]->deltas) {
      if (watched.keys.count(delta.key) == 0) continue;
      for (const CommittedChange& change : delta.changes) {
        length = std::max(length, last.Of(delta.key, change.name));
      }
    }
  }
  return length;
}

}  // namespace

size_t CutLength(const WatchedSet& watched, const std::vector<CommittedTransactionPtr>& due,
                 const CutOptions& options) {
  if (due.size() <= 1 || due.size() > kMaxReplayedTransactions) return due.size();
  if (CountChanges(due) > kMaxReplayedChanges) return due.size();
  const auto first = std::find_if(due.begin(), due.end(), [&](const auto& transaction) {
    return Touches(watched, *transaction);
  });
  if (first == due.end()) return due.size();
  const auto length = static_cast<size_t>(first - due.begin()) + 1;
  return options.inline_delta ? ExtendToLastChanges(watched, due, length) : length;
}

}  // namespace modelref
