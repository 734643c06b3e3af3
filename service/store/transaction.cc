#include "service/store/transaction.h"

#include <algorithm>
#include <utility>

namespace modelref {

absl::Status TransactionContext::Edit(DocumentEdit edit) {
  if (base_->Find(edit.key) == nullptr) {
    return absl::NotFoundError("no document " + edit.key.ToString());
  }
  const bool repeated = std::any_of(edits_.begin(), edits_.end(), [&](const DocumentEdit& earlier) {
    return earlier.key == edit.key;
  });
  if (repeated) return absl::InvalidArgumentError("two edits of " + edit.key.ToString());
  edits_.push_back(std::move(edit));
  return absl::OkStatus();
}

}  // namespace modelref
