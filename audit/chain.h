#pragma once

#include "absl/strings/string_view.h"
#include "backends/base/digest.h"

namespace modelref {

// The chain of one series: the segments of one domain and category, one behind the other. Each line
// of ours carries the hash of the chain before it and of everything since, so that a head noted
// once proves all bytes before it, those that other programs wrote included:
//
//   chain = SHA-256(previous chain as 32 bytes, first zeros ‖ every byte since the last chained
//                   line's LF ‖ this line up to `,"chain"`)
//
// Series have chains of their own: one damaged file breaks no other series, and a series can be
// checked, and continued, alone. Single-threaded.
class AuditChain {
 public:
  AuditChain() { Continue({}); }

  // Goes on behind a line whose chain is `head`; zeros: at the start of a series.
  void Continue(const Sha256Digest& head);
  // Bytes of the series that are not part of a chained line, line ends included.
  void Cover(absl::string_view bytes) { hasher_.Update(bytes); }
  // The chain of the next line of ours, given what its chain covers of it.
  Sha256Digest Seal(absl::string_view covered);

  // Of the newest chained line; zeros before the first.
  const Sha256Digest& head() const { return head_; }

 private:
  Sha256Digest head_{};
  Sha256Hasher hasher_;
};

}  // namespace modelref
