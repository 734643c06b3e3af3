#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "service/store/root.h"

namespace modelref {

// The compact JSON of documents, joined once per state and shared by every answer. Keeps the newest
// state of each document within a limit of bytes, least recently used first to go. Thread-safe.
class DocumentJsonCache {
 public:
  explicit DocumentJsonCache(size_t max_bytes = 64 << 20) : max_bytes_(max_bytes) {}

  std::shared_ptr<const std::string> JsonOf(const DocumentState& state);

 private:
  struct Held {
    Etag etag;
    std::shared_ptr<const std::string> json;
    std::list<DocumentKey>::iterator used;
  };

  const size_t max_bytes_;
  Mutex mutex_;
  std::map<DocumentKey, Held> held_ ABSL_GUARDED_BY(mutex_);
  std::list<DocumentKey> by_use_ ABSL_GUARDED_BY(mutex_);  // Most recent first.
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace modelref
