#pragma once

#include <memory>
#include <optional>
#include <string>

#include "service/pending_read.h"
#include "service/rpc/stream_source.h"

namespace modelref {

// What GetDelta is asked for, checked.
struct DeltaRequest {
  ReadPlan read;  // Of one document.
  std::optional<Position> since;
  std::string base_etag;  // 32 bytes, or none.
};

// Completes `read`, which is what its options say.
//   INVALID_ARGUMENT (BAD_FIELD)  a position or an etag of the wrong size; otherwise as
//                                 ResolveDocument.
absl::StatusOr<DeltaRequest> ReadDeltaRequest(const Catalogue& catalogue, ReadPlan read,
                                              const v1::GetDeltaRequest& request);

// The stream of ReferenceService.GetDelta.
std::unique_ptr<StreamSource> MakeDeltaStream(const ReadMeans& means, DeltaRequest request,
                                              const Waker& waker);

}  // namespace modelref
