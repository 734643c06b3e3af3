#include "service/rpc/queue.h"

#include <grpc/support/time.h>

#include <algorithm>
#include <utility>

namespace modelref {
namespace {

// Mail is run a little at a time between completions, so that waking thousands of streams does not
// hold up the others.
constexpr size_t kMailPerRound = 16;

// Timers are looked at after this many completions, or when one is due and nothing else happens:
// reading the clock for each completion would be a noticeable part of a small call.
constexpr int kCompletionsPerLook = 16;

int64_t Nanos(SteadyClock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

gpr_timespec ToGrpcDeadline(SteadyTime deadline) {
  if (deadline == SteadyTime::max()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  if (deadline == SteadyTime()) return gpr_inf_past(GPR_CLOCK_MONOTONIC);
  // Both clocks are monotonic: what lies between them stays.
  static const gpr_timespec origin =
      gpr_time_sub(gpr_now(GPR_CLOCK_MONOTONIC),
                   gpr_time_from_nanos(Nanos(SteadyClock::now().time_since_epoch()), GPR_TIMESPAN));
  return gpr_time_add(origin,
                      gpr_time_from_nanos(Nanos(deadline.time_since_epoch()), GPR_TIMESPAN));
}

}  // namespace

class Queue::CloseTask final : public QueueTask {
 public:
  explicit CloseTask(Queue* queue) : queue_(queue) {}
  void RunOnQueue() override { queue_->closing_ = true; }

 private:
  Queue* const queue_;
};

Queue::Queue(std::unique_ptr<grpc::ServerCompletionQueue> completion_queue,
             OutboundWrites::Limits limits, WriteGauges* gauges)
    : completion_queue_(std::move(completion_queue)),
      mailbox_(std::make_shared<Mailbox>(completion_queue_.get(), &mail_tag_)),
      gauges_(gauges),
      writes_(limits) {}

Queue::~Queue() {
  mailbox_->Close();
  if (ended_) return;
  completion_queue_->Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (completion_queue_->Next(&tag, &ok)) static_cast<CompletionTag*>(tag)->OnComplete(ok);
}

void Queue::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Queue::Close() { mailbox_->Post(std::make_shared<CloseTask>(this)); }

void Queue::Join() {
  if (thread_.joinable()) thread_.join();
}

void Queue::WriteEnded(OutboundWrite* write) {
  if (writes_.Remove(write)) gauges_->stalled.fetch_sub(1, std::memory_order_relaxed);
}

void Queue::OnMail(bool) {
  for (std::shared_ptr<QueueTask>& task : mailbox_->Take()) mail_.push_back(std::move(task));
}

void Queue::Run() {
  int completions = 0;
  SteadyTime deadline = SteadyTime::max();
  gpr_timespec grpc_deadline = ToGrpcDeadline(deadline);
  while (true) {
    RunMail();
    if (completions == 0) RunTimers();
    if (const SteadyTime next = NextDeadline(); next != deadline) {
      deadline = next;
      grpc_deadline = ToGrpcDeadline(next);
    }
    void* tag = nullptr;
    bool ok = false;
    switch (completion_queue_->AsyncNext(&tag, &ok, grpc_deadline)) {
      case grpc::CompletionQueue::GOT_EVENT:
        completions = (completions + 1) % kCompletionsPerLook;
        static_cast<CompletionTag*>(tag)->OnComplete(ok);
        break;
      case grpc::CompletionQueue::TIMEOUT:
        completions = 0;
        // Only now that nothing is waiting in it: gRPC's own answerer of unknown methods posts
        // itself again for each completion it finds.
        if (CanEnd()) {
          mailbox_->Close();
          ended_ = true;
          completion_queue_->Shutdown();
        }
        break;
      case grpc::CompletionQueue::SHUTDOWN:
        return;
    }
  }
}

void Queue::RunMail() {
  for (size_t left = kMailPerRound; left > 0 && !mail_.empty(); --left) {
    const std::shared_ptr<QueueTask> task = std::move(mail_.front());
    mail_.pop_front();
    task->RunOnQueue();
  }
}

void Queue::RunTimers() {
  const SteadyTime due = std::min(timers_.next(), writes_.next());
  if (due == SteadyTime::max()) return;
  const SteadyTime now = SteadyClock::now();
  if (timers_.next() <= now) timers_.Fire(now);
  if (writes_.next() > now) return;
  const OutboundWrites::Changes changes = writes_.Sweep(now);
  gauges_->stalled.fetch_add(changes.stalled, std::memory_order_relaxed);
  gauges_->cancelled.fetch_add(static_cast<uint64_t>(changes.cancelled), std::memory_order_relaxed);
}

SteadyTime Queue::NextDeadline() const {
  if (!mail_.empty() || CanEnd()) return SteadyTime();  // Long past.
  return std::min(timers_.next(), writes_.next());
}

}  // namespace modelref
