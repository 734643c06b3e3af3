#include "service/rpc/connection_table.h"

#include <sys/stat.h>

namespace modelref {
namespace {

// In a storm at the limit every connection would ask for a sweep.
constexpr SteadyClock::duration kSweepPause = std::chrono::milliseconds(100);

}  // namespace

bool ConnectionTable::IsFull(const std::string& origin, Verdict* verdict) const {
  *verdict = Verdict::kTooMany;
  if (open_ >= limits_.connections) return true;
  *verdict = Verdict::kTooManyOfOrigin;
  const auto found = by_origin_.find(origin);
  return found != by_origin_.end() && found->second >= limits_.per_origin;
}

ConnectionTable::Verdict ConnectionTable::Admit(int fd, const std::string& origin, SteadyTime now) {
  const auto index = static_cast<size_t>(fd);
  if (index >= connections_.size()) connections_.resize(index + 1);
  // Whoever had the descriptor has closed it.
  Forget(&connections_[index]);
  Verdict verdict;
  if (IsFull(origin, &verdict)) {
    if (now - swept_ < kSweepPause) return verdict;
    Sweep(now);
    if (IsFull(origin, &verdict)) return verdict;
  }
  struct stat info {};
  if (fstat(fd, &info) != 0) return Verdict::kTooMany;
  connections_[index] = Connection{info.st_dev, info.st_ino, origin};
  ++open_;
  if (!origin.empty()) ++by_origin_[origin];
  return Verdict::kAdmitted;
}

void ConnectionTable::Sweep(SteadyTime now) {
  swept_ = now;
  for (size_t fd = 0; fd < connections_.size(); ++fd) {
    Connection& connection = connections_[fd];
    if (connection.inode == 0) continue;
    struct stat info {};
    const bool same = fstat(static_cast<int>(fd), &info) == 0 && info.st_ino == connection.inode &&
                      info.st_dev == connection.device;
    if (!same) Forget(&connection);
  }
}

void ConnectionTable::Forget(Connection* connection) {
  if (connection->inode == 0) return;
  const auto found = by_origin_.find(connection->origin);
  if (found != by_origin_.end() && --found->second == 0) by_origin_.erase(found);
  *connection = Connection();
  --open_;
}

}  // namespace modelref
