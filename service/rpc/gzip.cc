#include "service/rpc/gzip.h"

#include <grpc/byte_buffer.h>
#include <grpc/compression.h>
#include <zlib.h>

#include <array>
#include <utility>

// Exported by the library of gRPC 1.51, but declared in none of its installed headers; the build
// looks whether it is there.
#ifdef MODELREF_GRPC_TELLS_ENCODINGS
uint32_t grpc_call_test_only_get_encodings_accepted_by_peer(grpc_call* call);
#endif

namespace grpc::internal {

// gRPC's own door to the buffer inside of a grpc::ByteBuffer, which has no public way to say that
// its bytes are compressed already.
class GrpcByteBufferPeer {
 public:
  static ByteBuffer Adopt(grpc_byte_buffer* raw) {
    ByteBuffer buffer;
    buffer.set_buffer(raw);
    return buffer;
  }
  static const grpc_byte_buffer* Raw(const ByteBuffer& buffer) {
    return const_cast<ByteBuffer&>(buffer).c_buffer();
  }
};

}  // namespace grpc::internal

namespace modelref {
namespace {

// Most of the gain of the best level for a third of its time.
constexpr int kLevel = 6;
// Without the frame of zlib: the blocks become part of a gzip member.
constexpr int kRawDeflate = -15;
constexpr int kDefaultMemory = 8;

void AppendLittleEndian(uint64_t value, int bytes, std::string* out) {
  for (int i = 0; i < bytes; ++i) {
    out->push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i))));
  }
}

// The member's header, and a stored block, not the last, that holds `head`.
std::string MemberStart(absl::string_view head) {
  // Deflate, no name, no time, unknown system.
  std::string start("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10);
  start.push_back('\0');
  AppendLittleEndian(head.size(), 2, &start);
  AppendLittleEndian(~uint64_t{head.size()}, 2, &start);
  start.append(head.data(), head.size());
  return start;
}

const Bytef* AsInput(absl::string_view bytes) {
  return reinterpret_cast<const Bytef*>(bytes.data());
}

}  // namespace

std::shared_ptr<const DeflatedTail> DeflatedTail::Make(absl::string_view bytes) {
  z_stream stream = {};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kRawDeflate, kDefaultMemory, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return nullptr;
  }
  std::shared_ptr<DeflatedTail> tail(new DeflatedTail);
  tail->original_size_ = bytes.size();
  tail->crc32_ = static_cast<uint32_t>(crc32_z(0, AsInput(bytes), bytes.size()));
  tail->blocks_.resize(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(AsInput(bytes));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(tail->blocks_.data());
  stream.avail_out = static_cast<uInt>(tail->blocks_.size());
  const int result = deflate(&stream, Z_FINISH);
  tail->blocks_.resize(stream.total_out);
  tail->blocks_.shrink_to_fit();
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return nullptr;
  return tail;
}

grpc::ByteBuffer GzipMessage(absl::string_view head, std::shared_ptr<const DeflatedTail> tail) {
  std::string end;
  const uLong head_crc = crc32_z(0, AsInput(head), head.size());
  AppendLittleEndian(
      crc32_combine(head_crc, tail->crc32(), static_cast<z_off_t>(tail->original_size())), 4, &end);
  AppendLittleEndian(head.size() + tail->original_size(), 4, &end);

  const std::string start = MemberStart(head);
  const absl::string_view blocks = tail->blocks();
  using Owner = std::shared_ptr<const DeflatedTail>;
  auto* const owner = new Owner(std::move(tail));
  std::array<grpc_slice, 3> slices = {grpc_slice_from_copied_buffer(start.data(), start.size()),
                                      grpc_slice_new_with_user_data(
                                          const_cast<char*>(blocks.data()), blocks.size(),
                                          [](void* p) { delete static_cast<Owner*>(p); }, owner),
                                      grpc_slice_from_copied_buffer(end.data(), end.size())};
  grpc::ByteBuffer message = grpc::internal::GrpcByteBufferPeer::Adopt(
      grpc_raw_compressed_byte_buffer_create(slices.data(), slices.size(), GRPC_COMPRESS_GZIP));
  for (const grpc_slice& slice : slices) grpc_slice_unref(slice);
  return message;
}

grpc::ByteBuffer GzipMessage(const grpc::Slice& member) {
  grpc_slice slice = member.c_slice();
  grpc::ByteBuffer message = grpc::internal::GrpcByteBufferPeer::Adopt(
      grpc_raw_compressed_byte_buffer_create(&slice, 1, GRPC_COMPRESS_GZIP));
  grpc_slice_unref(slice);
  return message;
}

bool IsGzip(const grpc::ByteBuffer& message) {
  const grpc_byte_buffer* const raw = grpc::internal::GrpcByteBufferPeer::Raw(message);
  return raw != nullptr && raw->data.raw.compression == GRPC_COMPRESS_GZIP;
}

bool PeerAcceptsGzip(grpc_call* call) {
#ifdef MODELREF_GRPC_TELLS_ENCODINGS
  const uint32_t accepted = grpc_call_test_only_get_encodings_accepted_by_peer(call);
  return (accepted & (uint32_t{1} << GRPC_COMPRESS_GZIP)) != 0;
#else
  static_cast<void>(call);
  return false;
#endif
}

}  // namespace modelref
