#include "backends/caching_backend.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/log.h"

namespace modelref {
namespace {

// Gives asynchronous callers their answer on a thread of the executor, or wherever an executor that
// refuses or drops it destroys it.
class Delivery {
 public:
  Delivery(std::vector<CacheLoad::Callback> callbacks, CacheLoad::Result result)
      : callbacks_(std::move(callbacks)), result_(std::move(result)) {}
  ~Delivery() { Run(); }
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  void Run() {
    for (const CacheLoad::Callback& callback : std::exchange(callbacks_, {})) callback(result_);
  }

 private:
  std::vector<CacheLoad::Callback> callbacks_;
  const CacheLoad::Result result_;
};

uint64_t SizeOf(const absl::StatusOr<SnapshotPtr>& loaded) {
  return loaded.ok() ? (*loaded)->source_bytes : 0;
}

// An outer cache would keep a last good snapshot as a fresh one.
absl::StatusOr<SnapshotPtr> WithoutState(absl::StatusOr<CachedSnapshot> answer, FetchMode mode) {
  if (!answer.ok()) return answer.status();
  if (mode == FetchMode::kBypassCaches && !answer->last_error.ok()) return answer->last_error;
  return std::move(answer->snapshot);
}

}  // namespace

// A load on its way through the executor. One that is dropped fails, so that nobody waits for ever.
class CachingBackend::LoadTask {
 public:
  LoadTask(std::shared_ptr<CachingBackend> cache, CacheLoadPtr load)
      : cache_(std::move(cache)), load_(std::move(load)) {}
  ~LoadTask() {
    Abandon(Error(absl::StatusCode::kUnavailable, "DRAINING", "the load was not started"));
  }
  LoadTask(const LoadTask&) = delete;
  LoadTask& operator=(const LoadTask&) = delete;

  void Run() {
    if (load_->Claim()) cache_->Run(load_, Runner::kExecutor);
  }
  void Abandon(const absl::Status& status) {
    if (load_->Claim()) {
      cache_->Deliver(load_, {status, cache_->table_.Abandon(load_)}, Runner::kExecutor);
    }
  }

 private:
  const std::shared_ptr<CachingBackend> cache_;
  const CacheLoadPtr load_;
};

std::shared_ptr<CachingBackend> CachingBackend::Make(std::shared_ptr<ModelReferenceBackend> source,
                                                     Options options, Clock& clock,
                                                     Executor& executor) {
  return std::shared_ptr<CachingBackend>(
      new CachingBackend(std::move(source), std::move(options), clock, executor));
}

CachingBackend::CachingBackend(std::shared_ptr<ModelReferenceBackend> source, Options options,
                               Clock& clock, Executor& executor)
    : source_(std::move(source)),
      options_(std::move(options)),
      clock_(clock),
      executor_(executor),
      statistics_(options_.name) {
  SetTtl(options_.ttl);
}

absl::StatusOr<SnapshotPtr> CachingBackend::Fetch(const DocumentKey& key, FetchMode mode) {
  return WithoutState(FetchWithState(key, mode), mode);
}

void CachingBackend::FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) {
  FetchWithStateAsync(key, mode,
                      [mode, done = std::move(done)](absl::StatusOr<CachedSnapshot> answer) {
                        done(WithoutState(std::move(answer), mode));
                      });
}

absl::StatusOr<CachedSnapshot> CachingBackend::FetchWithState(const DocumentKey& key,
                                                              FetchMode mode) {
  const CacheTable::Ticket ticket = Begin(key, mode);
  if (ticket.load == nullptr) return StateOf(*ticket.entry);
  return Answer(RunOrWait(ticket.load));
}

void CachingBackend::FetchWithStateAsync(const DocumentKey& key, FetchMode mode,
                                         StateCallback done) {
  const CacheTable::Ticket ticket = Begin(key, mode);
  if (ticket.load == nullptr) {
    done(StateOf(*ticket.entry));
    return;
  }
  ticket.load->OnFinish([self = shared_from_this(), done = std::move(done)](
                            const CacheLoad::Result& result) { done(self->Answer(result)); });
  if (ticket.is_leader) Submit(ticket.load);
}

std::optional<CachedSnapshot> CachingBackend::Peek(const DocumentKey& key) const {
  const CacheEntryPtr entry = table_.Find(key);
  if (entry == nullptr) return std::nullopt;
  return StateOf(*entry);
}

