#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/pending_read.h"
#include "service/rpc/method_table.h"

namespace modelref {

// Answers a unary read from the newest state; checks and waits are over.
using ReadBody = std::function<absl::StatusOr<grpc::ByteBuffer>()>;

// A unary read before it is answered.
struct UnaryRead {
  ReadPlan plan;
  bool slow = false;  // To be answered on the executor.
  ReadBody body;
};

// Waits for what the plan says and answers, on the queue's thread when that is quick.
UnaryOutcome AnswerRead(const ReadMeans& means, UnaryRead read, UnaryDeferral& deferral);

// Checks the options of a read and, for a refresh, the caller's right to it.
absl::StatusOr<ReadPlan> CheckRead(const CallContext& context, const v1::ReadOptions& options,
                                   const RefreshPolicy& may_refresh);

// What the answer to one call may use.
struct AnswerOptions {
  bool gzip = false;  // The caller accepts it.
};

// How reads of one request type are served.
template <typename Request>
struct ReadMethod {
  std::function<absl::StatusOr<DocumentKey>(const Request&)> resolve;
  std::function<bool(const Request&)> is_slow;
  std::function<absl::StatusOr<grpc::ByteBuffer>(const DocumentKey&, const Request&, AnswerOptions)>
      answer;
};

// Registers a read of one document. `means` and `may_refresh` are as in ReadMeans.
template <typename Request>
void AddRead(MethodTable* methods, absl::string_view name, MethodOptions options, ReadMeans means,
             RefreshPolicy may_refresh, ReadMethod<Request> method) {
  methods->AddUnary(name, options,
                    [means, may_refresh = std::move(may_refresh),
                     method = std::make_shared<const ReadMethod<Request>>(std::move(method))](
                        const CallContext& context, const grpc::ByteBuffer& bytes,
                        UnaryDeferral& deferral) -> UnaryOutcome {
                      Request request;
                      if (absl::Status parsed = ParseMessage(bytes, &request); !parsed.ok())
                        return parsed;
                      absl::StatusOr<ReadPlan> plan =
                          CheckRead(context, request.read(), may_refresh);
                      if (!plan.ok()) return plan.status();
                      const absl::StatusOr<DocumentKey> key = method->resolve(request);
                      if (!key.ok()) return key.status();
                      // What most calls ask for waits for nothing and is answered without more ado.
                      const bool slow = method->is_slow(request);
                      const AnswerOptions answer{context.AcceptsGzip()};
                      if (!slow && !plan->refresh && !plan->min_position.has_value()) {
                        return method->answer(*key, request, answer);
                      }
                      plan->keys = {*key};
                      auto kept = std::make_shared<const Request>(std::move(request));
                      UnaryRead read{*std::move(plan), slow, nullptr};
                      read.body = [method, kept, key = *key, answer] {
                        return method->answer(key, *kept, answer);
                      };
                      return AnswerRead(means, std::move(read), deferral);
                    });
}

}  // namespace modelref
