#pragma once

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "clients/cpp/client_options.h"
#include "modelref/v1/reference.pb.h"

namespace modelref {

class Client;

// Walks through the pages of a listing. Single-threaded; must not outlive the client.
class ModelPages {
 public:
  ModelPages(Client* client, v1::ListModelsRequest request, CallOptions call)
      : client_(client), request_(std::move(request)), call_(call) {}

  // The next page; false after the last one. A page may be empty and still not be the last. Each
  // page has its own deadline. After an error the same page is asked for again.
  absl::StatusOr<bool> Next(v1::ListModelsResponse* page);

  // From the next page on. The conditions stay; a token does not depend on the size.
  void set_page_size(int32_t size) { request_.set_page_size(size); }

  // True when the document changed between two pages: models may be missing or repeated.
  bool snapshot_changed() const { return snapshot_changed_; }

 private:
  Client* client_;
  v1::ListModelsRequest request_;
  CallOptions call_;
  bool done_ = false;
  bool snapshot_changed_ = false;
};

}  // namespace modelref
