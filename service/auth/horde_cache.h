#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/digest.h"

namespace modelref {

// A user of AI-Horde.
struct HordeUser {
  std::string id;    // The number behind the last '#' of the name.
  std::string name;  // "Name#123"
  bool operator==(const HordeUser&) const = default;
};

// What AI-Horde said about keys, by their SHA-256. Bounded; thread-compatible.
//
//   known user    for `ttl`; for `grace` longer while AI-Horde does not answer (in grace)
//   unknown key   for `negative_ttl`
//   no answer     for `retry`, during which nobody asks again
class HordeCache {
 public:
  struct Options {
    absl::Duration ttl = absl::Seconds(60);
    absl::Duration negative_ttl = absl::Seconds(10);
    absl::Duration grace = absl::Minutes(5);
    absl::Duration retry = absl::Seconds(1);
    absl::Duration failure_counts = absl::Seconds(10);  // See HasFailed.
    size_t max_users = 10'000;
    size_t max_refusals = 10'000;
  };
  // The user; UNAUTHENTICATED CREDENTIAL_INVALID; UNAVAILABLE IDENTITY_UNAVAILABLE.
  using Answer = absl::StatusOr<HordeUser>;

  explicit HordeCache(const Options& options) : options_(options) {}

  // None: AI-Horde has to be asked.
  std::optional<Answer> Find(const Sha256Digest& key, absl::Time now) const;

  // Keeps what AI-Horde said, and returns what that means now: a user that is in grace instead of
  // UNAVAILABLE.
  Answer Keep(const Sha256Digest& key, Answer answer, absl::Time now);

  // The user, while it is known or in grace; null otherwise. Good until the next Keep().
  const HordeUser* UserInGrace(const Sha256Digest& key, absl::Time now) const;
  // Whether the newest question about the user had no answer, a short time ago.
  bool HasFailed(const Sha256Digest& key, absl::Time now) const;

  size_t users() const { return users_.size(); }
  size_t refusals() const { return refusals_.size(); }

 private:
  struct Known {
    HordeUser user;
    absl::Time asked;
    absl::Time failed = absl::InfinitePast();  // The newest question since, without an answer.
  };
  struct Refusal {
    absl::Status status;
    absl::Time until;
  };

  void MakeRoom(absl::Time now);

  const Options options_;
  std::map<Sha256Digest, Known> users_;
  std::map<Sha256Digest, Refusal> refusals_;  // Of unknown keys and missing answers.
};

}  // namespace modelref
