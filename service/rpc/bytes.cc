#include "service/rpc/bytes.h"

#include <grpc/slice.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

grpc::ByteBuffer OneSlice(const grpc::Slice& slice) { return grpc::ByteBuffer(&slice, 1); }

bool ParseBytes(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  grpc::Slice slice;
  if (bytes.TrySingleSlice(&slice).ok()) {
    return slice.size() <= std::numeric_limits<int>::max() &&
           message->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  }
  // The reader wants a buffer it may change; a copy only takes references.
  grpc::ByteBuffer copy = bytes;
  grpc::ProtoBufferReader reader(&copy);
  return reader.status().ok() && message->ParseFromZeroCopyStream(&reader);
}

}  // namespace

grpc::ByteBuffer BytesOf(std::shared_ptr<const std::string> bytes) {
  const absl::string_view view = *bytes;
  return BytesOf(view, std::move(bytes));
}

grpc::ByteBuffer BytesOf(absl::string_view bytes, std::shared_ptr<const void> owner) {
  using Owner = std::shared_ptr<const void>;
  auto* const kept = new Owner(std::move(owner));
  // gRPC only reads what a slice of this kind points to.
  void* const data = const_cast<char*>(bytes.data());
  return OneSlice(grpc::Slice(
      data, bytes.size(), [](void* p) { delete static_cast<Owner*>(p); }, kept));
}

grpc::ByteBuffer CopyBytes(absl::string_view bytes) {
  return OneSlice(grpc::Slice(bytes.data(), bytes.size()));
}

grpc::ByteBuffer JoinBytes(const std::vector<grpc::ByteBuffer>& parts) {
  std::vector<grpc::Slice> joined;
  std::vector<grpc::Slice> slices;
  for (const grpc::ByteBuffer& part : parts) {
    slices.clear();
    if (part.Dump(&slices).ok()) {
      joined.insert(joined.end(), std::make_move_iterator(slices.begin()),
                    std::make_move_iterator(slices.end()));
    }
  }
  return grpc::ByteBuffer(joined.data(), joined.size());
}

std::string FieldPrefix(int field_number, size_t size) {
  std::string prefix;
  const auto append = [&prefix](uint64_t value) {
    while (value >= 0x80) {
      prefix.push_back(static_cast<char>(static_cast<unsigned char>(value | 0x80)));
      value >>= 7;
    }
    prefix.push_back(static_cast<char>(value));
  };
  constexpr uint64_t kLengthDelimited = 2;
  append((static_cast<uint64_t>(field_number) << 3) | kLengthDelimited);
  append(size);
  return prefix;
}

absl::StatusOr<grpc::ByteBuffer> SerializeMessage(const google::protobuf::MessageLite& message) {
  const size_t size = message.ByteSizeLong();
  if (size > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return Error(absl::StatusCode::kInternal, "SERIALIZATION_FAILED",
                 absl::StrCat("a message of ", size, " bytes cannot be serialized"));
  }
  grpc_slice raw = grpc_slice_malloc(size);
  message.SerializeWithCachedSizesToArray(GRPC_SLICE_START_PTR(raw));
  return OneSlice(grpc::Slice(raw, grpc::Slice::STEAL_REF));
}

absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  if (ParseBytes(bytes, message)) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "MALFORMED_REQUEST",
               absl::StrCat("the request is not a ", message->GetTypeName(),
                            ": bad wire format or a string that is not UTF-8"));
}

std::string FlattenBytes(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  std::string flat;
  if (!bytes.Dump(&slices).ok()) return flat;
  flat.reserve(bytes.Length());
  for (const grpc::Slice& slice : slices) {
    flat.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return flat;
}

}  // namespace modelref
