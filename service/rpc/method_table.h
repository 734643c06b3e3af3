#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/rpc/bytes.h"
#include "service/rpc/call_context.h"
#include "service/rpc/method_entry.h"
#include "service/rpc/reply.h"
#include "service/rpc/stream_source.h"

namespace modelref {

// Where a unary handler runs. By default on the queue's thread, where it must not block.
template <typename Request>
struct UnaryOptions : MethodOptions {
  // Every call runs on the executor.
  bool blocking = false;
  // Calls for which this is true run on the executor. It must be quick and may be null.
  std::function<bool(const CallContext&, const Request&)> blocking_when;
};

// The methods of a server by full name ("/package.Service/Method"), registered before
// RpcServer::Start. Handlers must outlive the server and are called from any queue or executor
// thread, many at a time. Registering a name twice or after Start() is a bug and ends the process.
// Single-threaded.
class MethodTable {
 public:
  template <typename Request, typename Response>
  using UnaryHandler = std::function<absl::StatusOr<Response>(const CallContext&, const Request&)>;
  template <typename Request>
  using RawUnaryHandler =
      std::function<absl::StatusOr<grpc::ByteBuffer>(const CallContext&, const Request&)>;
  template <typename Request, typename Response>
  using DeferredHandler = std::function<void(const CallContext&, const Request&, Reply<Response>)>;
  // The context stays valid as long as the source.
  template <typename Request>
  using StreamFactory = std::function<absl::StatusOr<std::unique_ptr<StreamSource>>(
      const CallContext&, const Request&, Waker)>;

  template <typename Request, typename Response>
  void Unary(absl::string_view method, UnaryHandler<Request, Response> handler,
             UnaryOptions<Request> options = {}) {
    UnaryRaw<Request>(
        method,
        [handler = std::move(handler)](const CallContext& context,
                                       const Request& request) -> absl::StatusOr<grpc::ByteBuffer> {
          absl::StatusOr<Response> response = handler(context, request);
          if (!response.ok()) return response.status();
          return SerializeMessage(*response);
        },
        std::move(options));
  }

  // The handler answers with the serialized response, typically slices of shared memory. They are
  // sent unchecked.
  template <typename Request>
  void UnaryRaw(absl::string_view method, RawUnaryHandler<Request> handler,
                UnaryOptions<Request> options = {});

  // The handler returns at once and answers later from any thread: group commits, waits for a
  // position.
  template <typename Request, typename Response>
  void UnaryDeferred(absl::string_view method, DeferredHandler<Request, Response> handler,
                     MethodOptions options = {}) {
    AddUnary(
        method, options,
        [handler = std::move(handler)](const CallContext& context, const grpc::ByteBuffer& bytes,
                                       UnaryDeferral& deferral) -> UnaryOutcome {
          Request request;
          if (absl::Status parsed = ParseMessage(bytes, &request); !parsed.ok()) return parsed;
          handler(context, request, Reply<Response>(deferral.Defer()));
          return std::nullopt;
        });
  }

  // The factory runs on the stream's queue thread and must not block.
  template <typename Request>
  void ServerStream(absl::string_view method, StreamFactory<Request> factory,
                    MethodOptions options = {}) {
    AddStream(method, options,
              [factory = std::move(factory)](
                  const CallContext& context, const grpc::ByteBuffer& bytes,
                  Waker waker) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
                Request request;
                if (absl::Status parsed = ParseMessage(bytes, &request); !parsed.ok())
                  return parsed;
                return factory(context, request, std::move(waker));
              });
  }

  // A call that sends many messages and gets one answer. The factory runs on the queue's thread and
  // must not block; the context stays valid as long as the sink.
  void AddUpload(absl::string_view method, MethodOptions options, UploadBody body);

  // The forms below the templates.
  void AddUnary(absl::string_view method, MethodOptions options, UnaryBody body);
  void AddStream(absl::string_view method, MethodOptions options, StreamBody body);
  const std::vector<MethodEntry>& entries() const { return entries_; }
  void Freeze() { frozen_ = true; }

 private:
  void Add(MethodEntry entry);

  std::vector<MethodEntry> entries_;
  bool frozen_ = false;
};

template <typename Request>
void MethodTable::UnaryRaw(absl::string_view method, RawUnaryHandler<Request> handler,
                           UnaryOptions<Request> options) {
  const MethodOptions plain = options;
  // Shared, because a call on the executor outlives the body.
  auto shared_handler = std::make_shared<const RawUnaryHandler<Request>>(std::move(handler));
  AddUnary(method, plain,
           [shared_handler, options = std::move(options)](const CallContext& context,
                                                          const grpc::ByteBuffer& bytes,
                                                          UnaryDeferral& deferral) -> UnaryOutcome {
             Request request;
             if (absl::Status parsed = ParseMessage(bytes, &request); !parsed.ok()) return parsed;
             if (!options.blocking &&
                 !(options.blocking_when && options.blocking_when(context, request))) {
               return (*shared_handler)(context, request);
             }
             auto kept = std::make_shared<const Request>(std::move(request));
             deferral.RunBlocking(
                 [shared_handler, kept, &context] { return (*shared_handler)(context, *kept); });
             return std::nullopt;
           });
}

}  // namespace modelref
