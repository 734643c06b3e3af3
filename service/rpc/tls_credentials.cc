#include "service/rpc/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>

#include <string>
#include <utility>

namespace modelref {
namespace {

// What the callback remembers. gRPC calls it under a lock of the listener.
struct Fetch {
  const TlsReloader* reloader = nullptr;
  uint64_t given = 0;
};

grpc_ssl_certificate_config_reload_status FetchConfig(void* data,
                                                      grpc_ssl_server_certificate_config** config) {
  auto* const fetch = static_cast<Fetch*>(data);
  uint64_t number = 0;
  const TlsMaterial material = fetch->reloader->Material(&number);
  if (number == fetch->given) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const grpc_ssl_pem_key_cert_pair pair = {material.key_pem.c_str(),
                                           material.certificate_pem.c_str()};
  // Debian's gRPC asserts that there are roots, also where no client certificate is asked for and
  // they mean nothing.
  const std::string& roots =
      material.client_ca_pem.empty() ? material.certificate_pem : material.client_ca_pem;
  *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
  fetch->given = number;
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

grpc_ssl_client_certificate_request_type RequestTypeOf(const TlsFiles& files) {
  if (files.client_ca.empty()) return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
  return files.require_client_certificate
             ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
             : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
}

// gRPC has this provider in its C interface alone.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  ReloadingCredentials(const TlsReloader& reloader, const TlsFiles& files)
      : fetch_{&reloader},
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                RequestTypeOf(files), FetchConfig, &fetch_))) {}
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  Fetch fetch_;
  grpc_server_credentials* const credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeReloadingCredentials(const TlsReloader& reloader,
                                                                  const TlsFiles& files) {
  return std::make_shared<ReloadingCredentials>(reloader, files);
}

}  // namespace modelref
