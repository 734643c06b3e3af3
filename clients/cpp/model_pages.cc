#include "clients/cpp/model_pages.h"

#include <utility>

#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/client.h"

namespace modelref {

absl::StatusOr<bool> ModelPages::Next(v1::ListModelsResponse* page) {
  if (done_) return false;
  ASSIGN_OR_RETURN(*page, client_->ListModels(request_, call_));
  snapshot_changed_ = snapshot_changed_ || page->snapshot_changed();
  done_ = page->next_page_token().empty();
  if (!done_ && page->next_page_token() == request_.page_token()) {
    return Error(absl::StatusCode::kInternal, "PAGE_TOKEN_REPEATED",
                 "the server named the same page again");
  }
  request_.set_page_token(page->next_page_token());
  return true;
}

}  // namespace modelref
