#include "service/store/committer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/failpoint.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/store.h"

namespace modelref {
namespace {

using std::chrono::steady_clock;

// The most transactions in one group: what waits behind it is delayed by one commit.
constexpr size_t kGroupLimit = 1024;

bool IsReason(const absl::Status& status, absl::string_view reason) {
  return ReasonOf(status) == reason;
}

// Whether an error concerns the database and with it everybody in the group.
bool EndsGroup(const absl::Status& status) {
  return IsReason(status, "STORE_BUSY") || IsReason(status, "STORE_IO_ERROR") ||
         IsReason(status, "DISK_FULL") || IsReason(status, "STORE_DAMAGED");
}

// All that the engine has open. None where another file layer decides what a path means.
std::vector<std::string> DatabaseFiles(const Store::Options& options) {
  const std::string log = LogPathOf(options);
  if (log.empty()) return {};
  const std::string path = options.directory + kDatabaseFile;
  return {path, log, path + "-shm"};
}

}  // namespace

Committer::Committer(Store& store, Clock& clock, std::unique_ptr<Database> database,
                     LoadedState state)
    : store_(store),
      clock_(clock),
      database_(std::move(database)),
      files_(DatabaseFiles(store.options())),
      state_(std::move(state)),
      log_space_(LogPathOf(store.options())) {
  thread_ = std::thread([this] { Run(); });
}

Committer::~Committer() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.SignalAll();
  thread_.join();
}

bool Committer::Enqueue(Task task) {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.Signal();
  return true;
}

