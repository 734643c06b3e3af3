#pragma once

#include "absl/status/status.h"
#include "modelref/v1/config.pb.h"

namespace modelref {

// Whether writes may be committed at once, as far as the queue of proposed changes is concerned.
//   FAILED_PRECONDITION (QUEUE_NOT_BUILT)  the queue is switched on, or its folder has changes of
//                                          another program that are neither applied nor rejected,
//                                          or cannot be read.
absl::Status CheckQueue(const v1::ServerConfig& config);

}  // namespace modelref
