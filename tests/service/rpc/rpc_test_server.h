#pragma once

// A real server on a free port with a real client, over methods that each test registers itself.

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/sync_stream.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/base/mutex.h"
#include "clients/cpp/error_codec.h"
// Generated stubs bring the codec that lets gRPC's client templates carry any proto.
#include "grpc/health/v1/health.grpc.pb.h"
#include "service/rpc/rpc_server.h"

namespace modelref::testing {

using Text = google::protobuf::StringValue;

inline Text MakeText(std::string value) {
  Text text;
  text.set_value(std::move(value));
  return text;
}

// Long enough for a loaded machine under a sanitizer; reached only by failing tests.
constexpr absl::Duration kPatience = absl::Seconds(60);

// A door that threads wait at until it is opened.
class Gate {
 public:
  void Open() {
    MutexLock lock(&mutex_);
    open_ = true;
    changed_.SignalAll();
  }
  // False when nobody opened it in time.
  bool Wait(absl::Duration patience = kPatience) {
    MutexLock lock(&mutex_);
    while (!open_) {
      if (!changed_.WaitFor(&mutex_, patience)) return open_;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

// Waits for what the server does in its own time. False when it did not happen.
inline bool Eventually(const std::function<bool()>& condition) {
  Gate never;
  for (int i = 0; i < 6'000; ++i) {
    if (condition()) return true;
    never.Wait(absl::Milliseconds(10));
  }
  return condition();
}

// One server stream, read by blocking calls as a generated stub would.
class TestStream {
 public:
  TestStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
             const std::string& request)
      : method_(method) {
    const grpc::internal::RpcMethod rpc(method_.c_str(),
                                        grpc::internal::RpcMethod::SERVER_STREAMING);
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
    reader_.reset(grpc::internal::ClientReaderFactory<Text>::Create(channel.get(), rpc, &context_,
                                                                    MakeText(request)));
  }

  // The next message, or the status that ended the stream (OK becomes OUT_OF_RANGE "end").
  absl::StatusOr<std::string> Read() {
    Text text;
    if (reader_->Read(&text)) return text.value();
    const absl::Status end = FromGrpcStatus(reader_->Finish());
    return end.ok() ? absl::OutOfRangeError("end") : end;
  }
  void Cancel() { context_.TryCancel(); }

 private:
  const std::string method_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<Text>> reader_;
};

class TestServer {
 public:
  using Options = std::function<void(RpcServerOptions*)>;
  using Methods = std::function<void(MethodTable*)>;

  using Services = std::function<void(RpcServer&)>;

  // `services` registers what needs the server itself.
  explicit TestServer(const Methods& methods, const Options& change = nullptr,
                      const Services& services = nullptr) {
    RpcServerOptions options;
    options.listen = {{"127.0.0.1:0", nullptr}};
    options.executor.threads = 2;
    if (change != nullptr) change(&options);
    server_ = std::make_unique<RpcServer>(std::move(options));
    methods(&server_->methods());
    if (services != nullptr) services(*server_);
    start_status_ = server_->Start();
    if (!start_status_.ok()) return;
    channel_ = NewChannel();
    // A first connection may fail for reasons of the system, and calls would fail with it.
    channel_->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(60));
  }

  const absl::Status& start_status() const { return start_status_; }
  RpcServer& operator*() { return *server_; }
  RpcServer* operator->() { return server_.get(); }
  void Destroy() { server_.reset(); }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // A channel with a connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel() {
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);
    arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 64 << 10);
    return grpc::CreateCustomChannel(server_->addresses().at(0), grpc::InsecureChannelCredentials(),
                                     arguments);
  }

  absl::StatusOr<std::string> Call(const std::string& method, const std::string& request) {
    grpc::ClientContext context;
    return Call(method, request, &context);
  }
  absl::StatusOr<std::string> Call(const std::string& method, const std::string& request,
                                   grpc::ClientContext* context) {
    const Text text = MakeText(request);
    Text response;
    const absl::Status status = CallMessage(method, text, &response, context);
    if (!status.ok()) return status;
    return response.value();
  }
  template <typename Request, typename Response>
  absl::Status CallMessage(const std::string& method, const Request& request, Response* response,
                           grpc::ClientContext* context) {
    const grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
    return FromGrpcStatus(grpc::internal::BlockingUnaryCall<Request, Response>(
        channel_.get(), rpc, context, request, response));
  }

 private:
  std::unique_ptr<RpcServer> server_;
  absl::Status start_status_;
  std::shared_ptr<grpc::Channel> channel_;
};

// Registers a handler of texts.
template <typename Handler>
void AddText(MethodTable* table, const std::string& method, Handler handler,
             UnaryOptions<Text> options = {}) {
  table->Unary<Text, Text>(
      method,
      [handler](const CallContext& context, const Text& request) -> absl::StatusOr<Text> {
        absl::StatusOr<std::string> answer = handler(context, request.value());
        if (!answer.ok()) return answer.status();
        return MakeText(*std::move(answer));
      },
      std::move(options));
}

inline absl::StatusOr<std::string> Echo(const CallContext&, const std::string& text) {
  return text;
}

}  // namespace modelref::testing