void Committer::Commit(TransactionRequest request, CommitCallback done) {
  if (const absl::Status status = fenced(); !status.ok()) {
    done(status);
    return;
  }
  if (!Enqueue(Waiting{std::move(request), done, steady_clock::now()})) {
    done(Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the store is closing"));
  }
}

absl::Status Committer::Query(const std::function<absl::Status(Database&)>& query) {
  struct Completion {
    Mutex mutex;
    CondVar changed;
    bool done ABSL_GUARDED_BY(mutex) = false;
    absl::Status status ABSL_GUARDED_BY(mutex);
  };
  Completion completion;
  const bool queued = Enqueue(Job([&](Database& database) {
    absl::Status status = query(database);
    MutexLock lock(&completion.mutex);
    completion.status = std::move(status);
    completion.done = true;
    completion.changed.SignalAll();
  }));
  if (!queued)
    return Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the store is closing");
  MutexLock lock(&completion.mutex);
  while (!completion.done) completion.changed.Wait(&completion.mutex);
  return completion.status;
}

void Committer::Nudge() {
  {
    MutexLock lock(&mutex_);
    // Whoever is at work looks before it waits again; own commits cause most of the nudges.
    if (std::exchange(nudged_, true) || at_work_) return;
  }
  changed_.Signal();
}

absl::Status Committer::fenced() const {
  MutexLock lock(&mutex_);
  return fenced_;
}

void Committer::Fence(const absl::Status& status) {
  Log(LogLevel::kError, "store.fenced",
      {{"error", std::string(status.message())},
       {"effect", "writes under way may or may not be kept; only reads work until a restart"}});
  MutexLock lock(&mutex_);
  fenced_ = status;
}

void Committer::Run() {
  while (true) {
    std::deque<Task> tasks;
    bool nudged;
    {
      MutexLock lock(&mutex_);
      at_work_ = false;
      while (tasks_.empty() && !nudged_ && !stopping_) changed_.Wait(&mutex_);
      at_work_ = true;
      if (tasks_.empty() && stopping_) return;
      tasks.swap(tasks_);
      nudged = std::exchange(nudged_, false);
    }
    if (nudged) Follow();
    std::vector<Waiting> group;
    for (Task& task : tasks) {
      if (auto* waiting = std::get_if<Waiting>(&task)) {
        group.push_back(std::move(*waiting));
        if (group.size() < kGroupLimit) continue;
      }
      // A query sees what was committed before it was asked.
      if (!group.empty()) CommitGroup(std::exchange(group, {}));
      if (const auto* job = std::get_if<Job>(&task)) (*job)(*database_);
    }
    if (!group.empty()) CommitGroup(std::move(group));
  }
}

// --- Groups --------------------------------------------------------------------------------------

void Committer::CommitGroup(std::vector<Waiting> group) {
  std::vector<Member> members;
  for (Waiting& waiting : group) members.push_back({std::move(waiting), fenced(), false, nullptr});
  absl::Status status = fenced();
  // Savepoints cost a fifth of a transaction, and hardly any group needs them.
  if (status.ok()) status = TryGroup(&members, false);
  if (absl::IsAborted(status)) status = TryGroup(&members, true);
  if (IsReason(status, "STORE_FENCED")) Fence(status);
  if (status.ok()) NoteLatency(members);
  FAILPOINT("store.before_answer");
  for (Member& member : members) {
    if (!status.ok()) {
      member.waiting.done(status);
    } else if (!member.status.ok()) {
      member.waiting.done(member.status);
    } else {
      member.waiting.done(CommitResult{std::move(member.root), member.changed});
    }
  }
}

void Committer::NoteLatency(const std::vector<Member>& members) {
  const auto now = steady_clock::now();
  for (const Member& member : members) {
    if (!member.changed) continue;
    latency_.CountRead(absl::OkStatus(), absl::FromChrono(now - member.waiting.since), 0);
  }
}

absl::Status Committer::TryGroup(std::vector<Member>* members, bool savepoints) {
  ASSIGN_OR_RETURN(WriteTransaction transaction, WriteTransaction::Begin(*database_));
  RETURN_IF_ERROR(CheckFiles());
  RETURN_IF_ERROR(TakeNews());
  const int64_t old_sequence = state_.source_sequence;
  const int64_t old_metadata_sequence = state_.metadata_sequence;
  const RootPtr old_root = state_.root;
  // With the freshness that is known now.
  state_.root = store_.root();
  absl::Status status;
  Group group{savepoints};
  for (Member& member : *members) {
    status = RunMember(&member, &group);
    if (!status.ok()) break;
  }
  if (status.ok()) status = WriteNewestRows(*database_, state_.ids, *state_.root, group.newest);
  if (status.ok()) status = CommitDatabase(&transaction);
  if (!status.ok()) {
    state_.root = old_root;
    state_.source_sequence = old_sequence;
    state_.metadata_sequence = old_metadata_sequence;
    return status;
  }
  FAILPOINT("store.before_publish");
  if (state_.root != store_.root()) store_.Publish(state_.root, std::move(group.done));
  return absl::OkStatus();
}

absl::Status Committer::CommitDatabase(WriteTransaction* transaction) {
  RETURN_IF_ERROR(FAILPOINT_STATUS("store.before_commit"));
  log_space_.Extend();
  const absl::Status status = transaction->Commit();
  FAILPOINT("store.after_commit");
  // What went to a file that nobody will find must not be acknowledged.
  if (status.ok()) return CheckFiles();
  if (!IsReason(status, "STORE_IO_ERROR")) return status;
  // The log may have the transaction, whole and synced, or not: nobody may build on either.
  return Error(absl::StatusCode::kUnavailable, "STORE_FENCED",
               absl::StrCat("the outcome is unknown until a restart: ", status.message()));
}

absl::Status Committer::Run(absl::string_view sql) {
  ASSIGN_OR_RETURN(Statement statement, database_->Prepare(sql));
  return statement.Run();
}

absl::Status Committer::RunMember(Member* member, Group* group) {
  if (group->savepoints) RETURN_IF_ERROR(Run("SAVEPOINT member"));
  const int64_t writes = database_->total_changes();
  TransactionOrigin origin{member->waiting.request.caller, member->waiting.request.request_id,
                           std::max(clock_.TimeNow(), state_.root->time)};
  // What is stored and hashed has no finer time.
  origin.time = absl::FromUnixMicros(absl::ToUnixMicros(origin.time));
  PreparedTransaction prepared;
  NewestRows newest;
  member->status = RunBody(member, &prepared, &origin, &newest);
  if (!member->status.ok()) {
    if (EndsGroup(member->status)) return member->status;
    if (database_->total_changes() == writes) return EndMember(*group);
    if (!group->savepoints) return absl::AbortedError("a member is to be undone");
    RETURN_IF_ERROR(Run("ROLLBACK TO member"));
    return EndMember(*group);
  }
  RETURN_IF_ERROR(EndMember(*group));
  group->newest.documents.merge(newest.documents);
  group->newest.metadata.merge(newest.metadata);
  const bool differs =
      !prepared.events.empty() || !prepared.described.empty() || !prepared.counted.empty();
  if (differs) state_.root = prepared.root;
  // With events it may lag: what is read again then is the same.
  if (prepared.events.empty() && !prepared.counted.empty()) {
    ASSIGN_OR_RETURN(state_.metadata_sequence,
                     database_->QueryInt("SELECT max(sequence) FROM category_metadata"));
  }
  if (!prepared.described.empty()) {
    ASSIGN_OR_RETURN(state_.source_sequence,
                     database_->QueryInt("SELECT max(source_sequence) FROM documents"));
  }
  member->root = state_.root;
  member->changed = !prepared.events.empty();
  if (member->changed) group->done.push_back(prepared.transaction);
  return absl::OkStatus();
}

absl::Status Committer::EndMember(const Group& group) {
  return group.savepoints ? Run("RELEASE member") : absl::OkStatus();
}

absl::Status Committer::RunBody(Member* member, PreparedTransaction* prepared,
                                TransactionOrigin* origin, NewestRows* newest) {
  TransactionContext context(state_.root, *database_, origin->time);
  RETURN_IF_ERROR(member->waiting.request.body(context));
  ASSIGN_OR_RETURN(*prepared, PrepareTransaction(state_.root, std::move(context.edits()), *origin));
  RETURN_IF_ERROR(
      WriteTransactionRows(*database_, state_.ids, *state_.root, *prepared, *origin, newest));
  const TransactionFinish& finish = member->waiting.request.finish;
  if (!finish) return absl::OkStatus();
  const bool changed = !prepared->events.empty();
  return finish(*database_, {changed ? prepared->root : state_.root, changed});
}

}  // namespace modelref
