#include "service/store/store.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/file_identity.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/commit_watch.h"
#include "service/store/committer.h"
#include "service/store/history_reader.h"
#include "service/store/log_space.h"
#include "service/store/schema.h"
#include "service/store/store_identity.h"
#include "service/store/store_lock.h"
#include "service/store/store_reader.h"

namespace modelref {
namespace {

// Gives `content` what is only known in memory about the documents of `known`.
RootPtr WithFreshness(const RootPtr& content, const Root& known) {
  auto root = std::make_shared<Root>(*content);
  root->freshness_sequence = known.freshness_sequence;
  for (const auto& [key, state] : content->documents) {
    const DocumentState* old = known.Find(key);
    if (old == nullptr || old == state.get()) continue;
    const bool same_content =
        old->mod_revision == state->mod_revision && old->known == state->known;
    auto merged = std::make_shared<DocumentState>(*state);
    merged->freshness = old->freshness;
    merged->damage = same_content ? old->damage : absl::OkStatus();
    root->documents.Set(std::move(merged));
  }
  return root;
}

}  // namespace

Store::Store(Clock& clock, const Options& options)
    : clock_(clock),
      options_(options),
      history_(options.history_transactions, options.history_changes) {}

Store::Store(const std::vector<DocumentKey>& keys, Clock& clock, const Options& options)
    : Store(clock, options) {
  if (const absl::Status status = Start(keys); !status.ok()) {
    // Only a lack of memory can keep a store in memory from opening.
    Log(LogLevel::kError, "store.open_failed", {{"error", std::string(status.message())}});
    std::abort();
  }
}

Store::~Store() {
  watch_.reset();
  callbacks_.Stop();  // They may write.
  committer_.reset();
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::vector<DocumentKey>& keys,
                                                   Clock& clock, const Options& options) {
  std::unique_ptr<Store> store(new Store(clock, options));
  RETURN_IF_ERROR(store->Start(keys));
  return store;
}

absl::Status Store::Start(const std::vector<DocumentKey>& keys) {
  std::string path;
  if (!options_.directory.empty()) {
    RETURN_IF_ERROR(CreateDirectories(options_.directory));
    ASSIGN_OR_RETURN(lock_, LockStoreToUse(options_.directory));
    if (!options_.allow_network_file_system && IsNetworkFileSystem(options_.directory)) {
      return absl::FailedPreconditionError(
          absl::StrCat(options_.directory,
                       ": is on a network file system, whose locks cannot be relied on; use "
                       "a local disk, or set store.allow_network_file_system"));
    }
    path = options_.directory + kDatabaseFile;
  }
  const Database::Options open{false, options_.busy_timeout, options_.file_layer};
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(path, open));
  // What a crash left in the log becomes part of the synced database before anybody sees it. Busy
  // only means that others have it open and did so.
  RETURN_IF_ERROR(database->Execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  // Groups of writes fill the default of 1,000 pages every third commit, and each checkpoint syncs
  // twice.
  RETURN_IF_ERROR(database->Execute(absl::StrCat("PRAGMA wal_autocheckpoint = ", kLogPages)));
  RETURN_IF_ERROR(PrepareSchema(*database));
  RETURN_IF_ERROR(PrepareIdentity(*database, options_.directory, keys));
  if (!path.empty()) {
    Database::Options reader = open;
    reader.read_only = true;
    MutexLock lock(&reader_mutex_);
    ASSIGN_OR_RETURN(reader_, Database::Open(path, reader));
  }
  return Load(std::move(database));
}

absl::Status Store::Load(std::unique_ptr<Database> database) {
  RETURN_IF_ERROR(database->Execute("BEGIN"));
  TransactionRing ring(options_.history_transactions, options_.history_changes);
  absl::StatusOr<LoadedState> state = LoadState(*database, options_.history_transactions, &ring);
  RETURN_IF_ERROR(database->Execute("ROLLBACK"));
  RETURN_IF_ERROR(state.status());
  {
    MutexLock lock(&root_mutex_);
    root_ = state->root;
    history_ = std::move(ring);
  }
  committer_ = std::make_unique<Committer>(*this, clock_, std::move(database), *std::move(state));
  if (!options_.directory.empty()) {
    watch_ = std::make_unique<CommitWatch>(options_.directory, options_.follow_interval,
                                           [this] { committer_->Nudge(); });
  }
  return absl::OkStatus();
}

RootPtr Store::root() const {
  MutexLock lock(&root_mutex_);
  return root_;
}

// --- Writing -------------------------------------------------------------------------------------

void Store::CommitAsync(TransactionRequest request, CommitCallback done) {
  committer_->Commit(std::move(request), std::move(done));
}

absl::StatusOr<CommitResult> Store::Commit(TransactionRequest request) {
  struct Completion {
    Mutex mutex;
    CondVar changed;
    std::optional<absl::StatusOr<CommitResult>> outcome ABSL_GUARDED_BY(mutex);
  };
  Completion completion;
  CommitAsync(std::move(request), [&](absl::StatusOr<CommitResult> outcome) {
    MutexLock lock(&completion.mutex);
    completion.outcome = std::move(outcome);
    completion.changed.SignalAll();
  });
  MutexLock lock(&completion.mutex);
  while (!completion.outcome.has_value()) completion.changed.Wait(&completion.mutex);
  return *std::move(completion.outcome);
}

absl::StatusOr<CommitResult> Store::Commit(const std::string& caller,
                                           std::vector<DocumentEdit> edits) {
  TransactionRequest request;
  request.caller = caller;
  request.body = [edits = std::move(edits)](TransactionContext& context) {
    for (const DocumentEdit& edit : edits) RETURN_IF_ERROR(context.Edit(edit));
    return absl::OkStatus();
  };
  return Commit(std::move(request));
}

BackendStatistics Store::commit_latency() const { return committer_->latency(); }

void Store::Publish(const RootPtr& content, std::vector<CommittedTransactionPtr> transactions) {
  RootPtr old;  // Released after the lock: freeing a large document takes its time.
  {
    MutexLock lock(&root_mutex_);
    old = std::exchange(root_, WithFreshness(content, *root_));
    for (const CommittedTransactionPtr& transaction : transactions) history_.Add(transaction);
  }
  callbacks_.Tell(transactions);
  NotifyListeners();
}

void Store::Replace(const RootPtr& content, TransactionRing history) {
  RootPtr old;
  {
    MutexLock lock(&root_mutex_);
    old = std::exchange(root_, WithFreshness(content, *root_));
    std::swap(history_, history);
  }
  callbacks_.TellGap(content->revision);
  NotifyListeners();
}

void Store::UpdateState(const DocumentKey& key,
                        const std::function<bool(DocumentState*, Root*)>& change) {
  RootPtr old;
  {
    MutexLock lock(&root_mutex_);
    auto state = std::make_shared<DocumentState>(*root_->Find(key));
    auto after = std::make_shared<Root>(*root_);
    if (!change(state.get(), after.get())) return;
    after->documents.Set(std::move(state));
    old = std::exchange(root_, std::move(after));
  }
  NotifyListeners();
}

void Store::SetFreshness(const DocumentKey& key, FreshnessCause cause, const std::string& detail) {
  const absl::Time now = clock_.TimeNow();
  UpdateState(key, [&](DocumentState* state, Root* root) {
    FreshnessState& freshness = state->freshness;
    if (freshness.cause == cause && freshness.detail == detail) return false;
    if (!freshness.stale()) freshness.since = now;
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

// --- History -------------------------------------------------------------------------------------

std::optional<std::vector<CommittedTransactionPtr>> Store::History(uint64_t after,
                                                                   uint64_t up_to) const {
  MutexLock lock(&root_mutex_);
  return history_.Between(after, up_to);
}

uint64_t Store::history_floor() const {
  MutexLock lock(&root_mutex_);
  return history_.floor();
}

std::optional<Sha256Digest> Store::RecentChainAt(uint64_t revision) const {
  MutexLock lock(&root_mutex_);
  return history_.ChainAt(revision);
}

absl::Status Store::Query(const std::function<absl::Status(Database&)>& query) {
  if (options_.directory.empty()) return committer_->Query(query);
  MutexLock lock(&reader_mutex_);
  return query(*reader_);
}

absl::StatusOr<Sha256Digest> Store::ChainAt(uint64_t revision) {
  if (const auto recent = RecentChainAt(revision); recent.has_value()) return *recent;
  Sha256Digest chain{};
  RETURN_IF_ERROR(Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(Statement query,
                     database.Prepare("SELECT chain FROM transactions WHERE revision <= ? ORDER BY "
                                      "revision DESC LIMIT 1"));
    query.Bind(1, revision);
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (row) {
      chain = ToArray<32>(query.Bytes(0));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const int64_t first,
                     database.QueryInt("SELECT min(first_event) FROM transactions"));
    // Right before the first transaction the chain is zero; earlier history was another's.
    if (first != 0 && revision + 1 == static_cast<uint64_t>(first)) return absl::OkStatus();
    return Error(absl::StatusCode::kOutOfRange, "COMPACTED",
                 absl::StrCat("the history at ", revision, " is not kept"));
  }));
  return chain;
}

absl::StatusOr<std::vector<std::string>> Store::DeletedModels(const DocumentKey& key,
                                                              uint64_t after, uint64_t up_to) {
  std::vector<std::string> names;
  RETURN_IF_ERROR(Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(
        Statement query,
        database.Prepare("SELECT DISTINCT name FROM events WHERE document = (SELECT id FROM "
                         "documents WHERE category = ? AND format = ?) AND id > ? AND id <= ? AND "
                         "operation = 3 ORDER BY name"));
    query.Bind(1, key.category).Bind(2, static_cast<int>(key.format)).Bind(3, after).Bind(4, up_to);
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return absl::OkStatus();
      names.emplace_back(query.Bytes(0));
    }
  }));
  return names;
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

absl::Status Store::fenced() const { return committer_->fenced(); }

}  // namespace modelref
