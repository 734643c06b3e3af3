#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/watch/cut.h"

namespace modelref {

// The messages from SnapshotBegin to SnapshotEnd: the state of every watched document at the root,
// but for those that `plan.known` says the client holds, which only an initial snapshot leaves out.
// The last message carries `resume_token`. Pure.
std::vector<EncodedMessage> EncodeSnapshot(const Root& root, const WatchPlan& plan,
                                           v1::SnapshotReason reason, absl::string_view node_id,
                                           const std::string& resume_token);

}  // namespace modelref