CacheTable::Ticket CachingBackend::Begin(const DocumentKey& key, FetchMode mode) {
  statistics_.CountCall();
  const CacheEntryPtr entry = table_.Find(key);
  CacheTable::Ticket ticket;
  if (mode == FetchMode::kBypassCaches) {
    ticket = CacheTable::Ticket{nullptr, table_.StartBypass(key, clock_.TimeNow()), true};
  } else if (CanServe(key, entry)) {
    ticket.entry = entry;
  } else {
    ticket = table_.Join(key, entry, clock_.TimeNow());
  }
  if (ticket.load == nullptr) {
    statistics_.CountHit();
    return ticket;
  }
  statistics_.CountMiss();
  if (ticket.is_leader && (entry != nullptr || mode == FetchMode::kBypassCaches)) {
    statistics_.CountRefresh();
  }
  return ticket;
}

void CachingBackend::Submit(const CacheLoadPtr& load) {
  const auto task = std::make_shared<LoadTask>(shared_from_this(), load);
  const absl::Status submitted = executor_.Submit([task] { task->Run(); });
  if (!submitted.ok()) task->Abandon(submitted);
}

CacheLoad::Result CachingBackend::RunOrWait(const CacheLoadPtr& load) {
  if (load->Claim()) Run(load, Runner::kBlockingCaller);
  return load->Wait();
}

void CachingBackend::Run(const CacheLoadPtr& load, Runner runner) {
  const absl::Time start = clock_.TimeNow();
  absl::StatusOr<SnapshotPtr> loaded = source_->Fetch(load->key, load->mode);
  if (loaded.ok()) {
    if (absl::Status distrust = Distrust(load->key, **loaded); !distrust.ok()) loaded = distrust;
  }
  statistics_.CountRead(loaded.status(), clock_.TimeNow() - start, SizeOf(loaded));
  Finish(load, loaded, runner);
}

absl::Status CachingBackend::Distrust(const DocumentKey& key, const Snapshot& loaded) const {
  const CacheEntryPtr entry = table_.Find(key);
  if (entry == nullptr) return absl::OkStatus();
  if (!loaded.suspicion.empty() && entry->snapshot->suspicion.empty()) {
    return Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED",
                 absl::StrCat(key.ToString(), ": ", loaded.suspicion));
  }
  if (options_.distrust_empty && loaded.document->record_count() == 0 &&
      entry->snapshot->document->record_count() > 0) {
    return Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED",
                 absl::StrCat(key.ToString(), ": the source has no records any more"));
  }
  return absl::OkStatus();
}

void CachingBackend::Finish(const CacheLoadPtr& load, const absl::StatusOr<SnapshotPtr>& loaded,
                            Runner runner) {
  const CacheTable::Outcome outcome = table_.Finish(load, loaded, clock_.TimeNow());
  // First, so that no reader waits for an invalidation callback.
  Deliver(load, {loaded.status(), outcome.entry}, runner);
  if (outcome.began_failing) {
    Log(LogLevel::kDebug, "cache.refresh_failed",
        {{"document", load->key.ToString()},
         {"code", absl::StatusCodeToString(loaded.status().code())},
         {"message", std::string(loaded.status().message())}});
  }
  if (outcome.became_stale) Notify(load->key, StaleCause::kRefreshFailed);
}

void CachingBackend::Deliver(const CacheLoadPtr& load, const CacheLoad::Result& result,
                             Runner runner) {
  std::vector<CacheLoad::Callback> waiting = load->Finish(result);
  if (waiting.empty()) return;
  const auto delivery = std::make_shared<Delivery>(std::move(waiting), result);
  if (runner == Runner::kBlockingCaller) {
    // When refused, the delivery runs as it goes out of scope.
    executor_.Submit([delivery] { delivery->Run(); }).IgnoreError();
  }
}

absl::StatusOr<CachedSnapshot> CachingBackend::Answer(const CacheLoad::Result& result) const {
  const bool may_serve = result.entry != nullptr && options_.serve_last_good;
  if (!result.status.ok() && !may_serve) return result.status;
  CachedSnapshot answer = StateOf(*result.entry);
  answer.last_error = result.status;  // Of this load, whatever became of others.
  return answer;
}

CachedSnapshot CachingBackend::StateOf(const CacheEntry& entry) const {
  CachedSnapshot state{entry.snapshot, entry.stale, absl::ZeroDuration(), entry.last_error};
  if (entry.stale) {
    state.stale_age = std::max(absl::ZeroDuration(), clock_.TimeNow() - entry.stale_since);
  }
  return state;
}

BackendStatistics CachingBackend::Statistics() const {
  return statistics_.Read(table_.entries()->size());
}

}  // namespace modelref
