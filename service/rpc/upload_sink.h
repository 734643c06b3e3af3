#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/rpc/reply.h"

namespace modelref {

// The server's side of one call that sends many messages and gets one answer.
//
// Take() and Finish() run on the executor, may block, and are never called two at a time; the next
// message is asked for when Take() has returned, so that a fast peer is held back. The destructor
// runs when the call has ended for whatever reason, with no other method running.
class UploadSink {
 public:
  virtual ~UploadSink() = default;
  // One message. An error ends the call with it.
  virtual absl::Status Take(const grpc::ByteBuffer& message) = 0;
  // The peer has sent everything; the answer may come later, also after the sink is gone. A peer
  // that leaves while none of its messages is being taken may look like one that has sent all.
  virtual void Finish(RawReply reply) = 0;
};

}  // namespace modelref
