#include "service/rpc/stream_queue.h"

namespace modelref {

class StreamQueue::DrainTask final : public QueueTask {
 public:
  DrainTask(StreamList* streams, SteadyClock::duration spread)
      : streams_(streams), spread_(spread) {}

  void RunOnQueue() override {
    const SteadyTime now = SteadyClock::now();
    const auto count = static_cast<SteadyClock::rep>(streams_->size());
    SteadyClock::rep index = 0;
    for (StreamCall* stream : *streams_) stream->DrainAt(now + spread_ / count * index++);
  }

 private:
  StreamList* const streams_;
  const SteadyClock::duration spread_;
};

class StreamQueue::StopTask final : public QueueTask {
 public:
  explicit StopTask(StreamList* streams) : streams_(streams) {}
  void RunOnQueue() override {
    for (StreamCall* stream : *streams_) stream->Stop();
  }

 private:
  StreamList* const streams_;
};

class StreamQueue::ReviewTask final : public QueueTask {
 public:
  explicit ReviewTask(StreamList* streams) : streams_(streams) {}
  void RunOnQueue() override {
    // A stream that ends may take itself out of the list.
    for (auto stream = streams_->begin(); stream != streams_->end();) (*stream++)->Review();
  }

 private:
  StreamList* const streams_;
};

void StreamQueue::BeginDrain(SteadyClock::duration spread) {
  queue_->mailbox()->Post(std::make_shared<DrainTask>(&home_.streams, spread));
}

void StreamQueue::Review() {
  queue_->mailbox()->Post(std::make_shared<ReviewTask>(&home_.streams));
}

void StreamQueue::Stop() {
  queue_->mailbox()->SetStopping();
  queue_->mailbox()->Post(std::make_shared<StopTask>(&home_.streams));
}

}  // namespace modelref
