#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "backends/net/http_client.h"

namespace modelref {

// One request on its way. Internal to backends/net; lives on the client's thread.
class HttpTransfer {
 public:
  // INVALID_ARGUMENT when it cannot be sent; then nothing was called.
  static absl::Status Check(const HttpRequest& request);

  HttpTransfer(HttpRequest request, HttpCallback done, const HttpClient::Options& options);
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  CURL* easy() const { return easy_.get(); }

  // Calls the callback; once, and nothing afterwards.
  void Finish(CURLcode code);
  void Fail(const absl::Status& status) { done_(status); }

 private:
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  void SetOptions(const HttpClient::Options& options);
  absl::Status StatusOf(CURLcode code) const;

  const HttpRequest request_;
  const std::string host_;
  const HttpCallback done_;
  std::string body_;
  bool too_large_ = false;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers_;
  // Last: it uses the others until it is gone.
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
};

// Whether a host of a url, without the port, is an address of this machine.
bool IsThisMachine(absl::string_view host);

}  // namespace modelref
