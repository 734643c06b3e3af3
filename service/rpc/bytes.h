#pragma once

// Messages as bytes: parsing, serializing and answers that are assembled from shared memory without
// copying.

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modelref {

// A message whose bytes are `*bytes`, not copied: the buffer shares ownership until the last call
// that sends it is done. `bytes` must not be null and not change any more.
grpc::ByteBuffer BytesOf(std::shared_ptr<const std::string> bytes);

// The same for a part of memory that `owner` keeps alive.
grpc::ByteBuffer BytesOf(absl::string_view bytes, std::shared_ptr<const void> owner);

// A copy of `bytes`; for small pieces such as headers.
grpc::ByteBuffer CopyBytes(absl::string_view bytes);

// The parts one after the other, sharing their memory. Protobuf messages merge by concatenation, so
// a response may be joined from a header and a payload that were serialized at different times.
grpc::ByteBuffer JoinBytes(const std::vector<grpc::ByteBuffer>& parts);

// Key and length of a length-delimited proto field, to be followed by its `size` bytes in
// JoinBytes().
std::string FieldPrefix(int field_number, size_t size);

// INTERNAL SERIALIZATION_FAILED when the message is larger than 2 GiB - 1.
absl::StatusOr<grpc::ByteBuffer> SerializeMessage(const google::protobuf::MessageLite& message);

// INVALID_ARGUMENT MALFORMED_REQUEST when the bytes are not that message (bad UTF-8 in a string
// included).
absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message);

// All bytes in one string; for tests and small messages.
std::string FlattenBytes(const grpc::ByteBuffer& bytes);

}  // namespace modelref
