#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "backends/net/http_client.h"
#include "service/auth/horde_cache.h"

namespace modelref {

// Asks AI-Horde who holds an API key: GET <url>v2/find_user with the key in the header "apikey".
// Answers are kept (HordeCache); calls that come with the same key meanwhile wait for one question.
// Keys are sent, and kept nowhere but in the question. Thread-safe.
class HordeLookup {
 public:
  struct Options {
    std::string url = "https://aihorde.net/api/";
    absl::Duration timeout = absl::Seconds(10);
    HordeCache::Options cache;
    size_t max_questions = 128;  // Under way at once; one more is IDENTITY_UNAVAILABLE.
  };
  struct Stats {
    uint64_t questions = 0;
    uint64_t failures = 0;  // Questions without a usable answer.
    size_t users = 0;       // Kept.
    bool answering = true;  // The newest answer was one.
  };
  using Answer = HordeCache::Answer;
  // Called once: on the HTTP client's thread, or before Ask() returns.
  using Callback = std::function<void(const Answer&)>;

  // `clock` must outlive it.
  HordeLookup(Options options, Clock& clock);
  // Whoever waits is answered IDENTITY_UNAVAILABLE.
  ~HordeLookup();

  // None: ask.
  std::optional<Answer> Find(absl::string_view key) const;
  void Ask(absl::string_view key, Callback done);

  Stats stats() const;

 private:
  using Waiting = std::vector<Callback>;

  void Send(const Sha256Digest& digest, absl::string_view key);
  void Answered(const Sha256Digest& digest, const absl::StatusOr<HttpResponse>& response);

  const Options options_;
  Clock& clock_;
  mutable Mutex mutex_;
  HordeCache cache_ ABSL_GUARDED_BY(mutex_);
  std::map<Sha256Digest, Waiting> questions_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> asked_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<bool> answering_{true};
  // Last: its thread calls Answered().
  const std::unique_ptr<HttpClient> http_;
};

// What an answer of AI-Horde's find_user means:
//   200 with "username": "Name#123"     the user
//   200 with a name that has no number  CREDENTIAL_INVALID
//   400, 401, 403, 404                  CREDENTIAL_INVALID
//   anything else                       IDENTITY_UNAVAILABLE: it says nothing about the key
HordeCache::Answer ReadHordeAnswer(const absl::StatusOr<HttpResponse>& response);

}  // namespace modelref
