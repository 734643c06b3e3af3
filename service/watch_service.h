#pragma once

#include "absl/status/statusor.h"
#include "service/auth/caller.h"
#include "service/catalogue.h"
#include "service/rpc/method_table.h"
#include "service/watch/watch_hub.h"
#include "service/watch/watch_request.h"
#include "service/watch/watch_session.h"

namespace modelref {

// modelref.v1.WatchService. Thread-safe.
class WatchService {
 public:
  struct Options {
    WatchSession::Options session;
    WatchDefaults defaults;
  };
  // Both must outlive the service, which must outlive the server.
  WatchService(const Catalogue& catalogue, WatchHub& hub, const Options& options);

  void Register(MethodTable* methods);

 private:
  absl::StatusOr<v1::GetHeadResponse> GetHead(const v1::GetHeadRequest& request);
  absl::StatusOr<std::unique_ptr<StreamSource>> Watch(const CallContext& context,
                                                      const v1::WatchRequest& request,
                                                      const Waker& waker);

  const Catalogue& catalogue_;
  WatchHub& hub_;
  const Options options_;
};

}  // namespace modelref
