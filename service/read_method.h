#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/answer_cache.h"
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

// What is known of one call of a unary read before its request is parsed.
struct KnownRead {
  RootPtr root;
  grpc::Slice request;
  bool in_one_piece = false;  // Otherwise `request` is empty.
  AnswerOptions options;
};

// The answers that a unary read gave from the newest root. Thread-safe.
class ReadAnswers {
 public:
  explicit ReadAnswers(const ReadMeans& means) : means_(means) {}

  KnownRead Look(const CallContext& context, const grpc::ByteBuffer& request) const;
  // Null when it was not given before.
  AnswerCache::Answer Find(const KnownRead& read);
  // Keeps the answer to a read of the document that waited for nothing, if it may be given again.
  void Keep(const KnownRead& read, const DocumentKey& key, const grpc::ByteBuffer& answer);

 private:
  const ReadMeans means_;
  std::array<AnswerCache, 2> caches_;  // By KnownRead::options.gzip.
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
  methods->AddUnary(
      name, options,
      [means, may_refresh = std::move(may_refresh), answers = std::make_shared<ReadAnswers>(means),
       method = std::make_shared<const ReadMethod<Request>>(std::move(method))](
          const CallContext& context, const grpc::ByteBuffer& bytes,
          UnaryDeferral& deferral) -> UnaryOutcome {
        const KnownRead known = answers->Look(context, bytes);
        if (auto answer = answers->Find(known)) {
          deferral.Share(std::move(answer));
          return std::nullopt;
        }
        Request request;
        if (absl::Status parsed = ParseMessage(bytes, &request); !parsed.ok()) return parsed;
        absl::StatusOr<ReadPlan> plan = CheckRead(context, request.read(), may_refresh);
        if (!plan.ok()) return plan.status();
        const absl::StatusOr<DocumentKey> key = method->resolve(request);
        if (!key.ok()) return key.status();
        // What most calls ask for waits for nothing and is answered without more ado.
        const bool slow = method->is_slow(request);
        if (!slow && !plan->refresh && !plan->min_position.has_value()) {
          auto answer = method->answer(*key, request, known.options);
          if (answer.ok()) answers->Keep(known, *key, *answer);
          return answer;
        }
        plan->keys = {*key};
        auto kept = std::make_shared<const Request>(std::move(request));
        UnaryRead read{*std::move(plan), slow, nullptr};
        read.body = [method, kept, key = *key, options = known.options] {
          return method->answer(key, *kept, options);
        };
        return AnswerRead(means, std::move(read), deferral);
      });
}

}  // namespace modelref
