#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace modelref {

// What a StreamSource wants to happen next.
//   SendMessage   write it; `last` ends the stream with OK in the same packet.
//   WaitForWake   call Next() again when the Waker is used, the phase changes, or `until` has come.
//   EndStream     end with this status.
struct SendMessage {
  grpc::ByteBuffer message;
  bool last = false;
};
struct WaitForWake {
  absl::Time until = absl::InfiniteFuture();
};
struct EndStream {
  absl::Status status;
};
using StreamStep = std::variant<SendMessage, WaitForWake, EndStream>;

// kServing   business as usual.
// kDraining  a planned end: say what there is to say (a Drain message, a resume token) and end
//            soon. Reached once per stream after RpcServer::BeginDrain, spread over its window.
// kStopping  the server stops now: end. Streams that do not are cancelled at the end of the grace
//            time.
enum class StreamPhase { kServing, kDraining, kStopping };

// The server's side of one open stream: a cursor that hands out the next message when there is room
// for one.
//
// All methods run on one thread, the stream's queue thread, and must not block. Next() is never
// called while a write is in flight, so a slow reader holds exactly one message. It may be called
// without a reason. The destructor runs when the call ends for whatever reason (cancel, deadline,
// peer gone, EndStream), with no other method running.
class StreamSource {
 public:
  virtual ~StreamSource() = default;
  virtual StreamStep Next(StreamPhase phase) = 0;
};

class WakeTarget;

// Makes the layer call Next() soon, once for any number of wakes in between; a wake during a write
// in flight is remembered. Copyable, thread-safe, cheap (a lock and a push; one alarm per queue and
// burst), callable from inside Next(), and without effect after the stream or the server is gone.
class Waker {
 public:
  Waker() = default;
  explicit Waker(std::shared_ptr<WakeTarget> target) : target_(std::move(target)) {}
  void Wake() const;

 private:
  std::shared_ptr<WakeTarget> target_;
};

}  // namespace modelref
