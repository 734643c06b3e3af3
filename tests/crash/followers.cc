#include "tests/crash/followers.h"

#include "absl/strings/str_cat.h"
#include "tests/crash/pause.h"

namespace modelref::testing {

void Followers::Start(std::mt19937_64& random, ServerList& servers) {
  for (uint64_t i = random() % 3 == 0 ? 1 + random() % 2 : 0; i > 0; --i) {
    auto follower = std::make_unique<CrashServer>(data_dir_, "", flags_);
    if (!follower->WaitUntilServing()) {
      sightings_.Complain("a follower does not start: " + follower->log());
      return;
    }
    servers.Add(follower->NewClient());
    running_.push_back(std::move(follower));
    ++count_;
  }
}

std::string Followers::Kill(std::mt19937_64& random) {
  std::string logs;
  for (const auto& follower : running_) {
    Pause(absl::Milliseconds(random() % 150));
    if (!follower->IsRunning()) sightings_.Complain("a follower died: " + follower->log());
    follower->Kill();
    absl::StrAppend(&logs, "--- a follower\n", follower->log());
  }
  running_.clear();
  return logs;
}

}  // namespace modelref::testing
