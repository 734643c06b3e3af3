#include "tests/audit/audit_events.h"

#include <gtest/gtest.h>

namespace modelref::testing {
namespace {

constexpr uint64_t kEveryEvent = ~uint64_t{0};

AuditEvent MakeEvent(uint64_t id, AuditOperation operation, absl::string_view model) {
  AuditEvent event;
  event.event_id = id;
  event.time_us = static_cast<int64_t>(1'795'211'759'000'000 + id);
  event.timestamp = *event.time_us / 1'000'000;
  event.format = kControlnet.format;
  event.category = kControlnet.category;
  event.model_name = std::string(model);
  event.operation = operation;
  event.logical_user_id = std::string(1, '1');
  event.txn = id;
  return event;
}

}  // namespace

AuditEvent Create(uint64_t id, absl::string_view model, absl::string_view record) {
  AuditEvent event = MakeEvent(id, AuditOperation::kCreate, model);
  event.after = std::string(record);
  return event;
}

AuditEvent Update(uint64_t id, absl::string_view model, absl::string_view before,
                  absl::string_view after) {
  AuditEvent event = MakeEvent(id, AuditOperation::kUpdate, model);
  EXPECT_THAT(DescribeUpdate(before, after, &event), IsOk());
  return event;
}

AuditEvent Delete(uint64_t id, absl::string_view model, absl::string_view before) {
  AuditEvent event = MakeEvent(id, AuditOperation::kDelete, model);
  event.before = std::string(before);
  return event;
}

AuditEvent AsForeign(AuditEvent event) {
  event.txn.reset();
  event.time_us.reset();
  event.removed.clear();
  return event;
}

void AppendEvents(const std::string& root, const std::vector<AuditEvent>& events,
                  uint64_t max_segment_bytes) {
  SegmentWriter writer(root, {.max_segment_bytes = max_segment_bytes});
  const uint64_t synced = events.empty() ? kEveryEvent : events.front().event_id - 1;
  ASSERT_THAT(writer.Recover({.synced = synced}), IsOk());
  for (const AuditEvent& event : events) ASSERT_THAT(writer.Append(event), IsOk());
  ASSERT_THAT(writer.Sync(), IsOk());
}

}  // namespace modelref::testing
