#pragma once

// The times that the server keeps in the member "metadata" of a v2 record (H 1.5). All in unix
// seconds. A record whose metadata is no object is left as it is; a null time counts as missing.

#include <cstdint>

#include "backends/base/json.h"

namespace modelref {

// Fills created_at and updated_at where they are missing; a record without metadata gets exactly
// these two. True when something was missing. For creates, and for records of files that never had
// them.
bool FillMissingTimes(JsonObject* record, int64_t time);

// For an update of `stored`: its created_at and created_by stand over those of the record, and
// updated_at becomes `now`. A record without metadata keeps all of the stored one. When the record
// says otherwise the same as `stored`, in whatever order, it becomes equal to it instead and the
// result is false: there is nothing to write.
bool StampUpdate(const JsonObject& stored, int64_t now, JsonObject* record);

}  // namespace modelref
