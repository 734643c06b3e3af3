#include "clients/cpp/mirror_state.h"

#include <algorithm>
#include <utility>

#include "backends/base/error.h"
#include "backends/base/etag.h"
#include "clients/cpp/document_parts.h"

namespace modelref {
namespace {

constexpr absl::Duration kFirstDelay = absl::Seconds(1);
constexpr absl::Duration kMaxDelay = absl::Seconds(30);
// What a server may ask for at most.
constexpr absl::Duration kLongestWish = absl::Minutes(10);

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return std::clamp(absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos()),
                    absl::ZeroDuration(), kLongestWish);
}

bool HasEtag(const MirrorCopyPtr& copy, absl::string_view etag) {
  return copy != nullptr && AsBytes(copy->document->etag()) == etag;
}

}  // namespace

void MirrorState::Load(MirrorCopyPtr copy) {
  Slot& slot = slots_[copy->key];
  slot.shown = std::move(copy);
}

bool MirrorState::Matches(const Slot& slot) {
  if (!slot.wanted.has_value()) return false;
  if (slot.wanted->etag.empty()) return slot.shown == nullptr;
  return HasEtag(slot.shown, slot.wanted->etag);
}

bool MirrorState::IsAhead(const Slot& slot) const {
  return slot.shown != nullptr && slot.shown->epoch == epoch_ &&
         slot.shown->mod_revision > revision_;
}

void MirrorState::Show(MirrorCopyPtr copy, Slot* slot) {
  slot->shown = std::move(copy);
  slot->base = nullptr;
  slot->due = absl::InfiniteFuture();
  slot->whole = false;
  slot->failures = 0;
  slot->failure = absl::OkStatus();
}

bool MirrorState::Want(const DocumentKey& key, Wanted wanted, absl::Duration jitter, Slot* slot,
                       absl::Time now) {
  slot->wanted = std::move(wanted);
  if (Matches(*slot)) {
    Show(slot->shown, slot);
    return false;
  }
  // What is empty need not be asked for.
  const MirrorDocumentPtr empty = MirrorDocument::Empty();
  if (slot->wanted->etag == AsBytes(empty->etag())) {
    auto copy = std::make_shared<MirrorCopy>();
    copy->key = key;
    copy->document = empty;
    Show(std::move(copy), slot);
    return true;
  }
  // Without jitter at once; a failure before does not hold back what is new.
  slot->due = now + random_() * jitter;
  return false;
}

// A copy that is the newest is so at every position until the document changes: from there a delta
// is asked for, so it must not fall behind the history that a server keeps.
void MirrorState::MovePositions() {
  for (auto& [key, slot] : slots_) {
    if (slot.shown == nullptr || !Matches(slot) || IsAhead(slot)) continue;
    if (slot.shown->epoch == epoch_ && slot.shown->revision == revision_) continue;
    auto copy = std::make_shared<MirrorCopy>(*slot.shown);
    copy->epoch = epoch_;
    copy->revision = revision_;
    copy->mod_revision = slot.wanted->mod_revision.value_or(copy->mod_revision);
    slot.shown = std::move(copy);
  }
}

bool MirrorState::WantNone(Slot* slot) {
  slot->wanted = Wanted{"", std::nullopt, epoch_, revision_};
  const bool changed = slot->shown != nullptr;
  Show(nullptr, slot);
  return changed;
}

bool MirrorState::ApplyDelta(const v1::WatchEvent& event, const Wanted& wanted, Slot* slot) {
  const MirrorCopyPtr& base = HasEtag(slot->base, event.prev_etag()) ? slot->base : slot->shown;
  if (!HasEtag(base, event.prev_etag())) return false;
  std::vector<MirrorRecordPtr> upserts;
  for (const v1::DeltaRecord& record : event.delta().upserts()) {
    upserts.push_back(MakeMirrorRecord(record.name(), record.json()));
  }
  const std::vector<std::string> deletes(event.delta().deletes().begin(),
                                         event.delta().deletes().end());
  auto copy = std::make_shared<MirrorCopy>();
  copy->key = base->key;
  copy->document = base->document->Apply(deletes, upserts);
  copy->mod_revision = event.mod_revision();
  copy->epoch = wanted.epoch;
  copy->revision = wanted.revision;
  if (!HasEtag(copy, event.etag())) {
    // Not the records alone may be wrong: the whole is asked for.
    ++mismatches_;
    slot->base = nullptr;
    slot->whole = true;
    return false;
  }
  Show(std::move(copy), slot);
  return true;
}

