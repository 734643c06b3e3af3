#include "service/store/three_way.h"

#include <unordered_set>
#include <utility>

#include "backends/base/status_macros.h"

namespace modelref {
namespace {

RecordValue ValueIn(const Document& document, const std::string& name) {
  const Entry* entry = document.Find(name);
  return entry == nullptr ? RecordValue() : RecordValue(entry->record->etag);
}

RecordValue ValueIn(const RecordEtags& base, const std::string& name) {
  const auto it = base.find(name);
  return it == base.end() ? RecordValue() : RecordValue(it->second);
}

class Merge {
 public:
  Merge(const Document& committed, const RecordEtags& base, const WasReplaced& was_replaced)
      : committed_(committed), base_(base), was_replaced_(was_replaced) {}

  // `record` is null for a name that the file does not have.
  absl::Status Look(const std::string& name, const RecordPtr& record) {
    const RecordValue file = record == nullptr ? RecordValue() : RecordValue(record->etag);
    const RecordValue before = ValueIn(base_, name);
    const RecordValue now = ValueIn(committed_, name);
    if (file != before) edit_.base[name] = file;
    if (file == now) return absl::OkStatus();
    if (file == before) {
      edit_.equals_file = false;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const bool is_stale, was_replaced_(name, file));
    if (is_stale) {
      edit_.equals_file = false;
      edit_.overruled.push_back(name);
    } else {
      edit_.changes.push_back({name, record});
    }
    return absl::OkStatus();
  }

  FileEdit Finish() { return std::move(edit_); }

 private:
  const Document& committed_;
  const RecordEtags& base_;
  const WasReplaced& was_replaced_;
  FileEdit edit_;
};

}  // namespace

absl::StatusOr<FileEdit> MergeThreeWays(const Document& committed, const RecordEtags& base,
                                        const Document& file,
                                        const std::vector<RecordProblem>& problems,
                                        const WasReplaced& was_replaced) {
  std::unordered_set<std::string> unreadable;
  for (const RecordProblem& problem : problems) unreadable.insert(problem.name);
  Merge merge(committed, base, was_replaced);
  absl::Status status;
  file.ForEach([&](const Entry& entry) {
    if (status.ok()) status = merge.Look(entry.record->name, entry.record);
  });
  // Deletes come in the order of the document; what only the base knows is gone already.
  committed.ForEach([&](const Entry& entry) {
    const std::string& name = entry.record->name;
    if (!status.ok() || file.Find(name) != nullptr || unreadable.count(name) > 0) return;
    status = merge.Look(name, nullptr);
  });
  for (const auto& [name, etag] : base) {
    if (!status.ok()) break;
    if (file.Find(name) != nullptr || committed.Find(name) != nullptr) continue;
    if (unreadable.count(name) == 0) status = merge.Look(name, nullptr);
  }
  RETURN_IF_ERROR(status);
  return merge.Finish();
}

}  // namespace modelref
