#include "backends/net/http_transfer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr absl::Duration kLongestRetryAfter = absl::Hours(1);

bool IsHeaderText(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isprint(c); });
}

absl::string_view WithoutPort(absl::string_view host) {
  const size_t colon = host.rfind(':');
  const bool has_port = colon != absl::string_view::npos && host.back() != ']';
  return has_port ? host.substr(0, colon) : host;
}

long Millis(absl::Duration duration) {
  return static_cast<long>(std::max<int64_t>(absl::ToInt64Milliseconds(duration), 1));
}

}  // namespace

absl::Status HttpTransfer::Check(const HttpRequest& request) {
  RETURN_IF_ERROR(HostOfUrl(request.url).status());
  for (const auto& [name, value] : request.headers) {
    if (!IsHeaderText(name) || !IsHeaderText(value)) {
      return absl::InvalidArgumentError("a header that cannot be sent");
    }
  }
  return absl::OkStatus();
}

HttpTransfer::HttpTransfer(HttpRequest request, HttpCallback done,
                           const HttpClient::Options& options)
    : request_(std::move(request)),
      host_(HostOfUrl(request_.url).value_or("?")),
      done_(std::move(done)),
      headers_(nullptr, &curl_slist_free_all),
      easy_(curl_easy_init(), &curl_easy_cleanup) {
  SetOptions(options);
}

void HttpTransfer::SetOptions(const HttpClient::Options& options) {
  CURL* const easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_VERBOSE, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, Millis(request_.timeout));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   Millis(std::min(options.connect_timeout, request_.timeout)));
  curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &HttpTransfer::OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request_.max_bytes));
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  // A proxy cannot reach this machine's own addresses. Others come from the environment.
  if (IsThisMachine(WithoutPort(host_))) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  for (const auto& [header, value] : request_.headers) {
    curl_slist* const longer =
        curl_slist_append(headers_.get(), absl::StrCat(header, ": ", value).c_str());
    if (longer == nullptr) continue;
    static_cast<void>(headers_.release());
    headers_.reset(longer);
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
}

size_t HttpTransfer::OnBody(char* data, size_t size, size_t count, void* self) {
  auto* const transfer = static_cast<HttpTransfer*>(self);
  const size_t bytes = size * count;
  if (bytes > transfer->request_.max_bytes - transfer->body_.size()) {
    transfer->too_large_ = true;
    return 0;
  }
  transfer->body_.append(data, bytes);
  return bytes;
}

absl::Status HttpTransfer::StatusOf(CURLcode code) const {
  if (code == CURLE_OK) return absl::OkStatus();
  if (too_large_ || code == CURLE_FILESIZE_EXCEEDED) {
    return absl::ResourceExhaustedError(
        absl::StrCat(host_, ": the answer has more than ", request_.max_bytes, " bytes"));
  }
  // curl's sentence for the kind of error; it holds nothing of the request.
  const std::string message = absl::StrCat(host_, ": ", curl_easy_strerror(code));
  return code == CURLE_OPERATION_TIMEDOUT ? absl::DeadlineExceededError(message)
                                          : absl::UnavailableError(message);
}

void HttpTransfer::Finish(CURLcode code) {
  if (absl::Status status = StatusOf(code); !status.ok()) return done_(std::move(status));
  HttpResponse response;
  long http_status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &http_status);
  response.status = static_cast<int>(http_status);
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &retry_after);
  if (retry_after > 0) {
    response.retry_after = std::min(absl::Seconds(retry_after), kLongestRetryAfter);
  }
  response.body = std::move(body_);
  done_(std::move(response));
}

}  // namespace modelref
