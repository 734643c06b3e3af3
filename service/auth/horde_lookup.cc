#include "service/auth/horde_lookup.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/log.h"

namespace modelref {
namespace {

constexpr size_t kMaxAnswerBytes = 1 << 20;

HordeLookup::Answer TooMany() {
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(1);
  return Error(absl::StatusCode::kUnavailable, "IDENTITY_UNAVAILABLE",
               "too many callers are being asked for", std::move(extras));
}

std::string QuestionUrl(absl::string_view base) {
  return absl::StrCat(base, absl::EndsWith(base, "/") ? "" : "/", "v2/find_user");
}

}  // namespace

HordeLookup::HordeLookup(Options options, Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      cache_(options_.cache),
      http_(std::make_unique<HttpClient>(HttpClient::Options())) {}

HordeLookup::~HordeLookup() { http_->Stop(); }

std::optional<HordeLookup::Answer> HordeLookup::Find(absl::string_view key) const {
  const Sha256Digest digest = Sha256(key);
  const absl::Time now = clock_.TimeNow();
  MutexLock lock(&mutex_);
  return cache_.Find(digest, now);
}

void HordeLookup::Ask(absl::string_view key, Callback done) {
  const Sha256Digest digest = Sha256(key);
  const absl::Time now = clock_.TimeNow();
  std::optional<Answer> known;
  {
    MutexLock lock(&mutex_);
    // Somebody else may have asked since Find().
    known = cache_.Find(digest, now);
    const auto asked = questions_.find(digest);
    if (!known.has_value() && asked != questions_.end()) {
      asked->second.push_back(std::move(done));
      return;
    }
    if (!known.has_value() && questions_.size() >= options_.max_questions) known = TooMany();
    if (!known.has_value()) questions_[digest].push_back(std::move(done));
  }
  if (known.has_value()) return done(*known);
  Send(digest, key);
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
  Waiting waiting;
  {
    const absl::Time now = clock_.TimeNow();
    MutexLock lock(&mutex_);
    answer = cache_.Keep(digest, std::move(answer), now);
    const auto asked = questions_.find(digest);
    if (asked != questions_.end()) {
      waiting = std::move(asked->second);
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
