#include <map>
#include <set>
#include <utility>

#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/history_reader.h"
#include "service/store/store_reader.h"

namespace modelref {
namespace {

// True when the tables no longer belong to the history that `state` is of.
absl::StatusOr<bool> IsAnotherStore(Database& database, const LoadedState& state) {
  ASSIGN_OR_RETURN(const std::string epoch, ReadMeta(database, kMetaEpoch));
  if (epoch != absl::string_view(reinterpret_cast<const char*>(state.root->epoch.data()),
                                 state.root->epoch.size())) {
    return true;
  }
  ASSIGN_OR_RETURN(const int64_t documents, database.QueryInt("SELECT count(*) FROM documents"));
  return documents != static_cast<int64_t>(state.ids.all().size());
}

// What each new transaction did to the records, per document.
using StepsByRevision = std::map<uint64_t, std::map<DocumentKey, std::vector<RecordChange>>>;

RecordChange StepOf(const Statement& row) {
  std::string name(row.Bytes(2));
  if (row.IsNull(4)) return {std::move(name), nullptr};
  return {name, MakeRecord(name, std::string(row.Bytes(4)))};
}

void Apply(const CommittedTransaction& transaction,
           const std::map<DocumentKey, std::vector<RecordChange>>& steps, Root* root) {
  for (const auto& [key, changes] : steps) {
    const DocumentState* before = root->Find(key);
    if (before == nullptr) continue;
    auto after = std::make_shared<DocumentState>(*before);
    after->document = before->document->Apply(changes, transaction.revision);
    after->mod_revision = transaction.revision;
    after->commit_time = transaction.time;
    after->known = true;
    after->damage = absl::OkStatus();
    root->documents.Set(std::move(after));
  }
  root->revision = transaction.revision;
  root->chain = transaction.chain;
  root->time = transaction.time;
}

// Compares what was applied with what the writer said it leads to.
absl::StatusOr<bool> AgreesWithWriter(Database& database, const LoadedState& state,
                                      const StepsByRevision& steps) {
  ASSIGN_OR_RETURN(Statement query, database.Prepare("SELECT etag FROM documents WHERE id = ?"));
  for (const auto& [revision, documents] : steps) {
    for (const auto& [key, changes] : documents) {
      query.Bind(1, state.ids.Find(key));
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row || query.Bytes(0) != AsBytes(state.root->Find(key)->document->etag())) return false;
      query.Reset();
    }
  }
  return true;
}

absl::StatusOr<News> Reload(Database& database, LoadedState* state) {
  ASSIGN_OR_RETURN(*state, LoadState(database, 0, nullptr));
  return News{{}, true};
}

}  // namespace

absl::StatusOr<News> ReadNews(Database& database, LoadedState* state) {
  ASSIGN_OR_RETURN(const bool another, IsAnotherStore(database, *state));
  if (another) return Reload(database, state);
  News news;
  StepsByRevision steps;
  ASSIGN_OR_RETURN(news.transactions,
                   ReadHistory(database, state->ids, state->root->revision,
                               [&](const CommittedTransaction& transaction, const DocumentKey& key,
                                   const Statement& row) {
                                 steps[transaction.revision][key].push_back(StepOf(row));
                               }));
  if (!news.transactions.empty()) {
    auto root = std::make_shared<Root>(*state->root);
    for (const CommittedTransactionPtr& transaction : news.transactions) {
      Apply(*transaction, steps[transaction->revision], root.get());
    }
    state->root = std::move(root);
    ASSIGN_OR_RETURN(const bool agrees, AgreesWithWriter(database, *state, steps));
    if (!agrees) {
      Log(LogLevel::kError, "store.follow_disagrees",
          {{"revision", std::to_string(state->root->revision)}, {"effect", "read anew"}});
      return Reload(database, state);
    }
  }
  ASSIGN_OR_RETURN(const int64_t newest,
                   database.QueryInt("SELECT max(source_sequence) FROM documents"));
  if (newest > state->source_sequence) {
    ASSIGN_OR_RETURN(const bool same_content,
                     LoadDescriptions(database, state->source_sequence, state));
    if (!same_content) return Reload(database, state);
  }
  std::set<DocumentKey> changed;
  for (const auto& [revision, documents] : steps) {
    for (const auto& [key, changes] : documents) changed.insert(key);
  }
  RETURN_IF_ERROR(LoadMetadata(database, changed, state));
  return news;
}

}  // namespace modelref
