#pragma once

// What the methods of Client share. Internal to clients/cpp.

#include <grpcpp/grpcpp.h>

#include <memory>

#include "backends/base/status_macros.h"
#include "clients/cpp/client.h"
#include "clients/cpp/connection.h"
#include "clients/cpp/message_source.h"
#include "clients/cpp/request_id.h"
#include "clients/cpp/retry.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "modelref/v1/admin.grpc.pb.h"
#include "modelref/v1/metadata.grpc.pb.h"
#include "modelref/v1/reference.grpc.pb.h"
#include "modelref/v1/statistics.grpc.pb.h"
#include "modelref/v1/watch.grpc.pb.h"
#include "modelref/v1/write.grpc.pb.h"

namespace modelref {

// The write with an id, so that repeating it cannot write twice.
template <typename Request>
Request WithRequestId(Request request) {
  v1::WriteOptions* options = request.mutable_options();
  if (options->request_id().empty()) options->set_request_id(NewRequestId());
  return request;
}

struct Client::Impl {
  explicit Impl(std::unique_ptr<Connection> opened)
      : connection(std::move(opened)),
        retrier(connection->options().retry, connection->clock(),
                [this] { return connection->RetriesAreUseful(); }),
        reference(v1::ReferenceService::NewStub(connection->channel())),
        head(v1::WatchService::NewStub(connection->channel())),
        watch(v1::WatchService::NewStub(connection->watch_channel())),
        admin(v1::AdminService::NewStub(connection->channel())),
        metadata(v1::MetadataService::NewStub(connection->channel())),
        statistics(v1::StatisticsService::NewStub(connection->channel())),
        writes(v1::WriteService::NewStub(connection->channel())),
        health(grpc::health::v1::Health::NewStub(connection->channel())) {}

  absl::Time CallDeadline(const CallOptions& call) const {
    return connection->Deadline(call, connection->options().call_timeout);
  }
  absl::Time TransferDeadline(const CallOptions& call) const {
    return connection->Deadline(call, connection->options().transfer_timeout);
  }

  // One attempt of a call with one answer.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Attempt(
      Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
      const Request& request, absl::Time deadline, Cancellation* cancellation) {
    grpc::ClientContext context;
    connection->Prepare(deadline, &context);
    const CancellationListener listener(cancellation, [&context] { context.TryCancel(); });
    Response response;
    RETURN_IF_ERROR(connection->Finished((stub.*method)(&context, request, &response)));
    return response;
  }

  // A call that may have changed something when it failed: never repeated.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> CallOnce(Stub& stub,
                                    grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                                    const Request& request, const CallOptions& call) {
    const absl::Time deadline = CallDeadline(call);
    connection->AwaitReady(connection->channel(), deadline, call.cancellation);
    return Attempt(stub, method, request, deadline, call.cancellation);
  }

  // A call that may be made again: with the same deadline for all attempts.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Repeat(Stub& stub,
                                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                               Response*),
                                  const Request& request, absl::Time deadline,
                                  Cancellation* cancellation, bool awaits_server = false) {
    absl::StatusOr<Response> response = Attempt(stub, method, request, deadline, cancellation);
    for (int retry = 0; absl::IsUnavailable(response.status()); ++retry) {
      if (!retrier.WaitToRetry(response.status(), retry, deadline, cancellation)) break;
      if (awaits_server) connection->AwaitConnected(connection->channel(), deadline, cancellation);
      response = Attempt(stub, method, request, deadline, cancellation);
    }
    if (response.ok()) retrier.RecordSuccess();
    return response;
  }

  // A call that changes nothing.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Read(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, const CallOptions& call) {
    const absl::Time deadline = CallDeadline(call);
    connection->AwaitReady(connection->channel(), deadline, call.cancellation);
    return Repeat(stub, method, request, deadline, call.cancellation);
  }

  // Before a call whose answer, once it was sent, may get lost.
  void AwaitServer(absl::Time deadline, const Cancellation* cancellation) {
    connection->AwaitReady(connection->channel(), deadline, cancellation);
    connection->NoteWhetherReachable(connection->channel(), deadline, cancellation);
  }

  // A call that changes something once, however often it is made.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Write(Stub& stub,
                                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                                 const Request& request, const CallOptions& call) {
    const absl::Time deadline = CallDeadline(call);
    AwaitServer(deadline, call.cancellation);
    // Only the next server, or this one when it is back, can say what became of the write.
    return Repeat(stub, method, WithRequestId(request), deadline, call.cancellation,
                  /*awaits_server=*/true);
  }

  std::unique_ptr<Connection> connection;
  Retrier retrier;
  std::unique_ptr<v1::ReferenceService::Stub> reference;
  std::unique_ptr<v1::WatchService::Stub> head;
  std::unique_ptr<v1::WatchService::Stub> watch;
  std::unique_ptr<v1::AdminService::Stub> admin;
  std::unique_ptr<v1::MetadataService::Stub> metadata;
  std::unique_ptr<v1::StatisticsService::Stub> statistics;
  std::unique_ptr<v1::WriteService::Stub> writes;
  std::unique_ptr<grpc::health::v1::Health::Stub> health;
};

}  // namespace modelref
