#include "audit/chain.h"

namespace modelref {

void AuditChain::Continue(const Sha256Digest& head) {
  hasher_.Finish();
  head_ = head;
  hasher_.Update(AsBytes(head_));
}

Sha256Digest AuditChain::Seal(absl::string_view covered) {
  hasher_.Update(covered);
  head_ = hasher_.Finish();
  hasher_.Update(AsBytes(head_));
  return head_;
}

}  // namespace modelref
