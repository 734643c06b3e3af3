#include "service/read_method.h"

#include "backends/base/status_macros.h"
#include "service/rpc/gzip.h"

namespace modelref {
namespace {

absl::string_view ViewOf(const grpc::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

absl::StatusOr<grpc::ByteBuffer> RefreshAndAnswer(const Catalogue& catalogue,
                                                  const UnaryRead& read) {
  // A read does not fail because freshness could not be had: the answer is stale then, or the
  // document's own error.
  if (read.plan.refresh) RefreshSources(catalogue, read.plan);
  return read.body();
}

// Answers on the executor once the position is reached.
void AnswerWhenReached(const ReadMeans& means, UnaryRead read, const RawReply& reply) {
  const Position position = *read.plan.min_position;
  auto kept = std::make_shared<const UnaryRead>(std::move(read));
  means.positions.AwaitReached(position, [means, kept, reply](const absl::Status& reached) {
    if (!reached.ok() || reply.IsCancelled()) return reply.Send(reached);
    const absl::Status submitted = means.executor.Submit([means, kept, reply] {
      if (!reply.IsCancelled()) reply.Send(RefreshAndAnswer(means.catalogue, *kept));
    });
    if (!submitted.ok()) reply.Send(submitted);
  });
}

}  // namespace

absl::StatusOr<ReadPlan> CheckRead(const CallContext& context, const v1::ReadOptions& options,
                                   const RefreshPolicy& may_refresh) {
  ASSIGN_OR_RETURN(ReadPlan plan, PlanRead(options));
  if (plan.refresh) RETURN_IF_ERROR(may_refresh(context));
  return plan;
}

KnownRead ReadAnswers::Look(const CallContext& context, const grpc::ByteBuffer& request) const {
  KnownRead read;
  read.root = means_.catalogue.store.root();
  read.in_one_piece = request.TrySingleSlice(&read.request).ok();
  read.options.gzip = means_.gzip_min_bytes > 0 && context.AcceptsGzip();
  return read;
}

AnswerCache::Answer ReadAnswers::Find(const KnownRead& read) {
  if (!read.in_one_piece) return nullptr;
  return caches_[read.options.gzip].Find(read.root, ViewOf(read.request));
}

void ReadAnswers::Keep(const KnownRead& read, const DocumentKey& key,
                       const grpc::ByteBuffer& answer) {
  if (!read.in_one_piece) return;
  // It may have been made from a newer root, or tell for how long the document has been stale.
  if (means_.catalogue.store.root() != read.root) return;
  if (read.root->Find(key)->freshness.stale()) return;
  // The compressed form may be there next time.
  if (read.options.gzip && !IsGzip(answer) && answer.Length() >= means_.gzip_min_bytes) return;
  caches_[read.options.gzip].Keep(read.root, ViewOf(read.request), answer);
}

UnaryOutcome AnswerRead(const ReadMeans& means, UnaryRead read, UnaryDeferral& deferral) {
  if (read.plan.min_position.has_value()) {
    const std::optional<absl::Status> reached =
        means.positions.LookReached(*read.plan.min_position);
    if (!reached.has_value()) {
      AnswerWhenReached(means, std::move(read), deferral.Defer());
      return std::nullopt;
    }
    if (!reached->ok()) return *reached;
  }
  if (!read.plan.refresh && !read.slow) return read.body();
  auto kept = std::make_shared<const UnaryRead>(std::move(read));
  deferral.RunBlocking([means, kept] { return RefreshAndAnswer(means.catalogue, *kept); });
  return std::nullopt;
}

}  // namespace modelref
