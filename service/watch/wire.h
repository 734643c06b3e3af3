#pragma once

// How states of the store are written in the messages of modelref.v1.

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "modelref/v1/common.pb.h"
#include "service/store/root.h"

namespace modelref {

v1::Format ToProto(Format format);
// The canonical format for FORMAT_UNSPECIFIED.
//   INVALID_ARGUMENT  a value this server does not know.
absl::StatusOr<Format> FromProto(v1::Format format, Format canonical);

google::protobuf::Duration ToProto(absl::Duration duration);
google::protobuf::Timestamp ToProto(absl::Time time);
absl::Duration FromProto(const google::protobuf::Duration& duration);

absl::string_view AsBytes(const Epoch& epoch);
void FillPosition(const Root& root, v1::Position* position);
// The header of an answer about no single document.
void FillHeader(const Root& root, absl::string_view node_id, v1::ResponseHeader* header);
// The header of an answer about one document: also whether it is stale, and for how long at `now`.
void FillHeader(const Root& root, absl::string_view node_id, const DocumentState& document,
                absl::Time now, v1::ResponseHeader* header);

}  // namespace modelref
