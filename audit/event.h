#pragma once

// What one line of the audit trail says. audit/line.h reads and writes the lines.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/document_key.h"

namespace modelref {

// The values are those of the store's events.
enum class AuditOperation { kCreate = 1, kUpdate = 2, kDelete = 3 };

// "create", "update", "delete", as in the lines.
absl::string_view AuditOperationName(AuditOperation operation);
std::optional<AuditOperation> AuditOperationFromName(absl::string_view name);

// A top-level field that an update changed. The original leaves out a side that is null or absent;
// a line of ours has both, null where the field was or is absent.
struct AuditFieldChange {
  std::string field;
  std::optional<std::string> old_value;  // Canonical JSON.
  std::optional<std::string> new_value;
  bool operator==(const AuditFieldChange&) const = default;
};

// Records are canonical JSON objects; those of the original may hold NaN and Infinity.
struct AuditEvent {
  uint64_t event_id = 0;
  int64_t timestamp = 0;  // Seconds since 1970.
  Format format = Format::kV2;
  std::string category;    // Or "pending_queue".
  std::string model_name;  // For a step of the queue the change's id, or "queue".
  AuditOperation operation = AuditOperation::kCreate;
  std::string logical_user_id;
  std::optional<std::string> request_id;
  std::optional<std::string> before;
  std::optional<std::string> after;
  std::optional<std::vector<AuditFieldChange>> delta;
  // What the original does not write. Its programs skip it.
  std::vector<std::string> removed;  // The fields of `delta` that are absent afterwards.
  std::optional<uint64_t> txn;       // The revision of the transaction.
  std::optional<int64_t> time_us;    // Microseconds since 1970.

  DocumentKey key() const { return {category, format}; }
  // Another program wrote the line.
  bool foreign() const { return !txn.has_value(); }
  bool operator==(const AuditEvent&) const = default;
};

// Fills in what an update of `before` to `after` carries: `delta`, `removed`, and `after` as well
// when the delta does not lead from one to the other, because the fields stand in another order.
//   INVALID_ARGUMENT  one of them is no JSON object.
absl::Status DescribeUpdate(absl::string_view before, absl::string_view after, AuditEvent* event);

// The record after an update: what `event.after` holds, else `before` with the delta applied. A
// changed field keeps its place, a new one is the last; one that is not in `removed` and has no new
// value is null.
//   INVALID_ARGUMENT  `before` is no JSON object, or the event holds neither.
absl::StatusOr<std::string> ApplyUpdate(absl::string_view before, const AuditEvent& event);

}  // namespace modelref
