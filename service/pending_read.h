#pragma once

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "service/catalogue.h"
#include "service/rpc/executor.h"
#include "service/rpc/stream_source.h"
#include "service/source_text.h"
#include "service/watch/position_waiter.h"

namespace modelref {

// What reads wait with. Everything must outlive the reads.
struct ReadMeans {
  const Catalogue& catalogue;
  PositionWaiter& positions;
  Executor& executor;
  // Answers of this size and more are compressed for callers that accept it; 0: none.
  size_t gzip_min_bytes = 0;
  // Of reads of SOURCE_TEXT; null where there are none.
  SourceTextCache* source_texts = nullptr;
};

// What precedes the answer of a stream, run elsewhere: a queue's thread must wait neither for other
// processes nor for files. Single-threaded.
class PendingRead {
 public:
  // Begins at once; `waker` is used when it is over.
  PendingRead(const ReadMeans& means, const ReadPlan& plan, const Waker& waker);
  // Gives up: nothing is begun any more; a refresh that runs goes on.
  ~PendingRead();
  PendingRead(const PendingRead&) = delete;
  PendingRead& operator=(const PendingRead&) = delete;

  // Nothing while it goes on. Not OK: the position cannot be had, as PositionWaiter::ErrorFor, or
  // the server has too much to do.
  std::optional<absl::Status> outcome() const;

 private:
  struct State;

  const std::shared_ptr<State> state_;
};

// Reads every document of the plan from its source; blocks. A source that cannot be read shows in
// the answer: as stale content, or as the document's error.
void RefreshSources(const Catalogue& catalogue, const ReadPlan& plan);

}  // namespace modelref
