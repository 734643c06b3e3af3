#pragma once

// One server stream, read by one thread. Internal to clients/cpp.

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/connection.h"

namespace modelref {

template <typename Message>
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  // Blocks. False at the end of the stream, good or bad.
  virtual bool Read(Message* message) = 0;
  // How the stream ended. Once, after Read returned false.
  virtual absl::Status Finish() = 0;
  // Makes Read return soon. Any thread.
  virtual void Cancel() = 0;
};

template <typename Message>
class GrpcMessageSource final : public MessageSource<Message> {
 public:
  // `start` makes the call with the context; connection and cancellation (may be null) must outlive
  // this.
  template <typename Start>
  GrpcMessageSource(const Connection& connection, absl::Time deadline, Cancellation* cancellation,
                    Start start)
      : connection_(connection), listener_(cancellation, [this] { context_.TryCancel(); }) {
    connection.Prepare(deadline, &context_);
    reader_ = start(&context_);
  }

  // gRPC wants every call finished; an abandoned one is cancelled first.
  ~GrpcMessageSource() override {
    if (finished_) return;
    context_.TryCancel();
    Message ignored;
    while (reader_->Read(&ignored)) {
    }
    reader_->Finish();
  }

  bool Read(Message* message) override { return reader_->Read(message); }
  absl::Status Finish() override {
    finished_ = true;
    return connection_.Finished(reader_->Finish());
  }
  void Cancel() override { context_.TryCancel(); }

 private:
  const Connection& connection_;
  grpc::ClientContext context_;
  const CancellationListener listener_;  // Uses the context.
  std::unique_ptr<grpc::ClientReader<Message>> reader_;
  bool finished_ = false;
};

}  // namespace modelref
