#include "service/rpc/call_context.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "service/rpc/gzip.h"

namespace modelref {
namespace {

absl::string_view ToView(grpc::string_ref text) { return {text.data(), text.size()}; }
grpc::string_ref ToRef(absl::string_view text) { return {text.data(), text.size()}; }

// "00-<32 digits>-<16 digits>-<2 digits>", of lower-case hexadecimal digits. Later versions may
// have more behind it; what is logged is only ever this form.
bool IsTraceparent(absl::string_view text) {
  constexpr absl::string_view kForm = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_digit =
        absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
    if (kForm[i] == '-' ? c != '-' : !is_digit) return false;
  }
  return true;
}

// gRPC encodes peers as URIs: "ipv6:%5B::1%5D:50051".
std::string PercentDecoded(absl::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t byte = 0;
    if (text[i] == '%' && i + 2 < text.size() && absl::ascii_isxdigit(text[i + 1]) &&
        absl::ascii_isxdigit(text[i + 2]) && absl::SimpleHexAtoi(text.substr(i + 1, 2), &byte)) {
      decoded.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

}  // namespace

bool IsLocalPeer(absl::string_view peer) {
  for (absl::string_view local :
       {"ipv4:127.", "ipv6:[::1]", "ipv6:[::ffff:127.", "unix:", "unix-abstract:"}) {
    if (absl::StartsWith(peer, local)) return true;
  }
  return false;
}

CallContext::CallContext(absl::string_view method, grpc::ServerContext* grpc_context,
                         absl::Time received_at, bool is_stream)
    : method_(method),
      grpc_context_(grpc_context),
      received_at_(received_at),
      is_stream_(is_stream) {}

std::string CallContext::peer() const { return PercentDecoded(grpc_context_->peer()); }

bool CallContext::is_local_peer() const { return IsLocalPeer(peer()); }

std::optional<absl::string_view> CallContext::Metadata(absl::string_view key) const {
  const auto& metadata = grpc_context_->client_metadata();
  // Equal keys keep the order they came in; lower_bound finds the first.
  const auto found = metadata.lower_bound(ToRef(key));
  if (found == metadata.end() || ToView(found->first) != key) return std::nullopt;
  return ToView(found->second);
}

std::vector<absl::string_view> CallContext::MetadataValues(absl::string_view key) const {
  std::vector<absl::string_view> values;
  const auto [first, last] = grpc_context_->client_metadata().equal_range(ToRef(key));
  for (auto entry = first; entry != last; ++entry) values.push_back(ToView(entry->second));
  return values;
}

size_t CallContext::MetadataBytes() const {
  constexpr size_t kEntryBytes = 32;
  size_t bytes = 0;
  for (const auto& [key, value] : grpc_context_->client_metadata()) {
    bytes += key.size() + value.size() + kEntryBytes;
  }
  return bytes;
}

bool CallContext::is_encrypted() const {
  const auto types =
      grpc_context_->auth_context()->FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  return !types.empty() && types.front() == GRPC_SSL_TRANSPORT_SECURITY_TYPE;
}

std::string CallContext::certificate_subject() const {
  const auto auth = grpc_context_->auth_context();
  if (!auth->IsPeerAuthenticated()) return "";
  const auto subjects = auth->FindPropertyValues(GRPC_X509_SUBJECT_PROPERTY_NAME);
  return subjects.empty() ? "" : std::string(subjects.front().data(), subjects.front().size());
}

absl::string_view CallContext::certificate_pem() const {
  const auto auth = grpc_context_->auth_context();
  if (!auth->IsPeerAuthenticated()) return "";
  // The properties belong to the connection, not to `auth`.
  const auto certificates = auth->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  return certificates.empty() ? "" : ToView(certificates.front());
}

absl::string_view CallContext::traceparent() const {
  const absl::string_view text = Metadata("traceparent").value_or(absl::string_view());
  return IsTraceparent(text) ? text : absl::string_view();
}

bool CallContext::AcceptsGzip() const { return PeerAcceptsGzip(grpc_context_->c_call()); }

absl::Time CallContext::deadline() const {
  const std::chrono::system_clock::time_point deadline = grpc_context_->deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteFuture();
  return absl::FromChrono(deadline);
}

}  // namespace modelref
