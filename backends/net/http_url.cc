// HostOfUrl and IsPrivateUrl of http_client.h.

#include <curl/curl.h>

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"
#include "backends/net/http_client.h"
#include "backends/net/http_transfer.h"

namespace modelref {
namespace {

struct Parts {
  std::string scheme;
  std::string host;
  std::string port;
};

std::string PartOf(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string result(text);
  curl_free(text);
  return result;
}

absl::StatusOr<Parts> Split(absl::string_view text) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  const std::string copy(text);
  if (curl_url_set(url.get(), CURLUPART_URL, copy.c_str(), 0) != CURLUE_OK) {
    return absl::InvalidArgumentError("not a url");
  }
  Parts parts{PartOf(url.get(), CURLUPART_SCHEME), PartOf(url.get(), CURLUPART_HOST),
              PartOf(url.get(), CURLUPART_PORT)};
  if (parts.scheme != "http" && parts.scheme != "https") {
    return absl::InvalidArgumentError("not an http or https url");
  }
  if (!PartOf(url.get(), CURLUPART_USER).empty() ||
      !PartOf(url.get(), CURLUPART_PASSWORD).empty()) {
    return absl::InvalidArgumentError("a url must not hold a user or a password");
  }
  return parts;
}

}  // namespace

bool IsThisMachine(absl::string_view host) {
  const bool is_numeric = host.find_first_not_of("0123456789.") == absl::string_view::npos;
  return host == "localhost" || host == "[::1]" || (is_numeric && absl::StartsWith(host, "127."));
}

absl::StatusOr<std::string> HostOfUrl(absl::string_view url) {
  ASSIGN_OR_RETURN(const Parts parts, Split(url));
  return parts.port.empty() ? parts.host : absl::StrCat(parts.host, ":", parts.port);
}

absl::StatusOr<bool> IsPrivateUrl(absl::string_view url) {
  ASSIGN_OR_RETURN(const Parts parts, Split(url));
  return parts.scheme == "https" || IsThisMachine(parts.host);
}

}  // namespace modelref
