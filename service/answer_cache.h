#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/strings/string_view.h"
#include "backends/base/mutex.h"
#include "service/rpc/bytes.h"
#include "service/store/root.h"

namespace modelref {

// Whole answers of one method by the bytes of their requests, as long as they all come from one
// root: what a fleet asks again and again is neither parsed nor built again. Thread-safe.
//
// Only answers that depend on nothing but the root and the request may be kept: not those that tell
// the time, such as the age of a stale document.
class AnswerCache {
 public:
  struct Limits {
    size_t request_bytes = 1 << 10;
    size_t answers = 8 << 10;
    size_t bytes = 32 << 20;  // Of all answers; shared memory counts once for each that uses it.
  };

  AnswerCache();
  explicit AnswerCache(const Limits& limits);

  using Answer = std::shared_ptr<const grpc::ByteBuffer>;

  // Null when it is not there or of another root.
  Answer Find(const RootPtr& root, absl::string_view request) ABSL_LOCKS_EXCLUDED(mutex_);

  // Keeps an answer that came from `root`. Answers of other roots are dropped, and all of them when
  // there are too many.
  void Keep(const RootPtr& root, absl::string_view request, const grpc::ByteBuffer& answer)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(absl::string_view text) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(absl::string_view a, absl::string_view b) const { return a == b; }
  };
  bool IsOf(const RootPtr& root) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !root_.owner_before(root) && !root.owner_before(root_);
  }
  using Answers = std::unordered_map<std::string, Answer, Hash, Equal>;

  const Limits limits_;
  Mutex mutex_;
  // Not held: an old root may be large. While it is known here no other can be taken for it.
  std::weak_ptr<const Root> root_ ABSL_GUARDED_BY(mutex_);
  Epoch epoch_ ABSL_GUARDED_BY(mutex_){};
  uint64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  Answers answers_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace modelref
