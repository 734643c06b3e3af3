#pragma once

// A stream source that a test feeds message by message and whose life it can observe.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/service/rpc/rpc_test_server.h"

namespace modelref::testing {

// Shared by the test and all sources of one method: every stream gets every message pushed after it
// was opened, then the end when one is set. Thread-safe.
class StreamFeed {
 public:
  void Register(MethodTable* table, const std::string& method = "/test.Feed/Watch",
                MethodOptions options = {}) {
    table->ServerStream<Text>(
        method,
        [this](const CallContext& context, const Text&,
               Waker waker) -> absl::StatusOr<std::unique_ptr<StreamSource>> {
          return std::make_unique<Source>(this, &context, std::move(waker));
        },
        options);
  }

  void Push(std::string message) {
    MutexLock lock(&mutex_);
    messages_.push_back(std::move(message));
    WakeAllLocked();
  }
  void End(absl::Status status) {
    MutexLock lock(&mutex_);
    end_ = std::move(status);
    WakeAllLocked();
  }
  // Ends streams that are told to drain, with this last message.
  void SetFarewell(std::string farewell) {
    MutexLock lock(&mutex_);
    farewell_ = std::move(farewell);
  }
  void SetStubborn() {
    MutexLock lock(&mutex_);
    stubborn_ = true;
  }
  void WakeAll() {
    MutexLock lock(&mutex_);
    WakeAllLocked();
  }

  size_t open() {
    MutexLock lock(&mutex_);
    return sources_.size();
  }
  size_t opened() {
    MutexLock lock(&mutex_);
    return opened_;
  }
  size_t asked() {
    MutexLock lock(&mutex_);
    return asked_;
  }
  size_t cancelled() {
    MutexLock lock(&mutex_);
    return cancelled_;
  }
  // A waker of a stream that may be long gone.
  Waker any_waker() {
    MutexLock lock(&mutex_);
    return last_waker_;
  }

 private:
  class Source final : public StreamSource {
   public:
    Source(StreamFeed* feed, const CallContext* context, Waker waker)
        : feed_(feed), context_(context), waker_(std::move(waker)) {
      MutexLock lock(&feed_->mutex_);
      next_ = feed_->messages_.size();
      feed_->sources_.push_back(this);
      feed_->last_waker_ = waker_;
      ++feed_->opened_;
    }
    ~Source() override {
      MutexLock lock(&feed_->mutex_);
      std::erase(feed_->sources_, this);
      if (context_->IsCancelled()) ++feed_->cancelled_;
    }
    StreamStep Next(StreamPhase phase) override {
      MutexLock lock(&feed_->mutex_);
      ++feed_->asked_;
      if (next_ < feed_->messages_.size()) return Message(feed_->messages_[next_++], false);
      if (feed_->stubborn_) return WaitForWake{};
      if (phase == StreamPhase::kDraining && feed_->farewell_.has_value()) {
        return Message(*feed_->farewell_, true);
      }
      if (phase == StreamPhase::kStopping) return EndStream{absl::UnavailableError("stopping")};
      if (feed_->end_.has_value()) return EndStream{*feed_->end_};
      return WaitForWake{};
    }

   private:
    friend class StreamFeed;
    static StreamStep Message(const std::string& text, bool last) {
      return SendMessage{*SerializeMessage(MakeText(text)), last};
    }
    StreamFeed* const feed_;
    const CallContext* const context_;
    const Waker waker_;
    size_t next_ = 0;
  };

  void WakeAllLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (Source* source : sources_) source->waker_.Wake();
  }

  Mutex mutex_;
  std::vector<std::string> messages_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::string> farewell_ ABSL_GUARDED_BY(mutex_);
  bool stubborn_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Source*> sources_ ABSL_GUARDED_BY(mutex_);
  size_t opened_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t asked_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t cancelled_ ABSL_GUARDED_BY(mutex_) = 0;
  Waker last_waker_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref::testing
