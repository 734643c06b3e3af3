#include "service/auth/horde_cache.h"

#include <algorithm>
#include <utility>

namespace modelref {
namespace {

// Makes room for one more: what is over goes first, then what is over next.
template <typename Map, typename End>
void Trim(Map* entries, size_t limit, absl::Time now, End end) {
  if (entries->size() < limit) return;
  for (auto entry = entries->begin(); entry != entries->end();) {
    entry = end(entry->second) <= now ? entries->erase(entry) : std::next(entry);
  }
  while (!entries->empty() && entries->size() >= limit) {
    entries->erase(std::min_element(entries->begin(), entries->end(),
                                    [&end](const auto& left, const auto& right) {
                                      return end(left.second) < end(right.second);
                                    }));
  }
}

}  // namespace

std::optional<HordeCache::Answer> HordeCache::Find(const Sha256Digest& key, absl::Time now) const {
  const auto known = users_.find(key);
  if (known != users_.end() && now < known->second.asked + options_.ttl) {
    return known->second.user;
  }
  const auto refusal = refusals_.find(key);
  if (refusal == refusals_.end() || now >= refusal->second.until) return std::nullopt;
  if (absl::IsUnavailable(refusal->second.status)) {
    if (const HordeUser* user = UserInGrace(key, now); user != nullptr) return *user;
  }
  return refusal->second.status;
}

HordeCache::Answer HordeCache::Keep(const Sha256Digest& key, Answer answer, absl::Time now) {
  MakeRoom(now);
  refusals_.erase(key);
  if (answer.ok()) {
    users_[key] = Known{*answer, now};
    return answer;
  }
  const bool no_answer = absl::IsUnavailable(answer.status());
  refusals_[key] = {answer.status(), now + (no_answer ? options_.retry : options_.negative_ttl)};
  if (!no_answer) users_.erase(key);
  const auto known = users_.find(key);
  if (known != users_.end()) known->second.failed = now;
  if (const HordeUser* user = UserInGrace(key, now); user != nullptr) return *user;
  return answer;
}

const HordeUser* HordeCache::UserInGrace(const Sha256Digest& key, absl::Time now) const {
  const auto known = users_.find(key);
  const bool is_in_time =
      known != users_.end() && now < known->second.asked + options_.ttl + options_.grace;
  return is_in_time ? &known->second.user : nullptr;
}

bool HordeCache::HasFailed(const Sha256Digest& key, absl::Time now) const {
  const auto known = users_.find(key);
  return known != users_.end() && now < known->second.failed + options_.failure_counts;
}

void HordeCache::MakeRoom(absl::Time now) {
  Trim(&users_, options_.max_users, now,
       [this](const Known& known) { return known.asked + options_.ttl + options_.grace; });
  Trim(&refusals_, options_.max_refusals, now,
       [](const Refusal& refusal) { return refusal.until; });
}

}  // namespace modelref
