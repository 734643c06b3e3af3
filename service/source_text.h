#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "service/store/root.h"

namespace modelref {

// The exact text of a legacy document (H 3.3).
struct SourceText {
  std::shared_ptr<const std::string> text;  // Never null.
  Etag etag;                                // SHA-256 of it.
};

// The texts of legacy documents: what was read, until the document changes; from then on its
// content in the original's form, made for the first reader of each state. "{}" where nothing was
// ever known. Thread-safe; readers of a document wait for one another while its text is made.
class SourceTextCache {
 public:
  SourceText Of(const DocumentState& state) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Slot {
    Mutex mutex;
    Etag document ABSL_GUARDED_BY(mutex){};
    std::vector<RecordProblem> problems ABSL_GUARDED_BY(mutex);
    SourceText made ABSL_GUARDED_BY(mutex);
  };

  Mutex mutex_;
  std::map<DocumentKey, std::shared_ptr<Slot>> slots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref
