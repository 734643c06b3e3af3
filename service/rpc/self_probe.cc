#include "service/rpc/self_probe.h"

#include <grpc/support/time.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace modelref {
namespace {

std::shared_ptr<grpc::ChannelCredentials> CredentialsFor(const SelfProbe::Options& probe) {
  if (!probe.tls) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions options;
  if (!probe.identity.certificate_pem.empty()) {
    const grpc::experimental::IdentityKeyCertPair pair = {probe.identity.key_pem,
                                                          probe.identity.certificate_pem};
    options.set_certificate_provider(
        std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
            std::vector<grpc::experimental::IdentityKeyCertPair>{pair}));
    options.watch_identity_key_cert_pairs();
  }
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  return grpc::experimental::TlsCredentials(options);
}

// What listens on every address is reached on loopback.
std::string TargetOf(const std::string& address) {
  if (absl::StartsWith(address, "0.0.0.0:")) {
    return absl::StrCat("127.0.0.1:", absl::StripPrefix(address, "0.0.0.0:"));
  }
  if (absl::StartsWith(address, "[::]:")) {
    return absl::StrCat("[::1]:", absl::StripPrefix(address, "[::]:"));
  }
  return address;
}

}  // namespace

class SelfProbe::Connection {
 public:
  explicit Connection(const Options& options) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);  // No connection of another probe.
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    stub_ = grpc::health::v1::Health::NewStub(
        grpc::CreateCustomChannel(TargetOf(options.address), CredentialsFor(options), arguments));
  }

  absl::Status Check(absl::Duration timeout) {
    grpc::ClientContext context;
    context.set_deadline(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                     gpr_time_from_nanos(absl::ToInt64Nanoseconds(timeout), GPR_TIMESPAN)));
    context.set_wait_for_ready(true);
    grpc::health::v1::HealthCheckResponse response;
    const grpc::Status status =
        stub_->Check(&context, grpc::health::v1::HealthCheckRequest(), &response);
    // The codes are the same numbers.
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }

 private:
  std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
};

SelfProbe::SelfProbe(Options options) : options_(std::move(options)) {}

SelfProbe::~SelfProbe() = default;

absl::Status SelfProbe::Run() {
  const uint64_t accepted_before = options_.accepted();
  auto connection = std::make_unique<Connection>(options_);
  const absl::Status answer = connection->Check(options_.timeout);
  if (answer.ok()) {
    if (first_ == nullptr) first_ = std::move(connection);
    return answer;
  }
  if (first_ == nullptr || options_.accepted() == accepted_before) return answer;
  return first_->Check(options_.timeout);
}

}  // namespace modelref
