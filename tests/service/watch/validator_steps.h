#pragma once

// What the validators share.

#include <functional>
#include <string>

#include "tests/service/watch/validators.h"

namespace modelref::testing {

// A message and where it stands.
struct Step {
  const v1::WatchResponse& message;
  bool in_snapshot = false;  // Between SnapshotBegin and SnapshotEnd, both excluded.
  bool is_part = false;      // Of a cut that is not complete with it.
  std::string at;            // For messages of violations.
};

// Visits the messages in order.
void ForEachStep(const WatchTrace& trace, const std::function<void(const Step&)>& visit);

// Adds what is wrong with the event as the state of its document; `at` begins each sentence.
void CheckState(const v1::WatchEvent& event, const LoggedDocument& truth, const std::string& at,
                Violations* found);

}  // namespace modelref::testing
