#pragma once

// Carries writes out.

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "backends/base/clock.h"
#include "backends/base/digest.h"
#include "service/store/store.h"
#include "service/write/request_ledger.h"
#include "service/write/write_evaluation.h"

namespace modelref {

// Who writes, and how.
struct WriteCall {
  std::string caller;            // As the audit trail names it.
  std::string audit_request_id;  // What the audit trail names as the cause.
  // Of a call that may be repeated: its id is not empty.
  RequestKey request;
  Sha256Digest body{};  // Of such a call.
};

// What a committed write is answered with.
struct WriteAnswer {
  RootPtr root;       // The state right after it; after a repeated call the present one.
  std::string bytes;  // What WriteEncoder made, now or when the call was made first.
  bool replayed = false;
  bool changed = false;  // Meaningful unless replayed.
};

// Makes the answer of a write. Runs on the committer's thread; quick.
using WriteEncoder =
    std::function<std::string(const Evaluation& evaluation, const v1::Committed& committed)>;

// Thread-safe.
class Writer {
 public:
  using Done = std::function<void(absl::StatusOr<WriteAnswer>)>;

  // Both must outlive the writer and its calls.
  Writer(Store& store, Clock& clock, const WriteLimits& limits)
      : store_(store), clock_(clock), limits_(limits) {}

  // Commits the write. `done` runs on the committer's thread and must not block.
  //   what ErrorOf says of its violations, errors of FindAnswer and of Store::CommitAsync.
  void Commit(std::shared_ptr<const WritePlan> plan, WriteCall call, WriteEncoder encode,
              Done done);
  // What it would do now, and to which state.
  Evaluation Validate(const Root& root, const WritePlan& plan) const;

 private:
  Store& store_;
  Clock& clock_;
  const WriteLimits limits_;
  // For the committer's thread alone.
  const std::shared_ptr<TextRivals> rivals_ = std::make_shared<TextRivals>();
};

}  // namespace modelref
