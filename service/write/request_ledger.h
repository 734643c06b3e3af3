#pragma once

// The answers of writes that may be repeated: table "requests". Inside a transaction of the caller.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/digest.h"
#include "service/store/database.h"

namespace modelref {

// Ids belong to a caller and a method.
struct RequestKey {
  std::string caller;
  std::string method;
  std::string id;  // Lower case.
};

// How many answers are kept, and how long at least a younger one is.
inline constexpr int64_t kKeptRequests = 1'000'000;
inline constexpr absl::Duration kRequestsKeptFor = absl::Hours(24);

// The answer that was given to the request; nullopt when it was never made, or too long ago.
//   INVALID_ARGUMENT (REQUEST_ID_REUSED)  it had another body.
absl::StatusOr<std::optional<std::string>> FindAnswer(Database& database, const RequestKey& key,
                                                      const Sha256Digest& body, absl::Time now);

// Keeps an answer and forgets a few of those that are too old.
absl::Status KeepAnswer(Database& database, const RequestKey& key, const Sha256Digest& body,
                        absl::string_view answer, absl::Time now);

// A request id in lower case; nullopt when it is no UUID.
std::optional<std::string> ParseRequestId(absl::string_view id);

}  // namespace modelref
