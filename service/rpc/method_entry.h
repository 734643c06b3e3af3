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
  // thread. Each costs a little on every operation of the queue: 32 to 64 for hot methods, 2 to 4
  // for the rest.
  int posted_requests = 4;
  // Streams only: may be opened while the server drains.
  bool serve_while_draining = false;
};

// How a unary body that has no answer yet gets one. At most one of the two, once, before the body
// returns.
class UnaryDeferral {
 public:
  virtual ~UnaryDeferral() = default;
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
