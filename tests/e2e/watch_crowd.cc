#include "tests/e2e/watch_crowd.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modelref::testing {
namespace {

constexpr size_t kStreamsOfOneConnection = 100;
// Between two attempts of a stream that is refused, and between two looks for work.
constexpr std::chrono::milliseconds kRetryAfter(100);
constexpr std::chrono::milliseconds kLook(10);

using Clock = std::chrono::steady_clock;

}  // namespace

struct WatchCrowd::Stream {
  enum class State { kWaiting, kStarting, kReading, kEnding };

  size_t number = 0;
  State state = State::kWaiting;
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncReader<v1::WatchResponse>> reader;
  v1::WatchResponse message;
  grpc::Status status;
  bool open = false;     // Created has come.
  bool drained = false;  // Drain has come.
  std::string token;     // Of the last complete message, of any stream of this one.
  uint64_t known = 0;    // The document's revision as events told it.
  Clock::time_point not_before;
};

WatchCrowd::WatchCrowd(const std::string& address, std::string category, size_t streams)
    : category_(std::move(category)), next_address_(address) {
  for (size_t i = 0; i < streams; ++i) {
    streams_.push_back(std::make_unique<Stream>());
    streams_.back()->number = i;
  }
  thread_ = std::thread([this] { Run(); });
}

WatchCrowd::~WatchCrowd() {
  stopping_.store(true);
  thread_.join();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void WatchCrowd::GoOnAt(const std::string& address) {
  MutexLock lock(&mutex_);
  next_address_ = address;
}

WatchCrowd::Counts WatchCrowd::counts() const {
  MutexLock lock(&mutex_);
  Counts counts = counts_;
  counts.behind = std::numeric_limits<uint64_t>::max();
  for (const auto& stream : streams_) counts.behind = std::min(counts.behind, stream->known);
  return counts;
}

v1::WatchService::Stub* WatchCrowd::StubOf(const Stream& stream) {
  auto& stub = stubs_[{address_, stream.number / kStreamsOfOneConnection}];
  if (stub == nullptr) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
    stub = v1::WatchService::NewStub(
        grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), arguments));
  }
  return stub.get();
}

void WatchCrowd::Run() {
  bool cancelled = false;
  while (true) {
    if (stopping_.load()) {
      for (const auto& stream : streams_) {
        if (!cancelled && stream->context != nullptr) stream->context->TryCancel();
      }
      cancelled = true;
      if (under_way_ == 0) return;
    } else {
      BeginWaiting();
    }
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + kLook) !=
        grpc::CompletionQueue::GOT_EVENT) {
      continue;
    }
    --under_way_;
    OnComplete(static_cast<Stream*>(tag), ok);
  }
}

void WatchCrowd::BeginWaiting() {
  {
    MutexLock lock(&mutex_);
    address_ = next_address_;
  }
  if (address_.empty()) return;
  const Clock::time_point now = Clock::now();
  if (now - looked_at_ < kLook) return;
  looked_at_ = now;
  for (const auto& stream : streams_) {
    if (stream->state == Stream::State::kWaiting && stream->not_before <= now) {
      Begin(stream.get());
    }
  }
}

void WatchCrowd::Begin(Stream* stream) {
  v1::WatchRequest request;
  request.mutable_filter()->add_categories(category_);
  if (stream->token.empty()) {
    request.mutable_now();
  } else {
    request.set_resume_token(stream->token);
  }
  // It lies in memory of the call, which the context keeps.
  stream->reader.reset();
  stream->context = std::make_unique<grpc::ClientContext>();
  stream->open = stream->drained = false;
  stream->state = Stream::State::kStarting;
  stream->reader = StubOf(*stream)->AsyncWatch(stream->context.get(), request, &queue_, stream);
  ++under_way_;
}

void WatchCrowd::OnComplete(Stream* stream, bool ok) {
  if (stream->state == Stream::State::kEnding) return OnEnd(stream);
  if (stream->state == Stream::State::kReading && ok) OnMessage(stream);
  ++under_way_;
  if (ok) {
    stream->state = Stream::State::kReading;
    return stream->reader->Read(&stream->message, stream);
  }
  stream->state = Stream::State::kEnding;
  stream->reader->Finish(&stream->status, stream);
}

void WatchCrowd::OnMessage(Stream* stream) {
  const v1::WatchResponse& message = stream->message;
  MutexLock lock(&mutex_);
  if (!message.resume_token().empty()) stream->token = message.resume_token();
  if (message.has_drain()) stream->drained = true;
  if (message.has_created()) {
    stream->open = true;
    ++counts_.open;
    const v1::ResumeKind kind = message.created().resume();
    counts_.exact += kind == v1::RESUME_KIND_EXACT;
    counts_.coalesced += kind == v1::RESUME_KIND_COALESCED;
    counts_.resync += kind == v1::RESUME_KIND_RESYNC;
  }
  for (const v1::WatchEvent& event : message.events().events()) OnEvent(stream, event);
}

void WatchCrowd::OnEvent(Stream* stream, const v1::WatchEvent& event) {
  // The first event of all tells of a change that the stream has no own knowledge of.
  if (stream->known != 0 && event.prev_mod_revision() != stream->known) {
    if (counts_.gaps++ == 0) {
      counts_.first_gap =
          absl::StrCat("stream ", stream->number, " knew ", stream->known, " and heard of ",
                       event.prev_mod_revision(), " -> ", event.mod_revision());
    }
  }
  stream->known = event.mod_revision();
}

void WatchCrowd::OnEnd(Stream* stream) {
  MutexLock lock(&mutex_);
  const std::string said =
      absl::StrCat(stream->status.error_code(), " ", stream->status.error_message());
  if (!stream->open) {
    ++counts_.refusals[said];
  } else {
    --counts_.open;
    if (stream->drained && stream->status.ok()) {
      ++counts_.drained;
    } else {
      ++counts_.broken[said];
    }
  }
  stream->state = Stream::State::kWaiting;
  stream->not_before = Clock::now() + kRetryAfter;
}

}  // namespace modelref::testing
