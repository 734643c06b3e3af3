#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "backends/base/document_key.h"
#include "backends/base/etag.h"
#include "backends/base/executor.h"
#include "backends/base/mutex.h"
#include "service/rpc/gzip.h"

namespace modelref {

// Documents in deflated form, made once for each etag and shared by every answer. Thread-safe.
class GzipCache {
 public:
  struct Options {
    // Smaller documents go out as they are; 0: all of them.
    size_t min_bytes = 0;
    // Of deflated bytes; above it the least recently used go.
    size_t max_bytes = 64 << 20;
  };

  // `executor` must outlive this.
  GzipCache(Options options, Executor& executor);

  // The deflated form of `bytes`, which are the document's text in one representation and have that
  // etag. Null when there is none: they are too few, become no smaller, or are only now being
  // deflated for the callers to come. Nobody waits.
  std::shared_ptr<const DeflatedTail> Find(const DocumentKey& key, bool source_text,
                                           const Etag& etag,
                                           std::shared_ptr<const std::string> bytes);

 private:
  using Name = std::pair<DocumentKey, bool>;
  struct Held {
    Etag etag;
    std::shared_ptr<const DeflatedTail> tail;  // Null while it is made, and when it is no use.
    uint64_t last_use = 0;
  };
  // What tasks on the executor keep.
  struct State {
    explicit State(size_t limit) : max_bytes(limit) {}
    void Keep(const Name& name, const Etag& etag, std::shared_ptr<const DeflatedTail> tail)
        ABSL_LOCKS_EXCLUDED(mutex);
    void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

    const size_t max_bytes;
    Mutex mutex;
    std::map<Name, Held> held ABSL_GUARDED_BY(mutex);
    uint64_t uses ABSL_GUARDED_BY(mutex) = 0;
    size_t bytes ABSL_GUARDED_BY(mutex) = 0;
  };

  const size_t min_bytes_;
  Executor& executor_;
  const std::shared_ptr<State> state_;
};

}  // namespace modelref
