#pragma once

#include <memory>

#include "service/rpc/queue.h"
#include "service/rpc/server_state.h"
#include "service/rpc/stream_call.h"

namespace modelref {

// A queue with its open streams.
class StreamQueue {
 public:
  explicit StreamQueue(std::unique_ptr<Queue> queue) : queue_(std::move(queue)) {
    home_.queue = queue_.get();
    home_.next = &home_;
  }
  StreamQueue(const StreamQueue&) = delete;
  StreamQueue& operator=(const StreamQueue&) = delete;

  Queue& queue() { return *queue_; }
  // Both before any queue starts. A request that was taken here is replaced by one there.
  void SetNext(StreamQueue* next) { home_.next = &next->home_; }
  void Post(Method* method, ServerState* state) { StreamCall::Post(method, state, &home_); }

  // Any thread: lets each stream drain, evenly over `spread` in the order they were opened.
  void BeginDrain(SteadyClock::duration spread);
  // Any thread: lets every stream stop now.
  void Stop();
  // Any thread: looks at the right of every stream.
  void Review();

 private:
  class DrainTask;
  class StopTask;
  class ReviewTask;

  StreamHome home_;
  // After the list: its calls take themselves out of it while it goes.
  const std::unique_ptr<Queue> queue_;
};

}  // namespace modelref
