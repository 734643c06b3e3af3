#include "service/write/writer.h"

#include <utility>

#include "backends/base/failpoint.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/history_reader.h"
#include "service/watch/position.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

// The most records that one line of the log names.
constexpr size_t kLoggedNames = 10;

// One call of Commit, alive until it is answered.
struct Commission {
  std::shared_ptr<const WritePlan> plan;
  WriteCall call;
  WriteEncoder encode;
  WriteLimits limits;
  std::shared_ptr<TextRivals> rivals;
  std::vector<PreparedPut> prepared;
  // Of the last run of the body.
  Evaluation evaluation;
  v1::Committed committed;
  WriteAnswer answer;
};

// Where content that was there already came from: the transaction of `revision`.
absl::Status FillEarlier(Database& database, const Root& root, uint64_t revision,
                         v1::Committed* committed) {
  Position position = PositionOf(root);
  absl::Time time = root.time;
  if (revision != root.revision) {
    ASSIGN_OR_RETURN(
        Statement query,
        database.Prepare("SELECT chain, time_us FROM transactions WHERE revision = ?"));
    query.Bind(1, revision);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    position.revision = revision;
    position.chain.reset();
    if (found) {
      position.chain = PrefixOf(ToArray<32>(query.Bytes(0)));
      time = absl::FromUnixMicros(query.Int(1));
    }
  }
  FillPosition(position, committed->mutable_position());
  *committed->mutable_commit_time() = ToProto(time);
  return absl::OkStatus();
}

void SetEtag(const Etag& etag, std::string* bytes) { *bytes = std::string(AsBytes(etag)); }

// What the transaction does; decided against the state inside it.
absl::Status Decide(Commission& commission, TransactionContext& context) {
  const WritePlan& plan = *commission.plan;
  commission.answer = WriteAnswer();
  commission.evaluation = Evaluation();
  commission.committed.Clear();
  if (!commission.call.request.id.empty()) {
    ASSIGN_OR_RETURN(std::optional<std::string> known,
                     FindAnswer(context.database(), commission.call.request, commission.call.body,
                                context.time()));
    if (known.has_value()) {
      commission.answer.bytes = *std::move(known);
      commission.answer.replayed = true;
      return absl::OkStatus();
    }
  }
  Evaluation& evaluation = commission.evaluation;
  evaluation = EvaluateWrite(context.base(), plan, commission.prepared, commission.limits,
                             context.time(), commission.rivals.get());
  RETURN_IF_ERROR(ErrorOf(evaluation.violations));
  if (!evaluation.changed) {
    const bool is_one = evaluation.steps.size() == 1;
    const uint64_t revision = is_one ? evaluation.steps.front().mod_revision
                                     : context.base().Find(plan.key)->mod_revision;
    RETURN_IF_ERROR(
        FillEarlier(context.database(), context.base(), revision, &commission.committed));
  }
  for (DocumentEdit& edit : evaluation.edits) RETURN_IF_ERROR(context.Edit(std::move(edit)));
  FAILPOINT("write.after_decision");
  return absl::OkStatus();
}

// Makes the answer, and keeps it when the call may be repeated.
absl::Status Conclude(Commission& commission, Database& database, const CommitResult& result) {
  if (commission.answer.replayed) return absl::OkStatus();
  v1::Committed& committed = commission.committed;
  const Evaluation& evaluation = commission.evaluation;
  const DocumentState& document = *result.root->Find(commission.plan->key);
  committed.set_changed(evaluation.changed);
  if (evaluation.changed) {
    FillPosition(*result.root, committed.mutable_position());
    *committed.mutable_commit_time() = ToProto(result.root->time);
  }
  SetEtag(document.document->etag(), committed.mutable_document_etag());
  commission.answer.changed = evaluation.changed;
  commission.answer.bytes = commission.encode(evaluation, committed);
  if (commission.call.request.id.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(KeepAnswer(database, commission.call.request, commission.call.body,
                             commission.answer.bytes, result.root->time));
  FAILPOINT("write.after_ledger");
  return absl::OkStatus();
}

void LogNotConverted(const Commission& commission) {
  std::string models;
  size_t count = 0;
  for (const WriteViolation& warning : commission.evaluation.warnings) {
    if (warning.reason != "NOT_CONVERTED") continue;
    if (++count > kLoggedNames) continue;
    models += (count == 1 ? "" : "; ") + warning.model + ": " + warning.description;
  }
  if (count == 0) return;
  Log(LogLevel::kWarning, "write.not_converted",
      {{"document", commission.plan->key.ToString()},
       {"count", std::to_string(count)},
       {"models", models}});
}

}  // namespace

void Writer::Commit(std::shared_ptr<const WritePlan> plan, WriteCall call, WriteEncoder encode,
                    Done done) {
  auto commission = std::make_shared<Commission>();
  commission->prepared = PreparePuts(*store_.root(), *plan, limits_, clock_.TimeNow());
  commission->plan = std::move(plan);
  commission->call = std::move(call);
  commission->encode = std::move(encode);
  commission->limits = limits_;
  commission->rivals = rivals_;
  TransactionRequest request;
  request.caller = commission->call.caller;
  request.request_id = commission->call.audit_request_id;
  request.body = [commission](TransactionContext& context) { return Decide(*commission, context); };
  request.finish = [commission](Database& database, const CommitResult& result) {
    return Conclude(*commission, database, result);
  };
  store_.CommitAsync(std::move(request), [commission, done = std::move(done)](
                                             const absl::StatusOr<CommitResult>& result) {
    FAILPOINT("write.before_answer");
    if (!result.ok()) return done(result.status());
    LogNotConverted(*commission);
    commission->answer.root = result->root;
    done(std::move(commission->answer));
  });
}

Evaluation Writer::Validate(const Root& root, const WritePlan& plan) const {
  const absl::Time now = clock_.TimeNow();
  return EvaluateWrite(root, plan, PreparePuts(root, plan, limits_, now), limits_, now);
}

}  // namespace modelref
