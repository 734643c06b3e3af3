#pragma once

#include <grpcpp/completion_queue.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>

#include "service/rpc/mailbox.h"
#include "service/rpc/queue_timers.h"

namespace modelref {

// What a completion queue returns as the tag of an operation.
class CompletionTag {
 public:
  virtual ~CompletionTag() = default;
  virtual void OnComplete(bool ok) = 0;
};

// A tag that calls a member function.
template <typename T>
class MemberTag final : public CompletionTag {
 public:
  MemberTag(T* object, void (T::*function)(bool)) : object_(object), function_(function) {}
  void OnComplete(bool ok) override { (object_->*function_)(ok); }

 private:
  T* const object_;
  void (T::*const function_)(bool);
};

// Shared by the queues of a server, for its statistics.
struct WriteGauges {
  std::atomic<int64_t> stalled{0};
  std::atomic<uint64_t> cancelled{0};
};

// One completion queue with the one thread that serves it. Everything that happens to a call
// happens on this thread; other threads leave word in the mailbox.
//
// The thread ends, and only then shuts the completion queue down, after Close() and once no call is
// left: gRPC aborts when an operation starts on a queue that was shut down.
class Queue {
 public:
  Queue(std::unique_ptr<grpc::ServerCompletionQueue> completion_queue,
        OutboundWrites::Limits limits, WriteGauges* gauges);
  // The thread must have been joined or never started; the server must be gone.
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Starts the thread. Calls may be posted before, by the thread that starts it.
  void Start();
  // Asks the thread to end when the last call is gone. Any thread.
  void Close();
  void Join();

  grpc::ServerCompletionQueue* completion_queue() { return completion_queue_.get(); }
  const std::shared_ptr<Mailbox>& mailbox() { return mailbox_; }

  // The rest is for the queue's thread.

  // Every call, posted or running, is counted from its creation to its destruction.
  void CallAdded() { ++calls_; }
  void CallRemoved() { --calls_; }
  QueueTimers& timers() { return timers_; }
  void WriteStarted(OutboundWrite* write, SteadyTime now) { writes_.Add(write, now); }
  void WriteEnded(OutboundWrite* write);

 private:
  class CloseTask;

  void Run();
  void RunMail();
  void RunTimers();
  SteadyTime NextDeadline() const;
  bool CanEnd() const { return closing_ && calls_ == 0 && mail_.empty() && !ended_; }
  void OnMail(bool ok);

  MemberTag<Queue> mail_tag_{this, &Queue::OnMail};
  std::unique_ptr<grpc::ServerCompletionQueue> completion_queue_;
  const std::shared_ptr<Mailbox> mailbox_;
  WriteGauges* const gauges_;
  std::deque<std::shared_ptr<QueueTask>> mail_;
  QueueTimers timers_;
  OutboundWrites writes_;
  int64_t calls_ = 0;
  bool closing_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace modelref
