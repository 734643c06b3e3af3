#include "clients/cpp/mirror_core.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/mirror_fetcher.h"

namespace modelref {
namespace {

std::function<double()> SystemRandom() {
  return [engine = std::mt19937_64(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(engine);
  };
}

absl::Time Now() { return MonotonicClock().TimeNow(); }

WatcherOptions WatchOf(const MirrorOptions& options, const std::vector<MirrorCopyPtr>& held) {
  WatcherOptions watch;
  watch.filter = options.filter;
  watch.payload = v1::PAYLOAD_DELTA_INLINE;
  watch.client_id = options.client_id;
  watch.timing = options.timing;
  for (const MirrorCopyPtr& copy : held) {
    v1::KnownDocumentState& known = watch.known.emplace_back();
    known.set_category(copy->key.category);
    known.set_format(static_cast<v1::Format>(copy->key.format));
    known.set_etag(std::string(AsBytes(copy->document->etag())));
  }
  return watch;
}

}  // namespace

Mirror::Core::Core(Client* client, MirrorOptions options)
    : client_(*client),
      options_(std::move(options)),
      state_(!options_.filter.formats().empty(), SystemRandom()),
      view_(std::make_shared<const MirrorView>()) {}

Mirror::Core::~Core() {
  // First, so that nothing new comes.
  watcher_.reset();
  cancellation_.Cancel();
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  for (std::thread& fetcher : fetchers_) fetcher.join();
  if (notifier_.joinable()) notifier_.join();
  saver_.reset();
}

void Mirror::Core::Problem(const absl::Status& problem) const {
  if (options_.on_problem) options_.on_problem(problem);
}

absl::Status Mirror::Core::Load() {
  if (options_.directory.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<MirrorDirectory>> directory =
      MirrorDirectory::Open(options_.directory);
  const MirrorContent content = ReadMirrorDirectory(options_.directory);
  // A copy that can be read is of use although it cannot be written.
  const bool in_use = absl::IsAborted(directory.status());
  if (!directory.ok() && !in_use && content.copies.empty()) return directory.status();
  if (!directory.ok()) Problem(directory.status());
  for (const MirrorContent::Refused& refused : content.refused) {
    Problem(Annotated(refused.why, absl::StrCat(options_.directory, "/", refused.file)));
  }
  if (!content.manifest.ok() && !absl::IsNotFound(content.manifest.status())) {
    Problem(Annotated(content.manifest.status(), options_.directory));
  }
  StartSaver(content, directory.ok() ? *std::move(directory) : nullptr);
  MutexLock lock(&mutex_);
  for (const MirrorCopy& copy : content.copies) {
    if (MatchesFilter(options_.filter, copy.key)) state_.Load(std::make_shared<MirrorCopy>(copy));
  }
  for (const MirrorContent::Refused& refused : content.refused) {
    if (MatchesFilter(options_.filter, refused.key)) state_.LoadDamaged(refused.key);
  }
  if (content.manifest.ok()) {
    const absl::Duration age = RealClock().TimeNow() - content.manifest->confirmed;
    confirmed_ = Now() - std::max(age, absl::ZeroDuration());
  }
  ShowLocked();
  return absl::OkStatus();
}

void Mirror::Core::StartSaver(const MirrorContent& content,
                              std::unique_ptr<MirrorDirectory> directory) {
  MirrorSaver::Options saver;
  saver.path = options_.directory;
  saver.state = [this] { return SaverState(); };
  saver.on_saved = options_.on_saved;
  saver.on_problem = options_.on_problem;
  std::vector<MirrorManifestEntry> held;
  for (const MirrorCopy& copy : content.copies) held.push_back(ManifestEntryOf(copy));
  saver_ = std::make_unique<MirrorSaver>(std::move(saver), std::move(directory), held);
}

void Mirror::Core::Start() {
  std::vector<MirrorCopyPtr> held;
  {
    MutexLock lock(&mutex_);
    held = state_.AllShown();
  }
  if (options_.on_change) notifier_ = std::thread([this] { NotifyAll(); });
  for (int i = 0; i < options_.fetch_threads; ++i) {
    fetchers_.emplace_back([this] { FetchAll(); });
  }
  WatcherOptions watch = WatchOf(options_, held);
  watch.on_cut = [this](const WatchCut& cut, const WatchedDocuments& documents) {
    TakeCut(cut, documents);
  };
  watch.on_status = [this](const WatchStatus& status) { TakeStatus(status); };
  watch.on_freshness = [this](const v1::Freshness& freshness) { TakeFreshness(freshness); };
  watcher_ = std::make_unique<Watcher>(&client_, std::move(watch));
}

void Mirror::Core::TakeCut(const WatchCut& cut, const WatchedDocuments& documents) {
  MutexLock lock(&mutex_);
  const std::vector<DocumentKey> changed = state_.TakeCut(cut, documents, Now());
  PublishLocked(changed);
  watch_.epoch = cut.header.epoch();
  watch_.revision = cut.header.revision();
  // What a stream tells while it catches up is not the newest yet.
  const bool newest = cut.kind != WatchCut::Kind::kChanges || watch_.state == SyncState::kSynced;
  if (newest) watch_.confirmed = Now();
  ConfirmLocked();
  changed_.SignalAll();
}

void Mirror::Core::TakeStatus(const WatchStatus& status) {
  MutexLock lock(&mutex_);
  watch_ = status;
  ConfirmLocked();
  changed_.SignalAll();
}

void Mirror::Core::TakeFreshness(const v1::Freshness& freshness) {
  const std::optional<DocumentKey> key = KeyOf(freshness.category(), freshness.format());
  if (!key.has_value()) return;
  MutexLock lock(&mutex_);
  if (freshness.stale()) {
    stale_.insert(*key);
  } else {
    stale_.erase(*key);
  }
}

std::optional<MirrorFetch> Mirror::Core::WaitForFetch() {
  MutexLock lock(&mutex_);
  for (;;) {
    if (stopping_) return std::nullopt;
    const absl::Time now = Now();
    if (std::optional<MirrorFetch> fetch = state_.NextFetch(now)) return fetch;
    changed_.WaitFor(&mutex_, std::min(state_.NextDue() - now, absl::Hours(1)));
  }
}

void Mirror::Core::FetchAll() {
  while (const std::optional<MirrorFetch> fetch = WaitForFetch()) {
    absl::StatusOr<MirrorCopyPtr> copy =
        FetchMirrorCopy(client_, *fetch, options_.max_document_bytes, &cancellation_);
    MutexLock lock(&mutex_);
    if (!copy.ok()) {
      state_.TakeFailure(*fetch, copy.status(), Now());
    } else if (state_.TakeFetched(*fetch, *std::move(copy), Now())) {
      PublishLocked({fetch->key});
      ConfirmLocked();
    }
    changed_.SignalAll();
  }
}

void Mirror::Core::NotifyAll() {
  for (;;) {
    DocumentKey key;
    MirrorCopyPtr copy;
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && untold_.empty()) changed_.Wait(&mutex_);
      if (stopping_) return;
      key = *untold_.begin();
      untold_.erase(untold_.begin());
      copy = state_.Shown(key);
    }
    options_.on_change(key, copy);
  }
}

void Mirror::Core::ShowLocked() {
  auto view = std::make_shared<MirrorView>();
  for (MirrorCopyPtr& copy : state_.AllShown()) view->emplace(copy->key, std::move(copy));
  MutexLock lock(&view_mutex_);
  view_ = std::move(view);
}

void Mirror::Core::PublishLocked(const std::vector<DocumentKey>& changed) {
  const std::set<DocumentKey> removed = state_.TakeRemoved();
  if (changed.empty() && removed.empty()) return;
  ShowLocked();
  untold_.insert(changed.begin(), changed.end());
  if (saver_ == nullptr) return;
  for (const DocumentKey& key : changed) {
    if (MirrorCopyPtr copy = state_.Shown(key)) saver_->Save(std::move(copy));
  }
  for (const DocumentKey& key : removed) saver_->Remove(key);
}

SyncState Mirror::Core::StateLocked() const {
  if (watch_.state == SyncState::kSynced && !state_.AllCurrent()) return SyncState::kStale;
  return watch_.state;
}

void Mirror::Core::ConfirmLocked() {
  if (state_.AllCurrent()) confirmed_ = std::max(confirmed_, watch_.confirmed);
}

std::shared_ptr<const MirrorView> Mirror::Core::view() const {
  MutexLock lock(&view_mutex_);
  return view_;
}

MirrorStatus Mirror::Core::status() const {
  MirrorStatus status;
  if (saver_ != nullptr) {
    status.writable = saver_->writable();
    status.last_error = saver_->last_error();
  }
  MutexLock lock(&mutex_);
  status.state = StateLocked();
  status.age = Now() - confirmed_;
  status.documents = state_.AllShown().size();
  status.pending = state_.pending();
  status.failures = state_.Failures();
  status.failed_fetches = state_.FailedFetches();
  for (const auto& [key, failure] : status.failures) {
    status.last_error = Annotated(failure, key.ToString());
  }
  if (!watch_.last_error.ok()) status.last_error = watch_.last_error;
  status.stale = stale_;
  status.watch = watch_;
  status.dropped = state_.dropped();
  status.mismatches = state_.mismatches();
  return status;
}

bool Mirror::Core::WaitUntilSynced(absl::Duration timeout) const {
  const absl::Time deadline = Now() + timeout;
  MutexLock lock(&mutex_);
  while (StateLocked() != SyncState::kSynced) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(&mutex_, std::min(left, absl::Hours(1)));
  }
  return true;
}

absl::Status Mirror::Core::Flush() {
  return saver_ == nullptr ? absl::OkStatus() : saver_->Flush();
}

MirrorSaver::State Mirror::Core::SaverState() const {
  MutexLock lock(&mutex_);
  const absl::Duration age = Now() - confirmed_;
  return {state_.epoch(), state_.revision(), RealClock().TimeNow() - age, state_.AllShown()};
}

}  // namespace modelref
