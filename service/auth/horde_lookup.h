#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
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
//
// Who is in grace (HordeCache) does not wait long: when AI-Horde has not answered within
// `patience`, failed to answer about this user a moment ago, or cannot be asked, the user is
// served, and what AI-Horde says in the end counts from then on. A 429 or 503 with
// Retry-After stops all questions for as long, a minute at most. Who asks patiently waits for what
// AI-Horde says, and is served in grace only when that is nothing.
class HordeLookup {
 public:
  struct Options {
    std::string url = "https://aihorde.net/api/";
    absl::Duration timeout = absl::Seconds(10);
    HordeCache::Options cache;
    size_t max_questions = 128;  // Under way at once; one more is IDENTITY_UNAVAILABLE.
    size_t max_waiting = 250;    // For one question; one more is IDENTITY_UNAVAILABLE.
    absl::Duration patience = absl::Seconds(1);  // Real time, of users in grace.
  };
  struct Stats {
    uint64_t questions = 0;
    uint64_t failures = 0;  // Questions without a usable answer.
    size_t users = 0;       // Kept.
    bool answering = true;  // The newest answer was one.
  };
  using Answer = HordeCache::Answer;
  // Called once: on a thread of the lookup, or before Ask() returns.
  using Callback = std::function<void(const Answer&)>;

  // `clock` must outlive it.
  HordeLookup(Options options, Clock& clock);
  // Whoever waits is answered IDENTITY_UNAVAILABLE.
  ~HordeLookup();

  // None: ask.
  std::optional<Answer> Find(absl::string_view key) const;
  // `patient`: waits for AI-Horde's answer as long as that takes, also in grace.
  void Ask(absl::string_view key, Callback done, bool patient = false);

  Stats stats() const;

 private:
  struct Question {
    uint64_t number = 0;
    bool is_slow = false;  // Its time of patience is over.
    std::vector<Callback> waiting;
    std::vector<Callback> patient;
  };
  struct Patience {
    Sha256Digest key;
    uint64_t number;  // Of the question.
    absl::Time end;   // By the monotonic clock.
  };
  // Whom to tell what.
  struct News {
    std::vector<Callback> waiting;
    Answer answer;
  };

  // What is to be said at once; none: `done` waits for the answer. Sets `send` when AI-Horde has to
  // be asked now.
  std::optional<Answer> Join(const Sha256Digest& digest, bool patient, Callback* done, bool* send);
  std::optional<Answer> JoinQuestionLocked(Question* question, const HordeUser* user, bool patient,
                                           Callback* done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LosePatience();
  // Waits for the next question whose time of patience is over. False: stop.
  bool NextSlow(News* news);
  void Send(const Sha256Digest& digest, absl::string_view key);
  void Answered(const Sha256Digest& digest, const absl::StatusOr<HttpResponse>& response);

  const Options options_;
  Clock& clock_;
  mutable Mutex mutex_;
  HordeCache cache_ ABSL_GUARDED_BY(mutex_);
  std::map<Sha256Digest, Question> questions_ ABSL_GUARDED_BY(mutex_);
  uint64_t numbered_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Patience> patience_ ABSL_GUARDED_BY(mutex_);  // By their ends.
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time paused_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::atomic<uint64_t> asked_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<bool> answering_{true};
  // Last: their threads call what is above.
  const std::unique_ptr<HttpClient> http_;
  std::thread impatient_;
};

// What an answer of AI-Horde's find_user means:
//   200 with "username": "Name#123"     the user
//   200 with a name that has no number  CREDENTIAL_INVALID
//   401, 404                            CREDENTIAL_INVALID
//   400, 403 with JSON or without body  CREDENTIAL_INVALID
//   anything else                       IDENTITY_UNAVAILABLE: it says nothing about the key, such
//                                       as what refuses calls before AI-Horde sees them
HordeCache::Answer ReadHordeAnswer(const absl::StatusOr<HttpResponse>& response);

}  // namespace modelref
