#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "clients/modelrefctl/invocation.h"

namespace modelref::ctl {

// A line on stderr that shows how far a transfer is, from its first second on. Nothing unless
// stderr is a terminal and the user did not switch it off.
class Progress {
 public:
  // `total` bytes are expected; 0 when not known. Nothing is shown either when stdout is a
  // terminal, unless `beside_output`: nothing is printed meanwhile.
  Progress(Invocation& invocation, uint64_t total, bool beside_output = false);
  // Removes the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Advance(uint64_t bytes);

 private:
  Invocation& invocation_;
  const bool enabled_;
  const uint64_t total_;
  uint64_t done_ = 0;
  absl::Time next_draw_;
  bool drawn_ = false;
};

}  // namespace modelref::ctl
