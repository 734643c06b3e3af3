#include "service/document_json_cache.h"

#include <utility>

namespace modelref {

std::shared_ptr<const std::string> DocumentJsonCache::JsonOf(const DocumentState& state) {
  const Etag& etag = state.document->etag();
  {
    MutexLock lock(&mutex_);
    const auto it = held_.find(state.key);
    if (it != held_.end() && it->second.etag == etag) {
      by_use_.splice(by_use_.begin(), by_use_, it->second.used);
      return it->second.json;
    }
  }
  auto json = std::make_shared<const std::string>(state.document->ToJson());
  MutexLock lock(&mutex_);
  const auto it = held_.find(state.key);
  if (it != held_.end()) {
    bytes_ -= it->second.json->size();
    by_use_.erase(it->second.used);
    held_.erase(it);
  }
  by_use_.push_front(state.key);
  held_[state.key] = Held{etag, json, by_use_.begin()};
  bytes_ += json->size();
  while (bytes_ > max_bytes_ && by_use_.size() > 1) {
    const auto oldest = held_.find(by_use_.back());
    bytes_ -= oldest->second.json->size();
    held_.erase(oldest);
    by_use_.pop_back();
  }
  return json;
}

}  // namespace modelref
