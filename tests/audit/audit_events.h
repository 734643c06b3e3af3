#pragma once

// Events and trails for tests. An event that is not said otherwise is of controlnet/v2 and a
// transaction of its own.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "audit/event.h"
#include "audit/segment_writer.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {

inline const DocumentKey kControlnet = {"controlnet", Format::kV2};

AuditEvent Create(uint64_t id, absl::string_view model, absl::string_view record = "{}");
AuditEvent Update(uint64_t id, absl::string_view model, absl::string_view before,
                  absl::string_view after);
AuditEvent Delete(uint64_t id, absl::string_view model, absl::string_view before = "{}");

// The same event as the original would have written it.
AuditEvent AsForeign(AuditEvent event);

// Appends the events and syncs. What a writer that died left behind is cut.
void AppendEvents(const std::string& root, const std::vector<AuditEvent>& events,
                  uint64_t max_segment_bytes = 5 << 20);

}  // namespace modelref::testing
