// The least that a gRPC server can do: it answers with bytes that were made beforehand, on the same
// kind of completion queues and threads as modelrefd. What grpc_bench compares modelrefd with.
//
// bare_server ANSWERS ADDRESS [MAX_STREAMS_PER_CONNECTION [CERTIFICATE KEY]]: ANSWERS is a file of
// WriteAnswers(); with the other two, PEM, it speaks TLS.

#include <grpcpp/alarm.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "service/rpc/gzip.h"
#include "service/rpc/raw_service.h"
#include "tests/bench/bare_methods.h"
#include "tests/bench/recorded_answers.h"

namespace modelref::bench {
namespace {

constexpr int kPostedRequests = 32;

class Tag {
 public:
  virtual ~Tag() = default;
  virtual void OnComplete(bool ok) = 0;
};

class WatchStream;

// A completion queue and its thread. Streams belong to the queue they were opened on.
struct Queue {
  std::unique_ptr<grpc::ServerCompletionQueue> completions;
  std::list<WatchStream*> streams;
  std::thread thread;

  void Run() {
    void* tag = nullptr;
    bool ok = false;
    while (completions->Next(&tag, &ok)) static_cast<Tag*>(tag)->OnComplete(ok);
  }
};

struct Bare {
  RawService service;
  std::vector<std::unique_ptr<Queue>> unary_queues;
  std::vector<std::unique_ptr<Queue>> stream_queues;
  std::vector<std::unique_ptr<Method>> methods;

  void FanOut();
};

class UnaryCall final : public Tag {
 public:
  UnaryCall(Bare* bare, const Method* method, Queue* queue)
      : bare_(bare), method_(method), queue_(queue) {
    bare_->service.RequestUnary(method->index, &context_, &request_, &writer_,
                                queue->completions.get(), this);
  }

  void OnComplete(bool ok) override {
    if (!ok || answered_) {
      delete this;
      return;
    }
    answered_ = true;
    new UnaryCall(bare_, method_, queue_);
    const std::vector<grpc::ByteBuffer>* answer = method_->Find(request_);
    if (answer == nullptr) {
      writer_.FinishWithError(grpc::Status(grpc::StatusCode::NOT_FOUND, "not recorded"), this);
      return;
    }
    if (IsGzip((*answer)[0])) context_.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    writer_.Finish((*answer)[0], grpc::Status::OK, this);
    if (method_->answers[0].first == kFanOutMethod) bare_->FanOut();
  }

 private:
  Bare* const bare_;
  const Method* const method_;
  Queue* const queue_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> writer_{&context_};
  bool answered_ = false;
};

class WatchStream final : public Tag {
 public:
  WatchStream(Bare* bare, const Method* method, Queue* queue)
      : bare_(bare), method_(method), queue_(queue), done_tag_(this) {
    context_.AsyncNotifyWhenDone(&done_tag_);
    bare_->service.RequestStream(method->index, &context_, &request_, &writer_,
                                 queue->completions.get(), this);
  }

  void SendEvent() {
    again_ = writing_;
    if (!writing_ && !done_) Write((*messages_)[1]);
  }

  void OnComplete(bool ok) override {
    if (messages_ == nullptr) return ok ? Open() : DeleteThis();
    writing_ = false;
    if (done_) return DeleteThis();
    if (method_->kind == AnswerKind::kStream) WriteNext();
    if (again_) SendEvent();
  }

 private:
  class DoneTag final : public Tag {
   public:
    explicit DoneTag(WatchStream* stream) : stream_(stream) {}
    void OnComplete(bool) override { stream_->OnDone(); }

   private:
    WatchStream* const stream_;
  };

  void DeleteThis() { delete this; }

  void Open() {
    new WatchStream(bare_, method_, queue_);
    messages_ = method_->Find(request_);
    if (messages_ == nullptr) std::abort();
    place_ = queue_->streams.insert(queue_->streams.end(), this);
    WriteNext();
  }

  void WriteNext() {
    if (method_->kind == AnswerKind::kWatch) return Write((*messages_)[0]);
    if (next_ < messages_->size()) return Write((*messages_)[next_++]);
    if (next_++ > messages_->size()) return;
    writing_ = true;
    writer_.Finish(grpc::Status::OK, this);
  }

