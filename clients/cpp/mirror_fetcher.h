#pragma once

// Fetching what a mirror lacks. Internal to clients/cpp.

#include "absl/status/statusor.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/client.h"
#include "clients/cpp/mirror_state.h"

namespace modelref {

// Fetches one document: by GetDelta where a copy is held, else by StreamCategory. What comes back
// is whole and has its etag. Servers that know neither deltas nor positions are asked without.
// Thread-safe.
//   DATA_LOSS (`INTEGRITY_FAILURE`)  what came does not add up, also not as a whole.
//   RESOURCE_EXHAUSTED (`DOCUMENT_TOO_LARGE`)  names and records are more than `max_bytes`.
//   otherwise                        the errors of the calls.
absl::StatusOr<MirrorCopyPtr> FetchMirrorCopy(Client& client, const MirrorFetch& fetch,
                                              size_t max_bytes, Cancellation* cancellation);

}  // namespace modelref
