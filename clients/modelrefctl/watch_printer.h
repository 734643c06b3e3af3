#pragma once

#include <string>

#include "absl/status/status.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/watch_session.h"

namespace modelref::ctl {

// The members of a line: kind, epoch, revision, resume_token (on lines that have one), then the
// fields of the message by their proto names.
JsonObject WatchLineJson(const WatchLine& line);

// Prints a watch as -o table, plain or jsonl has it, each line at once.
class WatchPrinter {
 public:
  explicit WatchPrinter(Invocation& invocation) : invocation_(invocation) {}

  absl::Status Print(const WatchLine& line);

 private:
  std::string Format(const WatchLine& line);

  Invocation& invocation_;
  bool heading_printed_ = false;
};

}  // namespace modelref::ctl
