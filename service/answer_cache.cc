#include "service/answer_cache.h"

#include <utility>

#include "absl/hash/hash.h"

namespace modelref {

size_t AnswerCache::Hash::operator()(absl::string_view text) const {
  return absl::Hash<absl::string_view>()(text);
}

AnswerCache::AnswerCache() : AnswerCache(Limits()) {}

AnswerCache::AnswerCache(const Limits& limits) : limits_(limits) {}

AnswerCache::Answer AnswerCache::Find(const RootPtr& root, absl::string_view request) {
  if (request.size() > limits_.request_bytes) return nullptr;
  const MutexLock lock(&mutex_);
  if (!IsOf(root)) return nullptr;
  const auto it = answers_.find(request);
  return it == answers_.end() ? nullptr : it->second;
}

void AnswerCache::Keep(const RootPtr& root, absl::string_view request,
                       const grpc::ByteBuffer& answer) {
  const size_t size = request.size() + answer.Length();
  if (request.size() > limits_.request_bytes || size > limits_.bytes) return;
  auto kept = std::make_shared<const grpc::ByteBuffer>(answer);
  // What goes is destroyed without the lock.
  Answers dropped;
  const MutexLock lock(&mutex_);
  if (!IsOf(root) || answers_.size() >= limits_.answers || bytes_ + size > limits_.bytes) {
    // An answer that comes late must not send the newer ones away.
    if (epoch_ == root->epoch && revision_ > root->revision) return;
    dropped.swap(answers_);
    root_ = root;
    epoch_ = root->epoch;
    revision_ = root->revision;
    bytes_ = 0;
  }
  if (answers_.try_emplace(std::string(request), std::move(kept)).second) bytes_ += size;
}

}  // namespace modelref
