#pragma once

// Named points of the program at which a test lets something happen: the process dies, waits or
// fails. Costs one relaxed load where nothing is armed; compiled out by MODELREF_NO_FAILPOINTS (the
// CMake option MODELREF_FAILPOINTS=OFF).
//
//   FAILPOINT("store.after_commit");
//   RETURN_IF_ERROR(FAILPOINT_STATUS("file.after_temp"));
//
// A name is "area.what_happened", in lower case, digits and underscores, and stands at one place.
// Armed from outside by a variable of the environment, points separated by ";":
//
//   MODELREF_FAILPOINTS="store.after_commit=kill@7;file.after_temp=error(UNAVAILABLE)@2+;*=log"
//
//   kill                 SIGKILL to the process itself
//   sleep(MILLISECONDS)
//   error(CODE)          the point fails; ignored, with a log line, where a point cannot fail
//   log                  one line "failpoint.hit" for each hit
//   ACTION@N, ACTION@N+  at the N-th hit only, from the N-th on; without, at every hit
//   *                    every point that is not named

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#ifdef MODELREF_NO_FAILPOINTS
#define MODELREF_FAILPOINTS_BUILT 0
#define FAILPOINT(name) static_cast<void>(0)
#define FAILPOINT_STATUS(name) ::absl::OkStatus()
#else
#define MODELREF_FAILPOINTS_BUILT 1
#define FAILPOINT(name)                                                                         \
  (::modelref::failpoint_internal::IsAnyArmed() ? ::modelref::failpoint_internal::HitOnly(name) \
                                                : static_cast<void>(0))
#define FAILPOINT_STATUS(name)                                                              \
  (::modelref::failpoint_internal::IsAnyArmed() ? ::modelref::failpoint_internal::Hit(name) \
                                                : ::absl::OkStatus())
#endif

namespace modelref {

// The variable that ArmFailpointsFromEnvironment reads.
inline constexpr char kFailpointsVariable[] = "MODELREF_FAILPOINTS";

// Whether this library has its failpoints compiled in. Without them nothing can be armed.
bool FailpointsBuilt();

// Arms the points of a specification as above, beside those that are armed already; all or none.
// An empty one arms nothing. Thread-safe, as all of this file.
//   INVALID_ARGUMENT     the specification is wrong; the message says where.
//   FAILED_PRECONDITION  it is not empty and the failpoints are compiled out.
absl::Status ArmFailpoints(absl::string_view specification);

// The same for the variable, with one warning in the log when it arms any.
absl::Status ArmFailpointsFromEnvironment();

// Disarms every point, and wakes those that sleep.
void DisarmFailpoints();

// Arms one point while it lives. Its hits run `action` on the threads that hit it, several at once
// where several threads do; the destructor waits for them, so an action must not end it.
class ScopedFailpoint {
 public:
  // Every hit returns what `action` does.
  ScopedFailpoint(absl::string_view name, std::function<absl::Status()> action);
  // Every hit fails with `code`.
  ScopedFailpoint(absl::string_view name, absl::StatusCode code);
  ~ScopedFailpoint();
  ScopedFailpoint(const ScopedFailpoint&) = delete;
  ScopedFailpoint& operator=(const ScopedFailpoint&) = delete;

  // How often the point was hit so far.
  int64_t hits() const;

 private:
  const std::string name_;
};

namespace failpoint_internal {

extern std::atomic<int> g_armed;

inline bool IsAnyArmed() {
  return __builtin_expect(g_armed.load(std::memory_order_relaxed), 0) != 0;
}

absl::Status Hit(absl::string_view name);
void HitOnly(absl::string_view name);

}  // namespace failpoint_internal
}  // namespace modelref
