#include "service/grpc_status.h"

#include "clients/cpp/error_codec.h"

namespace modelref {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const EncodedError encoded = EncodeError(status);
  // absl and gRPC share the canonical numbers; absl maps codes it does not know to kUnknown.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), encoded.message,
                      encoded.details);
}

}  // namespace modelref
