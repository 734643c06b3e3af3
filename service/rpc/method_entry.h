#pragma once

// A registered method as the layer keeps it: the typed forms of method_table.h reduced to bytes.

#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "service/rpc/call_context.h"
#include "service/rpc/reply.h"
#include "service/rpc/stream_source.h"
#include "service/rpc/upload_sink.h"

namespace modelref {

struct MethodOptions {
  // Requests posted per queue: how many calls may arrive at once without waiting for the queue's
  // thread. One that waits costs a look at every queue of the server; but Debian's gRPC looks
  // through all posted requests at each operation of the queue, so that 450 were 7 % of the
  // instructions of a small read. 64 for the hottest methods, a few for the rest.
  int posted_requests = 1;
  // Streams only: may be opened while the server drains.
  bool serve_while_draining = false;
};

// How a unary body that has no answer of its own gets one. At most one of the three, once, before
// the body returns.
class UnaryDeferral {
 public:
  virtual ~UnaryDeferral() = default;
  // The answer is one that others get, too. grpc::ByteBuffer has no moves: returning it would copy
  // it again and again.
  virtual void Share(std::shared_ptr<const grpc::ByteBuffer> answer) = 0;
  // The answer comes through the handle.
  virtual RawReply Defer() = 0;
  // The answer is what `body` returns on the executor. The call's context lives until then.
  virtual void RunBlocking(std::function<absl::StatusOr<grpc::ByteBuffer>()> body) = 0;
};

// Without a value the deferral was used.
using UnaryOutcome = std::optional<absl::StatusOr<grpc::ByteBuffer>>;
using UnaryBody =
    std::function<UnaryOutcome(const CallContext&, const grpc::ByteBuffer&, UnaryDeferral&)>;
using StreamBody = std::function<absl::StatusOr<std::unique_ptr<StreamSource>>(
    const CallContext&, const grpc::ByteBuffer&, Waker)>;

using UploadBody = std::function<absl::StatusOr<std::unique_ptr<UploadSink>>(const CallContext&)>;

struct MethodEntry {
  std::string method;  // "/package.Service/Method"
  MethodOptions options;
  UnaryBody unary;  // Exactly one of the three is set.
  StreamBody stream;
  UploadBody upload;
};

}  // namespace modelref
