#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include "service/rpc/method_entry.h"

namespace modelref {

// Our methods as gRPC sees them: one service whose methods have full names of any proto service and
// carry bytes. It does what generated AsyncService classes do, from a table.
class RawService final : public grpc::Service {
 public:
  // Registers the next method; they are numbered from 0. `method` must outlive the server.
  void AddUnary(const char* method) { Add(method, grpc::internal::RpcMethod::NORMAL_RPC); }
  void AddStream(const char* method) { Add(method, grpc::internal::RpcMethod::SERVER_STREAMING); }
  void AddUpload(const char* method) { Add(method, grpc::internal::RpcMethod::CLIENT_STREAMING); }

  void RequestUnary(int index, grpc::ServerContext* context, grpc::ByteBuffer* request,
                    grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>* writer,
                    grpc::ServerCompletionQueue* queue, void* tag) {
    RequestAsyncUnary(index, context, request, writer, queue, queue, tag);
  }
  void RequestStream(int index, grpc::ServerContext* context, grpc::ByteBuffer* request,
                     grpc::ServerAsyncWriter<grpc::ByteBuffer>* writer,
                     grpc::ServerCompletionQueue* queue, void* tag) {
    RequestAsyncServerStreaming(index, context, request, writer, queue, queue, tag);
  }

  void RequestUpload(int index, grpc::ServerContext* context,
                     grpc::ServerAsyncReader<grpc::ByteBuffer, grpc::ByteBuffer>* reader,
                     grpc::ServerCompletionQueue* queue, void* tag) {
    RequestAsyncClientStreaming(index, context, reader, queue, queue, tag);
  }

 private:
  void Add(const char* method, grpc::internal::RpcMethod::RpcType type) {
    AddMethod(new grpc::internal::RpcServiceMethod(method, type, nullptr));
    MarkMethodRaw(count_++);
  }

  int count_ = 0;
};

}  // namespace modelref
