#include "service/watch/watch_hub.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

// Streams that keep up share the newest few cuts; the bound only matters when many readers lag
// differently.
constexpr size_t kRecentCuts = 128;

}  // namespace

WatchHub::WatchHub(Store& store, std::string node_id)
    : store_(store), node_id_(std::move(node_id)) {
  store_.AddListener([this] { WakeAll(); });
}

WatchHub::Subscription::Subscription(WatchHub& hub, std::function<void()> wake) : hub_(hub) {
  MutexLock lock(&hub_.mutex_);
  id_ = hub_.next_id_++;
  hub_.subscribers_.emplace(id_, std::move(wake));
}

WatchHub::Subscription::~Subscription() {
  MutexLock lock(&hub_.mutex_);
  hub_.subscribers_.erase(id_);
}

void WatchHub::WakeAll() {
  // Under the lock: a wake is a push onto a ready list, and after its subscription is gone nobody
  // may be called.
  MutexLock lock(&mutex_);
  for (const auto& [id, wake] : subscribers_) wake();
}

WatchHub::Messages WatchHub::Shared(const std::string& key,
                                    const std::function<std::vector<EncodedMessage>()>& encode) {
  {
    MutexLock lock(&cache_mutex_);
    const auto it = by_key_.find(key);
    if (it != by_key_.end()) {
      shared_.fetch_add(1, std::memory_order_relaxed);
      return it->second->second;
    }
  }
  Messages messages = std::make_shared<const std::vector<EncodedMessage>>(encode());
  encoded_.fetch_add(1, std::memory_order_relaxed);
  MutexLock lock(&cache_mutex_);
  if (by_key_.count(key) > 0) return messages;
  recent_.emplace_front(key, messages);
  by_key_[key] = recent_.begin();
  if (recent_.size() > kRecentCuts) {
    by_key_.erase(recent_.back().first);
    recent_.pop_back();
  }
  return messages;
}

std::vector<EncodedMessage> WatchHub::Cut(const Root& root, const WatchPlan& plan, uint64_t after) {
  const CutOptions options{plan.inline_delta, plan.inline_delta ? plan.max_inline_bytes : 0};
  const std::string key = absl::StrCat("cut ", after, " ", root.revision, " ",
                                       options.max_inline_bytes, " ", plan.watched.signature);
  return *Shared(key, [&] {
    v1::ResponseHeader cut_header;
    FillHeader(root, node_id_, &cut_header);
    v1::ResponseHeader part_header = cut_header;
    part_header.set_revision(after);
    return EncodeEvents(
        MakeEvents(root, plan.watched, after, store_.History(after, root.revision), options),
        part_header, cut_header, /*all_parts=*/false);
  });
}

EncodedMessage WatchHub::BookmarkMessage(const Root& root, const WatchedSet& watched) {
  const std::string key = absl::StrCat("bookmark ", root.revision, " ", watched.signature);
  const Messages messages = Shared(key, [&] {
    v1::WatchResponse response;
    FillHeader(root, node_id_, response.mutable_header());
    response.mutable_bookmark()->set_digest(WatchedDigest(root, watched));
    return std::vector<EncodedMessage>{
        std::make_shared<const std::string>(response.SerializeAsString())};
  });
  return messages->front();
}

WatchHub::Statistics WatchHub::statistics() const {
  Statistics statistics;
  {
    MutexLock lock(&mutex_);
    statistics.sessions = subscribers_.size();
    statistics.sessions_total = next_id_ - 1;
  }
  statistics.messages = messages_.load(std::memory_order_relaxed);
  statistics.cuts_encoded = encoded_.load(std::memory_order_relaxed);
  statistics.cuts_shared = shared_.load(std::memory_order_relaxed);
  return statistics;
}

}  // namespace modelref
