#include "service/auth/horde_lookup.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/log.h"

namespace modelref {
namespace {

constexpr size_t kMaxAnswerBytes = 1 << 20;

// As many as may be under way for an address of which nobody guessed wrong.
constexpr long kConnections = 64;
constexpr absl::Duration kLongestPause = absl::Minutes(1);

HordeLookup::Answer Unavailable(absl::string_view why, absl::Duration retry_after) {
  ErrorExtras extras;
  extras.retry_after = retry_after;
  return Error(absl::StatusCode::kUnavailable, "IDENTITY_UNAVAILABLE", why, std::move(extras));
}

HordeLookup::Answer TooMany() {
  return Unavailable("too many callers are being asked for", absl::Seconds(1));
}

std::string QuestionUrl(absl::string_view base) {
  return absl::StrCat(base, absl::EndsWith(base, "/") ? "" : "/", "v2/find_user");
}

}  // namespace

HordeLookup::HordeLookup(Options options, Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      cache_(options_.cache),
      http_(
          std::make_unique<HttpClient>(HttpClient::Options{.connections_per_host = kConnections})),
      impatient_([this] { LosePatience(); }) {}

HordeLookup::~HordeLookup() {
  http_->Stop();
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  impatient_.join();
}

std::optional<HordeLookup::Answer> HordeLookup::Find(absl::string_view key) const {
  const Sha256Digest digest = Sha256(key);
  const absl::Time now = clock_.TimeNow();
  MutexLock lock(&mutex_);
  return cache_.Find(digest, now);
}

void HordeLookup::Ask(absl::string_view key, Callback done, bool patient) {
  const Sha256Digest digest = Sha256(key);
  bool send = false;
  const std::optional<Answer> answer = Join(digest, patient, &done, &send);
  if (send) Send(digest, key);
  if (answer.has_value()) done(*answer);
}

std::optional<HordeLookup::Answer> HordeLookup::Join(const Sha256Digest& digest, bool patient,
                                                     Callback* done, bool* send) {
  const absl::Time now = clock_.TimeNow();
  MutexLock lock(&mutex_);
  // Somebody else may have asked since Find().
  if (auto known = cache_.Find(digest, now); known.has_value()) return known;
  const HordeUser* const user = cache_.UserInGrace(digest, now);
  const auto asked = questions_.find(digest);
  if (asked != questions_.end()) return JoinQuestionLocked(&asked->second, user, patient, done);
  if (now < paused_until_) {
    if (user != nullptr) return *user;
    return Unavailable("AI-Horde wants to be asked later",
                       std::max(paused_until_ - now, absl::Seconds(1)));
  }
  if (questions_.size() >= options_.max_questions) return user != nullptr ? *user : TooMany();
  *send = true;
  Question& question = questions_[digest];
  question.number = ++numbered_;
  if (user != nullptr) {
    patience_.push_back({digest, question.number, MonotonicClock().TimeNow() + options_.patience});
    changed_.SignalAll();
    question.is_slow = cache_.HasFailed(digest, now);
  }
  return JoinQuestionLocked(&question, user, patient, done);
}

std::optional<HordeLookup::Answer> HordeLookup::JoinQuestionLocked(Question* question,
                                                                   const HordeUser* user,
                                                                   bool patient, Callback* done) {
  const bool is_full = question->waiting.size() + question->patient.size() >= options_.max_waiting;
  if (user != nullptr && (is_full || (question->is_slow && !patient))) return *user;
  if (is_full) return TooMany();
  (patient ? question->patient : question->waiting).push_back(std::move(*done));
  return std::nullopt;
}

void HordeLookup::LosePatience() {
  News news;
  while (NextSlow(&news)) {
    for (const Callback& done : news.waiting) done(news.answer);
    news.waiting.clear();
  }
}

bool HordeLookup::NextSlow(News* news) {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Duration left =
        patience_.empty() ? absl::Hours(1) : patience_.front().end - MonotonicClock().TimeNow();
    if (left > absl::ZeroDuration()) {
      changed_.WaitFor(&mutex_, left);
      continue;
    }
    const Patience over = patience_.front();
    patience_.pop_front();
    const auto asked = questions_.find(over.key);
    if (asked == questions_.end() || asked->second.number != over.number) continue;
    const HordeUser* const user = cache_.UserInGrace(over.key, clock_.TimeNow());
    if (user == nullptr) continue;
    asked->second.is_slow = true;
    news->waiting.swap(asked->second.waiting);
    news->answer = *user;
    return true;
  }
  return false;
}

void HordeLookup::Send(const Sha256Digest& digest, absl::string_view key) {
  asked_.fetch_add(1, std::memory_order_relaxed);
  HttpRequest request;
  request.url = QuestionUrl(options_.url);
  request.headers = {{"apikey", std::string(key)}, {"Accept", "application/json"}};
  request.timeout = options_.timeout;
  request.max_bytes = kMaxAnswerBytes;
  http_->Get(std::move(request), [this, digest](const absl::StatusOr<HttpResponse>& response) {
    Answered(digest, response);
  });
}

void HordeLookup::Answered(const Sha256Digest& digest,
                           const absl::StatusOr<HttpResponse>& response) {
  Answer answer = ReadHordeAnswer(response);
  const bool is_answer = !absl::IsUnavailable(answer.status());
  if (!is_answer) failures_.fetch_add(1, std::memory_order_relaxed);
  if (answering_.exchange(is_answer) != is_answer) {
    Log(is_answer ? LogLevel::kInfo : LogLevel::kWarning,
        is_answer ? "auth.horde_answers_again" : "auth.horde_does_not_answer",
        {{"error", std::string(answer.status().message())}});
  }
  std::vector<Callback> waiting;
  {
    const absl::Time now = clock_.TimeNow();
    MutexLock lock(&mutex_);
    answer = cache_.Keep(digest, std::move(answer), now);
    const bool is_busy = response.ok() && (response->status == 429 || response->status == 503);
    if (is_busy && response->retry_after.has_value()) {
      paused_until_ = now + std::min(*response->retry_after, kLongestPause);
    }
    const auto asked = questions_.find(digest);
    if (asked != questions_.end()) {
      waiting = std::move(asked->second.waiting);
      std::move(asked->second.patient.begin(), asked->second.patient.end(),
                std::back_inserter(waiting));
      questions_.erase(asked);
    }
  }
  for (const Callback& done : waiting) done(answer);
}

HordeLookup::Stats HordeLookup::stats() const {
  Stats stats;
  stats.questions = asked_.load(std::memory_order_relaxed);
  stats.failures = failures_.load(std::memory_order_relaxed);
  stats.answering = answering_.load(std::memory_order_relaxed);
  MutexLock lock(&mutex_);
  stats.users = cache_.users();
  return stats;
}

}  // namespace modelref
