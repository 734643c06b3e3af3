#pragma once

// The layer between our services and gRPC. Nothing outside service/rpc sees a completion queue, a
// tag or a grpc::ServerContext.
//
//   method_table.h    Services register functions by full method name: unary (typed, raw bytes,
//                     deferred) and server streams. No generated service classes; unknown names
//                     get gRPC's UNIMPLEMENTED.
//   unary_call.h      Request bytes -> admission -> parse -> handler -> bytes, all on the thread of
//                     one queue; blocking handlers run on the Executor, deferred ones anywhere.
//   stream_call.h     A StreamSource is a cursor asked for its next message whenever none is in
//                     flight. Wakes and timers need no gRPC alarm per stream.
//   queue.h           One completion queue, one thread, one mailbox, timers. Every gRPC operation
//                     of a call happens on its queue's thread, so calls need no locks. Unary calls
//                     and streams have queues of their own, because each open stream slows every
//                     operation of its queue (grpc.md 0.1).
//   ../grpc_status.h  absl::Status with reason and extras -> grpc::Status, in one function.
//
// Client streaming has no form yet; it would be a third kind of call beside the two.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/rpc/executor.h"
#include "service/rpc/method_stats.h"
#include "service/rpc/method_table.h"
#include "service/rpc/server_options.h"

namespace modelref {

struct RpcServerStats {
  std::vector<MethodStats> methods;  // In the order of registration.
  int64_t streams_open = 0;
  int64_t admissions_waiting = 0;   // Calls whose caller is being asked for.
  uint64_t streams_revoked = 0;     // Ended because the caller's right had ended, so far.
  int64_t writes_stalled = 0;       // Now outstanding for longer than write_stalled_after.
  uint64_t writes_cancelled = 0;    // Calls ended because of write_cancelled_after, so far.
  uint64_t streams_refused = 0;     // STREAM_LIMIT and DRAINING, so far.
  uint64_t calls_not_admitted = 0;  // Refused by the admission hook, so far.
  uint64_t slow_calls = 0;          // Longer than slow_call, so far.
  uint64_t memory_refusals = 0;     // MEMORY_LIMIT, so far.
  size_t executor_queued = 0;
  AcceptorStats connections;
};

// Life: construct, register methods, Start(), BeginDrain(), Shutdown(), destroy. Start, BeginDrain
// and Shutdown are called from one thread that is none of this server's; the other methods are
// thread-safe after Start().
class RpcServer {
 public:
  explicit RpcServer(RpcServerOptions options);
  // Shutdown(absl::ZeroDuration()) when it still runs.
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // To be filled before Start().
  MethodTable& methods();
  // For handlers and sources with blocking work of their own. Exists from construction to
  // destruction.
  Executor& executor();

  // Listens on every address or fails without serving on any. The message names the address and
  // what to do:
  //   FAILED_PRECONDITION ADDRESS_IN_USE   another process (or server of this one) has it.
  //   INVALID_ARGUMENT ADDRESS_INVALID     not an address of this machine, or not well formed; no
  //                                        address at all.
  //   PERMISSION_DENIED ADDRESS_DENIED     a privileged port or an unwritable directory.
  //   UNAVAILABLE LISTEN_FAILED            gRPC refused for another reason, which it logs.
  absl::Status Start();

  // The bound addresses in the order of the options, with real ports: "127.0.0.1:43211",
  // "unix:/run/modelref.sock".
  std::vector<std::string> addresses() const;
  // The port of options.listen[index]; 0 for a unix socket.
  int port(size_t index = 0) const;

  // From now on new streams are refused with UNAVAILABLE DRAINING (but for serve_while_draining),
  // and the open ones reach StreamPhase::kDraining one after the other, evenly over `spread`. Unary
  // calls go on. Returns at once.
  void BeginDrain(absl::Duration spread);
  // Waits until the last of them has ended. False when `patience` passed first.
  bool AwaitDrained(absl::Duration patience);

  // Asks options.stream_review about every open stream and ends those that may not go on, each
  // after the message that is on its way. Uploads ask by themselves, at every message. Returns at
  // once. Any thread, from Start() to Shutdown().
  void ReviewStreams();

  // While set, new streams are refused with MEMORY_LIMIT. Calls with one answer go on, among them
  // the health checks that decide whether the process is ended.
  void SetMemoryShort(bool is_short);

  // Stops: a drain that was begun goes to its end while streams are open, listeners close, streams
  // reach kStopping, calls in flight may finish and are cancelled `grace` after the call, the
  // executor's running tasks are awaited and its waiting ones dropped, threads are joined.
  // Connections without a call are cut after half a second. Bounded by `grace` plus the longest
  // running handler. Idempotent.
  void Shutdown(absl::Duration grace);

  RpcServerStats Stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modelref