bool MirrorState::TakeEvent(const DocumentKey& key, const v1::WatchEvent& event, Slot* slot,
                            absl::Time now) {
  if (IsAhead(*slot)) return false;
  if (event.type() == v1::EVENT_TYPE_DELETE) return WantNone(slot);
  Wanted wanted{event.etag(), event.mod_revision(), epoch_, revision_};
  if (event.has_delta() && !HasEtag(slot->shown, event.etag()) && ApplyDelta(event, wanted, slot)) {
    slot->wanted = std::move(wanted);
    return true;
  }
  return Want(key, std::move(wanted), FromProto(event.fetch_jitter()), slot, now);
}

std::vector<DocumentKey> MirrorState::TakeWhole(const WatchedDocuments& documents, absl::Time now) {
  std::vector<DocumentKey> changed;
  std::set<Format> formats;
  for (const auto& [key, document] : documents) {
    formats.insert(key.format);
    Slot& slot = slots_[key];
    if (IsAhead(slot)) continue;
    Wanted wanted{document.etag, document.mod_revision, epoch_, revision_};
    if (Want(key, std::move(wanted), absl::ZeroDuration(), &slot, now)) changed.push_back(key);
  }
  for (auto it = slots_.begin(); it != slots_.end();) {
    auto& [key, slot] = *it;
    if (documents.count(key) > 0 || IsAhead(slot)) {
      ++it;
      continue;
    }
    // A copy of the form that this server does not call canonical is not about what is watched.
    const bool foreign = !has_formats_ && !formats.empty() && formats.count(key.format) == 0;
    if (!foreign && (slot.shown != nullptr || !slot.wanted.has_value())) removed_.insert(key);
    if (WantNone(&slot)) changed.push_back(key);
    it = slot.fetching ? std::next(it) : slots_.erase(it);
  }
  return changed;
}

std::vector<DocumentKey> MirrorState::TakeChanges(const WatchCut& cut, absl::Time now) {
  std::vector<DocumentKey> changed;
  for (const v1::WatchEvent& event : cut.events) {
    const std::optional<DocumentKey> key = KeyOf(event.category(), event.format());
    if (!key.has_value() || !TakeEvent(*key, event, &slots_[*key], now)) continue;
    changed.push_back(*key);
    if (event.type() == v1::EVENT_TYPE_DELETE) removed_.insert(*key);
  }
  return changed;
}

std::vector<DocumentKey> MirrorState::TakeCut(const WatchCut& cut,
                                              const WatchedDocuments& documents, absl::Time now) {
  epoch_ = cut.header.epoch();
  revision_ = cut.header.revision();
  std::vector<DocumentKey> changed;
  if (cut.kind == WatchCut::Kind::kSnapshot || cut.kind == WatchCut::Kind::kPolled) {
    has_state_ = true;
    changed = TakeWhole(documents, now);
  } else {
    changed = TakeChanges(cut, now);
  }
  MovePositions();
  return changed;
}

std::optional<MirrorFetch> MirrorState::NextFetch(absl::Time now) {
  Slot* next = nullptr;
  MirrorFetch fetch;
  for (auto& [key, slot] : slots_) {
    if (slot.fetching || slot.due > now || (next != nullptr && next->due <= slot.due)) continue;
    next = &slot;
    fetch.key = key;
  }
  if (next == nullptr) return std::nullopt;
  next->fetching = true;
  next->due = absl::InfiniteFuture();
  if (!next->whole) fetch.base = next->base != nullptr ? next->base : next->shown;
  fetch.min_epoch = next->wanted->epoch;
  fetch.min_revision = next->wanted->mod_revision.value_or(next->wanted->revision);
  return fetch;
}

