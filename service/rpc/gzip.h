#pragma once

// Answers in gzip (RFC 1952) whose large part is deflated once and shared by every caller, where
// gRPC itself would compress each message anew on the queue's thread.

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct grpc_call;

namespace modelref {

// The end of messages, compressed. Immutable.
class DeflatedTail {
 public:
  // Of less than 4 GiB. Takes about 20 ms for each MiB: not for a queue's thread. Null when zlib
  // has no memory.
  static std::shared_ptr<const DeflatedTail> Make(absl::string_view bytes);

  size_t original_size() const { return original_size_; }
  uint32_t crc32() const { return crc32_; }
  // Blocks of RFC 1951, the last of which is final.
  absl::string_view blocks() const { return blocks_; }

 private:
  DeflatedTail() = default;

  size_t original_size_ = 0;
  uint32_t crc32_ = 0;
  std::string blocks_;
};

// The message `head` + the bytes of `tail` as one gzip member that shares the memory of `tail`. The
// head is stored as it is: 65,535 bytes at most.
grpc::ByteBuffer GzipMessage(absl::string_view head, std::shared_ptr<const DeflatedTail> tail);

// The message whose compressed form `member` is: one that was taken from a GzipMessage() before.
grpc::ByteBuffer GzipMessage(const grpc::Slice& member);

// Whether GzipMessage() made it. Such a message goes out only on a call that says so in its
// metadata (grpc::ServerContext::set_compression_algorithm) and whose peer accepts gzip.
bool IsGzip(const grpc::ByteBuffer& message);

// Whether the peer's grpc-accept-encoding names gzip. False where this gRPC does not tell.
bool PeerAcceptsGzip(grpc_call* call);

}  // namespace modelref
