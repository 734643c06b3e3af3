#include "tests/clients/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/mutex.h"
#include "clients/cpp/error_codec.h"

namespace modelref::testing {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const EncodedError error = EncodeError(status);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), error.message, error.details);
}

// The metadata of the last call.
class Recorder {
 public:
  void Record(const grpc::ServerContext& context) {
    MutexLock lock(&mutex_);
    metadata_.clear();
    for (const auto& [key, value] : context.client_metadata()) {
      metadata_[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
    }
  }
  std::string Value(const std::string& key) const {
    MutexLock lock(&mutex_);
    const auto found = metadata_.find(key);
    return found == metadata_.end() ? "" : found->second;
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::string> metadata_ ABSL_GUARDED_BY(mutex_);
};

template <typename Request, typename Response>
grpc::Status Answer(Recorder& recorder, const UnaryHandler<Request, Response>& handler,
                    grpc::ServerContext* context, const Request* request, Response* response) {
  recorder.Record(*context);
  if (!handler) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  return ToGrpc(handler(*request, response));
}

template <typename Request, typename Response>
grpc::Status Stream(const StreamHandler<Request, Response>& handler, grpc::ServerContext* context,
                    const Request* request, grpc::ServerWriter<Response>* writer) {
  if (!handler) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  return ToGrpc(handler(*request, *context, *writer));
}

#define FAKE_UNARY(method, package, handler)                                                 \
  grpc::Status method(grpc::ServerContext* context, const package::method##Request* request, \
                      package::method##Response* response) override {                        \
    return Answer(recorder_, handlers_.handler, context, request, response);                 \
  }
#define FAKE_STREAM(method, handler)                                                    \
  grpc::Status method(grpc::ServerContext* context, const v1::method##Request* request, \
                      grpc::ServerWriter<v1::method##Response>* writer) override {      \
    return Stream(handlers_.handler, context, request, writer);                         \
  }

class FakeReference final : public v1::ReferenceService::Service {
 public:
  FakeReference(const FakeHandlers& handlers, Recorder& recorder)
      : handlers_(handlers), recorder_(recorder) {}
  FAKE_UNARY(ListCategories, v1, list_categories)
  FAKE_UNARY(GetCategory, v1, get_category)
  FAKE_STREAM(StreamCategory, stream_category)
  FAKE_STREAM(FetchAllCategories, fetch_all)
  FAKE_UNARY(GetModel, v1, get_model)
  FAKE_UNARY(BatchGetModels, v1, batch_get_models)
  FAKE_UNARY(ListModels, v1, list_models)
  FAKE_STREAM(GetDelta, get_delta)
  FAKE_UNARY(GetCategoryStatistics, v1, statistics)

 private:
  const FakeHandlers& handlers_;
  Recorder& recorder_;
};

class FakeWatch final : public v1::WatchService::Service {
 public:
  FakeWatch(const FakeHandlers& handlers, Recorder& recorder)
      : handlers_(handlers), recorder_(recorder) {}
  FAKE_STREAM(Watch, watch)
  FAKE_UNARY(GetHead, v1, get_head)

 private:
  const FakeHandlers& handlers_;
  Recorder& recorder_;
};

class FakeAdmin final : public v1::AdminService::Service {
 public:
  FakeAdmin(const FakeHandlers& handlers, Recorder& recorder)
      : handlers_(handlers), recorder_(recorder) {}
  FAKE_UNARY(GetServerInfo, v1, server_info)
  FAKE_UNARY(MarkStale, v1, mark_stale)
  FAKE_UNARY(ListHeldEdits, v1, held_edits)
  FAKE_UNARY(AcceptEdit, v1, accept_edit)

 private:
  const FakeHandlers& handlers_;
  Recorder& recorder_;
};

class FakeStatistics final : public v1::StatisticsService::Service {
 public:
  FakeStatistics(const FakeHandlers& handlers, Recorder& recorder)
      : handlers_(handlers), recorder_(recorder) {}
  FAKE_UNARY(GetStatistics, v1, server_statistics)

 private:
  const FakeHandlers& handlers_;
  Recorder& recorder_;
};

class FakeWrite final : public v1::WriteService::Service {
 public:
  FakeWrite(const FakeHandlers& handlers, Recorder& recorder)
      : handlers_(handlers), recorder_(recorder) {}
  FAKE_UNARY(PutModel, v1, put_model)
  FAKE_UNARY(DeleteModel, v1, delete_model)
  FAKE_UNARY(WriteModels, v1, write_models)
  grpc::Status ImportCategory(grpc::ServerContext* context,
                              grpc::ServerReader<v1::ImportCategoryRequest>* reader,
                              v1::ImportCategoryResponse* response) override {
    recorder_.Record(*context);
    if (!handlers_.import_category) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
    std::vector<v1::ImportCategoryRequest> parts(1);
    while (reader->Read(&parts.back())) parts.emplace_back();
    parts.pop_back();
    return ToGrpc(handlers_.import_category(parts, response));
  }

 private:
  const FakeHandlers& handlers_;
  Recorder& recorder_;
};

class FakeHealth final : public grpc::health::v1::Health::Service {
 public:
  FakeHealth(const FakeHandlers& handlers, Recorder& recorder)
      : handlers_(handlers), recorder_(recorder) {}
  grpc::Status Check(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override {
    return Answer(recorder_, handlers_.health, context, request, response);
  }

 private:
  const FakeHandlers& handlers_;
  Recorder& recorder_;
};

#undef FAKE_UNARY
#undef FAKE_STREAM

}  // namespace

class FakeServer::Services {
 public:
  explicit Services(FakeHandlers handlers) : handlers_(std::move(handlers)) {}

  void Register(grpc::ServerBuilder* builder) {
    builder->RegisterService(&reference_);
    builder->RegisterService(&watch_);
    builder->RegisterService(&admin_);
    builder->RegisterService(&statistics_);
    builder->RegisterService(&write_);
    builder->RegisterService(&health_);
  }
  const Recorder& recorder() const { return recorder_; }

 private:
  const FakeHandlers handlers_;
  Recorder recorder_;
  FakeReference reference_{handlers_, recorder_};
  FakeWatch watch_{handlers_, recorder_};
  FakeAdmin admin_{handlers_, recorder_};
  FakeStatistics statistics_{handlers_, recorder_};
  FakeWrite write_{handlers_, recorder_};
  FakeHealth health_{handlers_, recorder_};
};

FakeServer::FakeServer(FakeHandlers handlers, int port)
    : services_(std::make_unique<Services>(std::move(handlers))) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                           &port_);
  services_->Register(&builder);
  server_ = builder.BuildAndStart();
}

FakeServer::~FakeServer() {
  // Cancels what still runs, so that a test that failed does not hang.
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::time_point());
}

std::string FakeServer::address() const { return absl::StrCat("127.0.0.1:", port_); }

std::string FakeServer::last_metadata(const std::string& key) const {
  return services_->recorder().Value(key);
}

std::string UnusedAddress() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  // Bound and closed without listening: the kernel does not hand the port out again soon.
  (void)bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  (void)getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
}

}  // namespace modelref::testing
