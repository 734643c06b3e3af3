#include "service/watch/wire.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"

namespace modelref {

v1::Format ToProto(Format format) {
  return format == Format::kLegacy ? v1::FORMAT_LEGACY : v1::FORMAT_V2;
}

absl::StatusOr<Format> FromProto(v1::Format format, Format canonical) {
  switch (format) {
    case v1::FORMAT_UNSPECIFIED:
      return canonical;
    case v1::FORMAT_LEGACY:
      return Format::kLegacy;
    case v1::FORMAT_V2:
      return Format::kV2;
    default:
      break;
  }
  return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_FORMAT",
               absl::StrCat("format ", static_cast<int>(format), " is not known"),
               {.field_violations = {{"format", "must be FORMAT_LEGACY or FORMAT_V2"}}});
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  absl::Duration since = time - absl::UnixEpoch();
  google::protobuf::Timestamp proto;
  proto.set_seconds(absl::IDivDuration(since, absl::Seconds(1), &since));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(since)));
  return proto;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

absl::string_view AsBytes(const Epoch& epoch) {
  return absl::string_view(reinterpret_cast<const char*>(epoch.data()), epoch.size());
}

void FillPosition(const Root& root, v1::Position* position) {
  const absl::string_view epoch = AsBytes(root.epoch);
  position->set_epoch(epoch.data(), epoch.size());
  position->set_revision(root.revision);
  position->set_chain(root.chain.data(), 8);
}

void FillHeader(const Root& root, absl::string_view node_id, v1::ResponseHeader* header) {
  const absl::string_view epoch = AsBytes(root.epoch);
  header->set_epoch(epoch.data(), epoch.size());
  header->set_revision(root.revision);
  header->set_node_id(node_id.data(), node_id.size());
}

void FillHeader(const Root& root, absl::string_view node_id, const DocumentState& document,
                absl::Time now, v1::ResponseHeader* header) {
  FillHeader(root, node_id, header);
  if (!document.freshness.stale()) return;
  header->set_stale(true);
  *header->mutable_stale_age() =
      ToProto(std::max(now - document.freshness.since, absl::ZeroDuration()));
}

}  // namespace modelref
