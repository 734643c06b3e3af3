#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "backends/base/mutex.h"
#include "clients/cpp/client.h"

namespace modelref::testing {

// What everybody who watched or read has seen, ever: what the store must hold for ever.
// Thread-safe.
class Sightings {
 public:
  // Category, format, revision of a document's version.
  using Version = std::tuple<std::string, int, uint64_t>;

  void SeeVersion(const std::string& category, int format, uint64_t revision,
                  const std::string& etag);
  void SeeChain(uint64_t revision, const std::string& chain);
  void SeeEpoch(const std::string& epoch);
  void Complain(const std::string& what);

  std::map<Version, std::string> versions() const;
  // The first 8 bytes of the chain by revision.
  std::map<uint64_t, std::string> chains() const;
  // What was wrong by itself: a revision with two contents, an epoch that changed.
  std::vector<std::string> complaints() const;

 private:
  mutable Mutex mutex_;
  std::map<Version, std::string> versions_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, std::string> chains_ ABSL_GUARDED_BY(mutex_);
  std::string epoch_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> complaints_ ABSL_GUARDED_BY(mutex_);
};

// A watcher that resumes where it was. One thread at a time.
class Observer {
 public:
  explicit Observer(Sightings& sightings) : sightings_(sightings) {}
  // Watches until the server is gone, or for `quiet` nothing is told and `stop` says so.
  void Watch(Client& client, const std::function<bool()>& stop);
  // How often a stream was opened, and how often it was continued.
  uint64_t streams() const { return streams_; }
  uint64_t resumed() const { return resumed_; }

 private:
  void See(Client& client, const v1::WatchResponse& message);
  void SeeHead(Client& client);

  Sightings& sightings_;
  std::string token_;
  uint64_t streams_ = 0;
  uint64_t resumed_ = 0;
};

}  // namespace modelref::testing