  void Write(const grpc::ByteBuffer& message) {
    writing_ = true;
    writer_.Write(message, this);
  }

  void OnDone() {
    done_ = true;
    queue_->streams.erase(place_);
    if (!writing_) DeleteThis();
  }

  Bare* const bare_;
  const Method* const method_;
  Queue* const queue_;
  DoneTag done_tag_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_{&context_};
  const std::vector<grpc::ByteBuffer>* messages_ = nullptr;
  std::list<WatchStream*>::iterator place_;
  size_t next_ = 0;
  bool writing_ = false;
  bool again_ = false;  // An event came meanwhile.
  bool done_ = false;
};

// Takes the wish to send to the thread that owns the streams.
class FanOutTag final : public Tag {
 public:
  explicit FanOutTag(Queue* queue) : queue_(queue) {
    alarm_.Set(queue->completions.get(), gpr_time_0(GPR_CLOCK_MONOTONIC), this);
  }
  void OnComplete(bool) override {
    for (WatchStream* stream : queue_->streams) stream->SendEvent();
    delete this;
  }

 private:
  Queue* const queue_;
  grpc::Alarm alarm_;
};

void Bare::FanOut() {
  for (const auto& queue : stream_queues) new FanOutTag(queue.get());
}

int HalfOfCores() { return static_cast<int>(std::thread::hardware_concurrency()) / 2; }
// As many as modelrefd has by default.
int UnaryQueueCount() { return std::max(2, HalfOfCores()); }
int StreamQueueCount() { return std::max(1, HalfOfCores()); }

void AddQueues(grpc::ServerBuilder* builder, int count,
               std::vector<std::unique_ptr<Queue>>* queues) {
  for (int i = 0; i < count; ++i) {
    queues->push_back(std::make_unique<Queue>());
    queues->back()->completions = builder->AddCompletionQueue();
  }
}

void Post(Bare* bare) {
  for (const auto& method : bare->methods) {
    for (int i = 0; i < kPostedRequests; ++i) {
      if (method->kind == AnswerKind::kUnary) {
        for (const auto& queue : bare->unary_queues) new UnaryCall(bare, method.get(), queue.get());
      } else {
        for (const auto& queue : bare->stream_queues) {
          new WatchStream(bare, method.get(), queue.get());
        }
      }
    }
  }
}

std::string TextOf(const char* file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(const char* certificate, const char* key) {
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({TextOf(key), TextOf(certificate)});
  return grpc::SslServerCredentials(options);
}

int Main(const std::string& file, const std::string& address, int streams_per_connection,
         const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  std::signal(SIGPIPE, SIG_IGN);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  std::vector<RecordedAnswer> answers = ReadAnswers(file);
  const std::string fan_out(kFanOutMethod);
  answers.push_back({AnswerKind::kUnary, fan_out, fan_out, false, {"!"}});
  Bare bare;
  bare.methods = MakeMethods(answers, &bare.service);
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 64 << 10);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, streams_per_connection);
  builder.RegisterService(&bare.service);
  AddQueues(&builder, UnaryQueueCount(), &bare.unary_queues);
  AddQueues(&builder, StreamQueueCount(), &bare.stream_queues);
  builder.AddListeningPort(address, credentials);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  Post(&bare);
  for (auto* queues : {&bare.unary_queues, &bare.stream_queues}) {
    for (const auto& queue : *queues) queue->thread = std::thread([&queue] { queue->Run(); });
  }
  // Killed by whoever started it.
  bare.unary_queues[0]->thread.join();
  return 0;
}

}  // namespace
}  // namespace modelref::bench

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr,
                 "usage: bare_server ANSWERS ADDRESS [MAX_STREAMS_PER_CONNECTION"
                 " [CERTIFICATE KEY]]\n");
    return 2;
  }
  return modelref::bench::Main(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 100,
                               argc > 5 ? modelref::bench::TlsCredentials(argv[4], argv[5])
                                        : grpc::InsecureServerCredentials());
}
