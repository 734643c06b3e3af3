#include "service/store/store.h"

#include <openssl/rand.h>

#include <algorithm>
#include <map>
#include <utility>

namespace modelref {
namespace {

Epoch NewEpoch() {
  Epoch epoch;
  RAND_bytes(epoch.data(), static_cast<int>(epoch.size()));
  return epoch;
}

// The canonical bytes of a transaction: what the chain commits to.
void HashTransaction(const CommittedTransaction& transaction, const Root& after,
                     Sha256Hasher* hasher) {
  hasher->UpdateU64BigEndian(transaction.revision);
  hasher->UpdateU64BigEndian(static_cast<uint64_t>(absl::ToUnixMicros(transaction.time)));
  hasher->UpdateU32BigEndian(static_cast<uint32_t>(transaction.caller.size()));
  hasher->Update(transaction.caller);
  for (const DocumentDelta& delta : transaction.deltas) {
    hasher->UpdateU32BigEndian(static_cast<uint32_t>(delta.key.category.size()));
    hasher->Update(delta.key.category);
    hasher->UpdateU32BigEndian(static_cast<uint32_t>(delta.key.format));
    hasher->Update(AsBytes(after.Find(delta.key)->document->etag()));
  }
}

// Steps that leave everything as it is make no event.
std::vector<CommittedChange> Effective(const Document& document,
                                       std::vector<RecordChange> changes) {
  std::map<std::string, RecordPtr> touched;
  std::vector<CommittedChange> effective;
  for (RecordChange& change : changes) {
    const auto earlier = touched.find(change.name);
    RecordPtr before;
    if (earlier != touched.end()) {
      before = earlier->second;
    } else if (const Entry* entry = document.Find(change.name); entry != nullptr) {
      before = entry->record;
    }
    const bool same = before == nullptr
                          ? change.after == nullptr
                          : change.after != nullptr && change.after->etag == before->etag;
    if (same) continue;
    touched[change.name] = change.after;
    effective.push_back({std::move(change.name), std::move(change.after), before != nullptr});
  }
  return effective;
}

std::vector<RecordChange> Steps(const std::vector<CommittedChange>& changes) {
  std::vector<RecordChange> steps;
  steps.reserve(changes.size());
  for (const CommittedChange& change : changes) steps.push_back({change.name, change.after});
  return steps;
}

void SetSourceText(std::shared_ptr<const std::string> text, DocumentState* state) {
  state->source_etag = text == nullptr ? Etag{} : Sha256(*text);
  state->source_text = std::move(text);
}

}  // namespace

Store::Store(const std::vector<DocumentKey>& keys, Clock& clock, const Options& options)
    : clock_(clock), options_(options) {
  auto root = std::make_shared<Root>();
  root->epoch = NewEpoch();
  for (const DocumentKey& key : keys) {
    auto state = std::make_shared<DocumentState>();
    state->key = key;
    state->document = Document::Empty();
    root->documents[key] = std::move(state);
  }
  MutexLock lock(&root_mutex_);
  root_ = std::move(root);
}

RootPtr Store::root() const {
  MutexLock lock(&root_mutex_);
  return root_;
}

std::optional<Store::Applied> Store::Apply(const Root& root, DocumentEdit edit) {
  const DocumentState& before = *root.Find(edit.key);
  Applied applied;
  applied.delta.key = edit.key;
  applied.delta.prev_mod_revision = before.mod_revision;
  applied.delta.prev_etag = before.document->etag();
  applied.state = std::make_shared<DocumentState>(before);
  if (edit.replacement != nullptr) {
    if (edit.replacement->etag() == before.document->etag()) return std::nullopt;
    applied.events = edit.replacement->record_count();
    applied.delta.wholesale = true;
    applied.state->document = std::move(edit.replacement);
  } else {
    applied.delta.changes = Effective(*before.document, std::move(edit.changes));
    if (applied.delta.changes.empty()) return std::nullopt;
    applied.events = applied.delta.changes.size();
  }
  SetSourceText(std::move(edit.source_text), applied.state.get());
  applied.state->problems = std::move(edit.problems);
  applied.state->damage = absl::OkStatus();
  return applied;
}

uint64_t Store::Commit(const std::string& caller, std::vector<DocumentEdit> edits) {
  uint64_t revision;
  {
    MutexLock lock(&commit_mutex_);
    const RootPtr before = root();
    auto transaction = std::make_shared<CommittedTransaction>();
    auto after = std::make_shared<Root>(*before);
    std::vector<Applied> applied;
    uint64_t next_event = before->revision + 1;
    for (DocumentEdit& edit : edits) {
      std::optional<Applied> one = Apply(*before, std::move(edit));
      if (!one.has_value()) continue;
      next_event += one->events;
      applied.push_back(*std::move(one));
    }
    if (applied.empty()) return before->revision;
    revision = transaction->revision = after->revision = next_event - 1;
    transaction->caller = caller;
    transaction->time = clock_.TimeNow();
    for (Applied& one : applied) {
      one.state->mod_revision = transaction->revision;
      one.state->commit_time = transaction->time;
      // Every record of a transaction carries its revision, known only now.
      one.state->document =
          one.delta.wholesale
              ? one.state->document->WithRevision(transaction->revision)
              : one.state->document->Apply(Steps(one.delta.changes), transaction->revision);
      after->documents[one.delta.key] = std::move(one.state);
      transaction->deltas.push_back(std::move(one.delta));
    }
    Sha256Hasher hasher;
    hasher.Update(AsBytes(before->chain));
    HashTransaction(*transaction, *after, &hasher);
    after->chain = hasher.Finish();
    Remember(std::move(transaction));
    Publish(std::move(after));
  }
  NotifyListeners();
  return revision;
}

void Store::Remember(CommittedTransactionPtr transaction) {
  MutexLock lock(&root_mutex_);
  for (const DocumentDelta& delta : transaction->deltas) history_changes_ += delta.changes.size();
  history_.push_back(std::move(transaction));
  while (history_.size() > options_.history_transactions ||
         history_changes_ > options_.history_changes) {
    const CommittedTransaction& oldest = *history_.front();
    for (const DocumentDelta& delta : oldest.deltas) history_changes_ -= delta.changes.size();
    history_floor_ = oldest.revision;
    history_.pop_front();
  }
}

void Store::Publish(std::shared_ptr<Root> root) {
  RootPtr old;  // Released after the lock: freeing a large document takes its time.
  MutexLock lock(&root_mutex_);
  old = std::exchange(root_, std::move(root));
}

void Store::UpdateState(const DocumentKey& key,
                        const std::function<bool(DocumentState*, Root*)>& change) {
  {
    MutexLock lock(&commit_mutex_);
    const RootPtr before = root();
    auto state = std::make_shared<DocumentState>(*before->Find(key));
    auto after = std::make_shared<Root>(*before);
    if (!change(state.get(), after.get())) return;
    after->documents[key] = std::move(state);
    Publish(std::move(after));
  }
  NotifyListeners();
}

void Store::SetFreshness(const DocumentKey& key, FreshnessCause cause, const std::string& detail) {
  UpdateState(key, [&](DocumentState* state, Root* root) {
    FreshnessState& freshness = state->freshness;
    if (freshness.cause == cause && freshness.detail == detail) return false;
    if (!freshness.stale()) freshness.since = clock_.TimeNow();
    freshness.cause = cause;
    freshness.detail = detail;
    freshness.sequence = ++root->freshness_sequence;
    return true;
  });
}

void Store::SetDamage(const DocumentKey& key, const absl::Status& damage) {
  UpdateState(key, [&](DocumentState* state, Root*) {
    if (state->damage == damage) return false;
    state->damage = damage;
    return true;
  });
}

void Store::SetSource(const DocumentKey& key, std::shared_ptr<const std::string> source_text,
                      std::vector<RecordProblem> problems) {
  UpdateState(key, [&](DocumentState* state, Root*) {
    SetSourceText(std::move(source_text), state);
    state->problems = std::move(problems);
    return true;
  });
}

std::optional<std::vector<CommittedTransactionPtr>> Store::History(uint64_t after,
                                                                   uint64_t up_to) const {
  MutexLock lock(&root_mutex_);
  if (after < history_floor_) return std::nullopt;
  const auto by_revision = [](uint64_t revision, const CommittedTransactionPtr& transaction) {
    return revision < transaction->revision;
  };
  const auto first = std::upper_bound(history_.begin(), history_.end(), after, by_revision);
  const auto last = std::upper_bound(first, history_.end(), up_to, by_revision);
  return std::vector<CommittedTransactionPtr>(first, last);
}

uint64_t Store::history_floor() const {
  MutexLock lock(&root_mutex_);
  return history_floor_;
}

void Store::AddListener(std::function<void()> listener) {
  MutexLock lock(&listeners_mutex_);
  listeners_.push_back(std::move(listener));
}

void Store::NotifyListeners() {
  std::vector<std::function<void()>> listeners;
  {
    MutexLock lock(&listeners_mutex_);
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener();
}

}  // namespace modelref
