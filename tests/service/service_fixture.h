#pragma once

// The reading services over a store of the test's own, behind a real server.

#include <memory>
#include <string>
#include <vector>

#include "modelref/v1/reference.grpc.pb.h"
#include "modelref/v1/watch.grpc.pb.h"
#include "modelref/v1/write.grpc.pb.h"
#include "service/admission.h"
#include "service/reference_service.h"
#include "service/watch_service.h"
#include "service/write_service.h"
#include "tests/service/rpc/rpc_test_server.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"

namespace modelref::testing {

// A stream read to its end: its messages, and how it ended.
template <typename Response>
struct ReadStream {
  std::vector<Response> messages;
  absl::Status status;
};

class ServiceFixture {
 public:
  struct Options {
    Store::Options store;
    PositionWaiter::Options positions;
    WatchSession::Options watch;
    WatchDefaults watch_defaults;
    GzipCache::Options gzip;
    WriteService::Options writes;
    Format canonical = Format::kV2;
    TestServer::Options server;
  };

  explicit ServiceFixture(const Options& options);
  ~ServiceFixture();

  Store& store() { return *store_; }
  FakeClock& clock() { return clock_; }
  WatchHub& hub() { return *hub_; }
  TestServer& server() { return *server_; }
  v1::ReferenceService::Stub& reference() { return *reference_stub_; }
  v1::WatchService::Stub& watch() { return *watch_stub_; }
  v1::WriteService::Stub& writes() { return *write_stub_; }

  // The revision afterwards.
  uint64_t Put(const std::string& name, absl::string_view value);
  // The present position, `ahead` revisions later; without a chain then.
  v1::Position Position(uint64_t ahead = 0) const;
  std::string Etag() const;

  template <typename Response>
  static ReadStream<Response> ReadAll(grpc::ClientReaderInterface<Response>* reader) {
    ReadStream<Response> all;
    Response response;
    while (reader->Read(&response)) all.messages.push_back(std::move(response));
    all.status = FromGrpcStatus(reader->Finish());
    return all;
  }
  ReadStream<v1::GetDeltaResponse> GetDelta(const v1::GetDeltaRequest& request);

 private:
  FakeClock clock_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  std::unique_ptr<Store> store_;
  std::unique_ptr<PositionWaiter> positions_;
  std::unique_ptr<WatchHub> hub_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<ReferenceService> reference_;
  std::unique_ptr<WatchService> watch_;
  const AccessControl access_{AccessOptions()};
  CallerLimits limits_{CallerLimits::Options()};
  GuessLimits guesses_{GuessLimits::Options()};
  std::unique_ptr<WriteService> writes_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<v1::ReferenceService::Stub> reference_stub_;
  std::unique_ptr<v1::WatchService::Stub> watch_stub_;
  std::unique_ptr<v1::WriteService::Stub> write_stub_;
};

}  // namespace modelref::testing
