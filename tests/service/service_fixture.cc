#include "tests/service/service_fixture.h"

#include <gtest/gtest.h>

#include <utility>

#include "service/watch/wire.h"

namespace modelref::testing {

ServiceFixture::ServiceFixture(const Options& options) {
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(registry_.DocumentKeys(), clock_, options.store);
  EXPECT_TRUE(store.ok()) << store.status();
  store_ = *std::move(store);
  positions_ = std::make_unique<PositionWaiter>(*store_, nullptr, options.positions);
  hub_ = std::make_unique<WatchHub>(*store_, *positions_, "node-1");
  catalogue_ =
      std::make_unique<Catalogue>(Catalogue{*store_, registry_, options.canonical, "node-1", clock_,
                                            [](const DocumentKey&) { return absl::OkStatus(); }});
  watch_ = std::make_unique<WatchService>(
      *catalogue_, *hub_, WatchService::Options{options.watch, options.watch_defaults});
  server_ = std::make_unique<TestServer>(
      [this](MethodTable* methods) { watch_->Register(methods); },
      [&](RpcServerOptions* server) {
        server->clock = &clock_;
        server->admission = MakeAdmission({&access_, &limits_, &guesses_, false});
        if (options.server) options.server(server);
      },
      [this, &options](RpcServer& server) {
        reference_ = std::make_unique<ReferenceService>(
            *catalogue_, [](const CallContext&) { return absl::OkStatus(); }, *positions_,
            server.executor(), options.gzip);
        reference_->Register(&server.methods());
        writes_ =
            std::make_unique<WriteService>(*catalogue_, access_, server.executor(), options.writes);
        writes_->Register(&server.methods());
      });
  reference_stub_ = v1::ReferenceService::NewStub(server_->channel());
  watch_stub_ = v1::WatchService::NewStub(server_->channel());
  write_stub_ = v1::WriteService::NewStub(server_->channel());
}

ServiceFixture::~ServiceFixture() {
  (*server_)->Shutdown(absl::ZeroDuration());
  positions_->Stop();
  writes_->Stop();
  server_->Destroy();
}

uint64_t ServiceFixture::Put(const std::string& name, absl::string_view value) {
  return CommitTo(*store_, Edit(kClip, {modelref::testing::Put(name, value)}));
}

v1::Position ServiceFixture::Position(uint64_t ahead) const {
  modelref::Position position = PositionOf(*store_->root());
  position.revision += ahead;
  if (ahead > 0) position.chain = std::nullopt;
  v1::Position proto;
  FillPosition(position, &proto);
  return proto;
}

std::string ServiceFixture::Etag() const {
  return std::string(AsBytes(store_->root()->Find(kClip)->document->etag()));
}

ReadStream<v1::GetDeltaResponse> ServiceFixture::GetDelta(const v1::GetDeltaRequest& request) {
  grpc::ClientContext context;
  return ReadAll<v1::GetDeltaResponse>(reference_stub_->GetDelta(&context, request).get());
}

}  // namespace modelref::testing
