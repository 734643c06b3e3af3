#include "service/gzip_cache.h"

namespace modelref {

GzipCache::GzipCache(Options options, Executor& executor)
    : min_bytes_(options.min_bytes),
      executor_(executor),
      state_(std::make_shared<State>(options.max_bytes)) {}

std::shared_ptr<const DeflatedTail> GzipCache::Find(const DocumentKey& key, bool source_text,
                                                    const Etag& etag,
                                                    std::shared_ptr<const std::string> bytes) {
  if (min_bytes_ == 0 || bytes->size() < min_bytes_) return nullptr;
  const Name name(key, source_text);
  {
    const MutexLock lock(&state_->mutex);
    const auto [it, is_new] = state_->held.try_emplace(name);
    Held& held = it->second;
    held.last_use = ++state_->uses;
    if (!is_new && held.etag == etag) return held.tail;
    if (held.tail != nullptr) state_->bytes -= held.tail->blocks().size();
    held.etag = etag;
    held.tail = nullptr;
  }
  const absl::Status submitted =
      executor_.Submit([state = state_, name, etag, bytes = std::move(bytes)] {
        state->Keep(name, etag, DeflatedTail::Make(*bytes));
      });
  if (!submitted.ok()) {
    // A busy executor: somebody who comes later tries again.
    const MutexLock lock(&state_->mutex);
    const auto it = state_->held.find(name);
    if (it != state_->held.end() && it->second.etag == etag && it->second.tail == nullptr) {
      state_->held.erase(it);
    }
  }
  return nullptr;
}

void GzipCache::State::Keep(const Name& name, const Etag& etag,
                            std::shared_ptr<const DeflatedTail> tail) {
  const bool is_of_use = tail != nullptr && tail->blocks().size() < tail->original_size();
  const MutexLock lock(&mutex);
  const auto it = held.find(name);
  // The document may have changed again meanwhile.
  if (!is_of_use || it == held.end() || it->second.etag != etag) return;
  bytes += tail->blocks().size();
  it->second.tail = std::move(tail);
  while (bytes > max_bytes) DropOldest();
}

void GzipCache::State::DropOldest() {
  auto oldest = held.end();
  for (auto it = held.begin(); it != held.end(); ++it) {
    if (it->second.tail == nullptr) continue;
    if (oldest == held.end() || it->second.last_use < oldest->second.last_use) oldest = it;
  }
  bytes -= oldest->second.tail->blocks().size();
  held.erase(oldest);
}

}  // namespace modelref