absl::Time MirrorState::NextDue() const {
  absl::Time due = absl::InfiniteFuture();
  for (const auto& [key, slot] : slots_) {
    if (!slot.fetching) due = std::min(due, slot.due);
  }
  return due;
}

bool MirrorState::TakeFetched(const MirrorFetch& fetch, MirrorCopyPtr copy, absl::Time now) {
  Slot& slot = slots_[fetch.key];
  slot.fetching = false;
  // Deleted, or told anew by a delta, while the fetch ran.
  if (!slot.wanted.has_value() || slot.wanted->etag.empty() || Matches(slot)) {
    ++dropped_;
    return false;
  }
  const bool wanted = HasEtag(copy, slot.wanted->etag);
  const bool same_epoch = copy->epoch == slot.wanted->epoch;
  const bool newer =
      same_epoch && copy->mod_revision > slot.wanted->mod_revision.value_or(slot.wanted->revision);
  if (wanted || newer) {
    slot.wanted->etag = std::string(AsBytes(copy->document->etag()));
    if (newer) slot.wanted->mod_revision = copy->mod_revision;
    Show(std::move(copy), &slot);
    return true;
  }
  ++dropped_;
  ++slot.failures;
  const MirrorCopyPtr& held = slot.base != nullptr ? slot.base : slot.shown;
  const bool progress = same_epoch && (held == nullptr || held->epoch != copy->epoch ||
                                       copy->mod_revision > held->mod_revision);
  if (progress) slot.base = std::move(copy);
  slot.due = now + (progress ? absl::ZeroDuration() : Backoff(slot, absl::OkStatus()));
  return false;
}

void MirrorState::TakeFailure(const MirrorFetch& fetch, const absl::Status& failure,
                              absl::Time now) {
  Slot& slot = slots_[fetch.key];
  slot.fetching = false;
  if (Matches(slot)) return;
  ++slot.failures;
  slot.failure = failure;
  // What does not add up is asked for whole.
  if (ReasonOf(failure) == kIntegrityFailure) {
    ++mismatches_;
    slot.base = nullptr;
    slot.whole = true;
  }
  slot.due = now + Backoff(slot, failure);
}

absl::Duration MirrorState::Backoff(const Slot& slot, const absl::Status& failure) {
  absl::Duration ceiling = kFirstDelay;
  for (int i = 1; i < slot.failures && ceiling < kMaxDelay; ++i) ceiling *= 2;
  const absl::Duration wish = ExtrasOf(failure).retry_after.value_or(absl::ZeroDuration());
  return std::min(wish, kLongestWish) + random_() * std::min(ceiling, kMaxDelay);
}

MirrorCopyPtr MirrorState::Shown(const DocumentKey& key) const {
  const auto found = slots_.find(key);
  return found == slots_.end() ? nullptr : found->second.shown;
}

std::vector<MirrorCopyPtr> MirrorState::AllShown() const {
  std::vector<MirrorCopyPtr> shown;
  for (const auto& [key, slot] : slots_) {
    if (slot.shown != nullptr) shown.push_back(slot.shown);
  }
  return shown;
}

bool MirrorState::IsCurrent(const DocumentKey& key) const {
  const auto found = slots_.find(key);
  return found != slots_.end() && Matches(found->second);
}

size_t MirrorState::pending() const {
  return static_cast<size_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const auto& entry) { return !Matches(entry.second); }));
}

std::map<DocumentKey, absl::Status> MirrorState::Failures() const {
  std::map<DocumentKey, absl::Status> failures;
  for (const auto& [key, slot] : slots_) {
    if (!slot.failure.ok()) failures.emplace(key, slot.failure);
  }
  return failures;
}

std::map<DocumentKey, int> MirrorState::FailedFetches() const {
  std::map<DocumentKey, int> counts;
  for (const auto& [key, slot] : slots_) {
    if (!slot.failure.ok()) counts.emplace(key, slot.failures);
  }
  return counts;
}

}  // namespace modelref
