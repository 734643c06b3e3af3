#include "service/rpc/wake_target.h"

#include "service/rpc/stream_source.h"

namespace modelref {

void Waker::Wake() const {
  if (target_ != nullptr) target_->Wake();
}

}  // namespace modelref
