#include "clients/modelrefctl/watch_state.h"

namespace modelref::ctl {
namespace {

// What StartSnapshot takes; documents beyond are sent again, which is harmless.
constexpr size_t kMaxKnown = 4096;

bool BitAt(const std::string& bits, size_t index) {
  const size_t byte = index / 8;
  return byte < bits.size() && (static_cast<unsigned char>(bits[byte]) >> (index % 8) & 1) != 0;
}

}  // namespace

void WatchState::FillKnown(v1::StartSnapshot* start) {
  sent_known_.clear();
  for (const auto& [key, etag] : etags_) {
    if (sent_known_.size() == kMaxKnown) break;
    sent_known_.push_back(key);
    v1::KnownDocumentState* known = start->add_known();
    known->set_category(key.first);
    known->set_format(key.second);
    known->set_etag(etag);
  }
}

void WatchState::BeginSnapshot() {
  in_snapshot_ = true;
  seen_.clear();
}

bool WatchState::Apply(const v1::WatchEvent& event) {
  const Key key(event.category(), event.format());
  seen_.insert(key);
  if (event.type() == v1::EVENT_TYPE_DELETE) return etags_.erase(key) > 0 || !in_snapshot_;
  const auto [place, is_new] = etags_.try_emplace(key, event.etag());
  const bool changed = is_new || place->second != event.etag();
  place->second = event.etag();
  return changed || !in_snapshot_;
}

std::vector<v1::WatchEvent> WatchState::EndSnapshot(const v1::SnapshotEnd& end) {
  for (size_t i = 0; i < sent_known_.size(); ++i) {
    if (BitAt(end.unchanged(), i)) seen_.insert(sent_known_[i]);
  }
  sent_known_.clear();
  in_snapshot_ = false;
  std::vector<v1::WatchEvent> deleted;
  for (auto it = etags_.begin(); it != etags_.end();) {
    if (seen_.count(it->first) > 0) {
      ++it;
      continue;
    }
    v1::WatchEvent& event = deleted.emplace_back();
    event.set_type(v1::EVENT_TYPE_DELETE);
    event.set_category(it->first.first);
    event.set_format(it->first.second);
    event.set_keys_truncated(true);
    it = etags_.erase(it);
  }
  return deleted;
}

bool WatchState::Apply(const v1::Freshness& freshness) {
  const Key key(freshness.category(), freshness.format());
  unconfirmed_.erase(key);
  if (freshness.stale()) return stale_.insert(key).second;
  return stale_.erase(key) > 0;
}

void WatchState::ExpectFreshness() { unconfirmed_ = stale_; }

std::vector<v1::Freshness> WatchState::TakeFresh() {
  std::vector<v1::Freshness> fresh;
  for (const Key& key : unconfirmed_) {
    stale_.erase(key);
    v1::Freshness& freshness = fresh.emplace_back();
    freshness.set_category(key.first);
    freshness.set_format(key.second);
  }
  unconfirmed_.clear();
  return fresh;
}

}  // namespace modelref::ctl
