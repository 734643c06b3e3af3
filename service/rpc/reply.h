#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "service/rpc/bytes.h"

namespace modelref {

class ReplySlot;

// The answer that is still owed to a deferred unary call. Copyable, thread-safe, may outlive the
// call and the server. The first answer counts, later ones do nothing. When the last copy goes
// without an answer, the caller gets INTERNAL UNANSWERED (UNAVAILABLE SHUTTING_DOWN while the
// server stops).
class RawReply {
 public:
  explicit RawReply(std::shared_ptr<ReplySlot> slot);

  void Send(absl::StatusOr<grpc::ByteBuffer> answer) const;
  // True when nobody waits any more, so that work on the answer can be given up.
  bool IsCancelled() const;

 private:
  class Owed;
  std::shared_ptr<Owed> owed_;
};

// The same with a typed answer, serialized on the thread that sends it.
template <typename Response>
class Reply {
 public:
  explicit Reply(RawReply raw) : raw_(std::move(raw)) {}

  void Send(const absl::StatusOr<Response>& answer) const {
    raw_.Send(answer.ok() ? SerializeMessage(*answer) : answer.status());
  }
  // For answers that exist as bytes.
  void SendBytes(absl::StatusOr<grpc::ByteBuffer> answer) const { raw_.Send(std::move(answer)); }
  bool IsCancelled() const { return raw_.IsCancelled(); }

 private:
  RawReply raw_;
};

}  // namespace modelref
