#include "service/delta_plan.h"

#include <map>
#include <utility>

namespace modelref {
namespace {

DeltaPlan Whole(const DocumentView& view) {
  DeltaPlan plan;
  plan.full = true;
  plan.upserts.reserve(view.document().record_count());
  view.document().ForEach([&](const Entry& entry) { plan.upserts.push_back(&entry); });
  return plan;
}

// What transactions in memory say about one document.
struct KnownChanges {
  bool listed = true;                // Every change is in `deletes` or made nothing disappear.
  std::optional<Etag> base_etag;     // Before the first of them; none when nothing changed.
  std::vector<std::string> deletes;  // What the copy has and what was deleted, be it back or not.
};

KnownChanges FoldChanges(const std::vector<CommittedTransactionPtr>& history,
                         const DocumentKey& key) {
  KnownChanges known;
  std::map<std::string, bool> existed;  // By name, before the first change.
  std::map<std::string, bool> deleted;
  for (const CommittedTransactionPtr& transaction : history) {
    for (const DocumentDelta& delta : transaction->deltas) {
      if (delta.key != key) continue;
      if (!known.base_etag.has_value()) known.base_etag = delta.prev_etag;
      if (delta.wholesale) known.listed = false;
      for (const CommittedChange& change : delta.changes) {
        existed.try_emplace(change.name, change.existed);
        if (!change.exists) deleted[change.name] = true;
      }
    }
  }
  for (const auto& [name, was_deleted] : deleted) {
    if (existed[name]) known.deletes.push_back(name);
  }
  return known;
}

// The names to delete, or nothing when they are not known or the copy is none of this document.
std::optional<std::vector<std::string>> FindDeletes(Store& store, const DocumentView& view,
                                                    uint64_t since, absl::string_view base_etag) {
  const DocumentKey& key = view.state->key;
  if (const auto history = store.History(since, view.root->revision); history.has_value()) {
    KnownChanges known = FoldChanges(*history, key);
    const Etag& base = known.base_etag.value_or(view.document().etag());
    if (!base_etag.empty() && base_etag != AsBytes(base)) return std::nullopt;
    if (known.listed) return std::move(known.deletes);
  }
  // The database lists what it has also when its history begins later.
  if (!store.ChainAt(since).ok()) return std::nullopt;
  absl::StatusOr<std::vector<std::string>> deletes =
      store.DeletedModels(key, since, view.root->revision);
  if (!deletes.ok()) return std::nullopt;
  return *std::move(deletes);
}

}  // namespace

DeltaPlan PlanDelta(Store& store, const DocumentView& view, const std::optional<Position>& since,
                    absl::string_view base_etag) {
  if (base_etag == AsBytes(view.document().etag())) return {};
  if (!since.has_value() || since->revision > view.root->revision) return Whole(view);
  std::optional<std::vector<std::string>> deletes =
      FindDeletes(store, view, since->revision, base_etag);
  if (!deletes.has_value()) return Whole(view);
  DeltaPlan plan;
  plan.deletes = *std::move(deletes);
  view.document().ForEach([&](const Entry& entry) {
    if (entry.mod_revision > since->revision) plan.upserts.push_back(&entry);
  });
  if (!plan.upserts.empty() && plan.upserts.size() == view.document().record_count()) {
    return Whole(view);
  }
  return plan;
}

}  // namespace modelref
