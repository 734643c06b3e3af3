#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "service/auth/access_control.h"
#include "service/catalogue.h"
#include "service/rpc/executor.h"
#include "service/rpc/method_table.h"
#include "service/write/file_waiter.h"
#include "service/write/writer.h"

namespace modelref {

// modelref.v1.WriteService. Thread-safe.
class WriteService {
 public:
  struct Options {
    WriteLimits limits;
    // Not OK: why this server commits nothing, such as READ_ONLY_REPLICA.
    absl::Status refusal;
    // What the parts of imports that are not committed yet may take, all together.
    uint64_t staged_bytes = uint64_t{512} << 20;
    // Why files cannot be written, for those who wait for one; may be empty.
    FileWaiter::Failure file_failure;
    // How long somebody waits for a file without such a reason: longer than files are delayed.
    absl::Duration file_patience = FileWaiter::kPatience;
  };

  // Everything in `catalogue`, `access` and `executor`, where large requests are read, must outlive
  // the calls; the service must outlive the server.
  WriteService(const Catalogue& catalogue, const AccessControl& access, Executor& executor,
               Options options);

  void Register(MethodTable* methods);
  // Answers those who wait for a file, now and from now on. Idempotent.
  void Stop() { files_.Stop(); }

 private:
  friend class ImportSink;

  // Who calls what.
  struct CallFacts {
    Caller caller;
    std::string method;
  };
  template <typename Request>
  using Planner = absl::StatusOr<WritePlan> (*)(const CategoryRegistry&, Format, const WriteLimits&,
                                                const Request&);

  template <typename Request, typename Response>
  void Add(MethodTable* methods, const std::string& name, Planner<Request> planner,
           WriteEncoder encode);
  template <typename Request, typename Response>
  void Handle(const CallFacts& facts, const Request& request, Planner<Request> planner,
              const WriteEncoder& encode, const RawReply& reply);
  // Checks what every write says of how it is done, and whether the caller may. `body` is what a
  // repeated call must be equal to.
  absl::StatusOr<WriteCall> CheckOptions(const CallFacts& facts, const v1::WriteOptions& options,
                                         const Sha256Digest& body) const;
  // Commits, and answers once that is as durable as asked for.
  void Commit(std::shared_ptr<const WritePlan> plan, WriteCall call, WriteEncoder encode,
              v1::Durability durability, const RawReply& reply);
  void Send(const WriteAnswer& answer, const DocumentKey& key, const RawReply& reply) const;
  void FillHeader(const RootPtr& root, const DocumentKey& key, v1::ResponseHeader* header) const;

  const Catalogue& catalogue_;
  const AccessControl& access_;
  Executor& executor_;
  const Options options_;
  Writer writer_;
  FileWaiter files_;
  // Shared with imports, which may end after the service began to go.
  const std::shared_ptr<std::atomic<uint64_t>> staged_;
};

}  // namespace modelref
