// The ranges of numbers and durations, by path. A test demands a row for every number.

#include <google/protobuf/descriptor.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "backends/category_registry.h"
#include "service/config_durations.h"
#include "service/config_rules.h"
#include "service/config_value.h"

namespace modelref {
namespace {

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

uint64_t NumberOf(const Message& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  return field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32
             ? reflection.GetUInt32(message, &field)
             : reflection.GetUInt64(message, &field);
}

std::optional<absl::Duration> DurationOf(const Message& message, const FieldDescriptor& field) {
  if (!message.GetReflection()->HasField(message, &field)) return std::nullopt;
  return FromProtoDuration(static_cast<const google::protobuf::Duration&>(
      message.GetReflection()->GetMessage(message, &field)));
}

}  // namespace

const std::vector<NumberRange>& NumberRanges() {
  static const auto& ranges = *new std::vector<NumberRange>{
      {"limits.categories", 15, kMaxCategories},
      {"limits.model_name_bytes", 16, 4 * kKiB},
      {"limits.record_bytes", kKiB, 64 * kMiB},
      {"limits.document_bytes", kKiB, 16 * kGiB},
      {"limits.json_depth", 4, 1'000},
      {"limits.operations_per_write", 1, 100'000},
      {"limits.open_changes", 1, 10'000'000},
      {"limits.comment_bytes", 1, kMiB},
      {"limits.streams_per_connection", 1, 10'000},
      {"limits.streams_per_caller", 1, 1'000'000},
      {"limits.streams_per_relay", 1, 1'000'000},
      {"limits.streams", 1, 1'000'000},
      {"limits.request_message_bytes", 4 * kKiB, 256 * kMiB},
      {"limits.metadata_bytes", 4 * kKiB, kMiB},
      {"limits.error_message_bytes", 64, 4 * kKiB},
      {"limits.error_details_bytes", 256, 6 * kKiB},
      {"limits.get_category_bytes", kKiB, 256 * kMiB},
      {"limits.memory_percent", 5, 95},
      {"limits.memory_snapshots_percent", 1, 98},
      {"limits.memory_streams_percent", 1, 98},
      {"limits.connections", 1, 1'000'000},
      {"limits.connections_per_address", 1, 1'000'000},
      {"limits.connections_per_second", 1, 1'000'000},
      {"limits.calls_per_second_per_caller", 0, 10'000'000},
      {"store.held_removal_percent", 1, 100},
      {"store.held_removal_min_models", 1, 1'000'000},
      {"audit.max_segment_bytes", 4 * kKiB, 16 * kGiB},
      {"redis.pool_size", 1, 1'000},
      {"redis.retry_max_attempts", 1, 100},
      {"watch.max_inline_bytes", 0, 512 * kKiB},
      {"watch.egress_bytes_per_second", 0, 1024 * kGiB},
      {"sources.download_attempts", 1, 100},
      {"runtime.unary_threads", 0, 256},
      {"runtime.stream_threads", 0, 256},
      {"runtime.blocking_threads", 0, 1'024},
      {"runtime.gzip_min_bytes", 0, kGiB},
      {"runtime.open_files", 256, 10'000'000},
  };
  return ranges;
}

const std::vector<DurationRange>& DurationRanges() {
  const absl::Duration day = absl::Hours(24);
  static const auto& ranges = *new std::vector<DurationRange>{
      {"cache.ttl", absl::Seconds(1), 3650 * day},
      {"cache.refresh_ahead", absl::ZeroDuration(), 3650 * day},
      {"auth.horde_cache_ttl", absl::ZeroDuration(), absl::Hours(1)},
      {"auth.horde_timeout", absl::Milliseconds(100), absl::Minutes(1)},
      {"store.history_retain", absl::Hours(1), 36500 * day},
      {"store.file_write_delay", absl::ZeroDuration(), absl::Minutes(5)},
      {"store.file_write_max_delay", absl::Milliseconds(100), absl::Hours(1)},
      {"store.file_poll_interval", absl::Milliseconds(10), absl::Minutes(10)},
      {"store.file_settle_time", absl::Milliseconds(10), absl::Minutes(1)},
      {"store.damage_grace", absl::ZeroDuration(), absl::Minutes(10)},
      {"redis.socket_timeout", absl::Milliseconds(10), absl::Minutes(5)},
      {"redis.socket_connect_timeout", absl::Milliseconds(10), absl::Minutes(5)},
      {"redis.retry_backoff", absl::ZeroDuration(), absl::Minutes(1)},
      {"redis.ttl", absl::Seconds(1), 3650 * day},
      {"watch.progress_interval", absl::Seconds(5), absl::Seconds(45)},
      {"watch.max_age", absl::Minutes(1), absl::Minutes(28)},
      {"sources.primary_api_timeout", absl::Milliseconds(100), absl::Minutes(10)},
      {"sources.download_backoff", absl::ZeroDuration(), absl::Minutes(10)},
      {"lifecycle.lease", absl::Seconds(5), absl::Hours(1)},
      {"log.slow_call", absl::ZeroDuration(), absl::Hours(1)},
      {"tls.reload_interval", absl::Milliseconds(10), absl::Hours(1)},
      {"runtime.shutdown_grace", absl::ZeroDuration(), absl::Hours(1)},
      {"runtime.drain_delay", absl::ZeroDuration(), absl::Hours(1)},
      {"runtime.drain_spread", absl::ZeroDuration(), absl::Hours(1)},
      {"runtime.self_probe_interval", absl::ZeroDuration(), absl::Hours(1)},
      {"runtime.self_probe_timeout", absl::Milliseconds(10), absl::Minutes(10)},
      {"connection.keepalive_time", absl::Seconds(1), absl::Hours(24)},
      {"connection.keepalive_timeout", absl::Milliseconds(100), absl::Hours(1)},
      {"connection.min_client_ping_interval", absl::Milliseconds(10), absl::Hours(1)},
      {"connection.max_age", absl::ZeroDuration(), absl::Hours(24 * 24)},
      {"connection.max_age_grace", absl::ZeroDuration(), absl::Hours(24)},
      {"connection.handshake_timeout", absl::Milliseconds(100), absl::Minutes(10)},
  };
  return ranges;
}

void CheckRanges(ConfigBuilder* builder) {
  for (const NumberRange& range : NumberRanges()) {
    const ConfigField target = FindConfigField(&builder->config(), range.path);
    const uint64_t value = NumberOf(*target.message, *target.field);
    if (value >= range.min && value <= range.max) continue;
    builder->AddViolation(range.path,
                          absl::StrCat("must be ", range.min, " to ", range.max, " (",
                                       DescribeOrigin(builder->OriginOf(range.path)), ")"));
  }
  for (const DurationRange& range : DurationRanges()) {
    const ConfigField target = FindConfigField(&builder->config(), range.path);
    const std::optional<absl::Duration> value = DurationOf(*target.message, *target.field);
    if (!value || (*value >= range.min && *value <= range.max)) continue;
    builder->AddViolation(range.path,
                          absl::StrCat("must be ", FormatConfigDuration(range.min), " to ",
                                       FormatConfigDuration(range.max), " (",
                                       DescribeOrigin(builder->OriginOf(range.path)), ")"));
  }
}

}  // namespace modelref
