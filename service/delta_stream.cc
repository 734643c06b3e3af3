#include "service/delta_stream.h"

#include <algorithm>
#include <utility>

#include "backends/base/error.h"
#include "backends/base/mutex.h"
#include "backends/base/status_macros.h"
#include "service/delta_plan.h"
#include "service/document_stream.h"
#include "service/record_batcher.h"
#include "service/rpc/bytes.h"

namespace modelref {
namespace {

constexpr size_t kEtagBytes = 32;
// The tag and the length of a name.
constexpr size_t kNameOverhead = 4;

// Finds the base of the delta and plans it, on the executor. Shared with what runs there.
class DeltaWork : public std::enable_shared_from_this<DeltaWork> {
 public:
  DeltaWork(const ReadMeans& means, DeltaRequest request, const Waker& waker)
      : means_(means), request_(std::move(request)), waker_(waker) {}

  void Begin() {
    if (!request_.since.has_value()) return Based(std::nullopt);
    means_.positions.AwaitReached(*request_.since,
                                  [work = shared_from_this()](const absl::Status& reached) {
                                    // A copy of another history, or of one that is not known, is no
                                    // base.
                                    work->Based(reached.ok() ? work->request_.since : std::nullopt);
                                  });
  }
  void Abandon() {
    MutexLock lock(&mutex_);
    abandoned_ = true;
  }

  struct Result {
    DocumentView view;
    DeltaPlan plan;
  };
  // Nothing while it goes on.
  std::optional<absl::StatusOr<Result>> TakeResult() {
    MutexLock lock(&mutex_);
    return std::exchange(result_, std::nullopt);
  }

 private:
  void Based(const std::optional<Position>& since) {
    MutexLock lock(&mutex_);
    if (abandoned_) return;
    const absl::Status submitted = means_.executor.Submit([work = shared_from_this(), since] {
      absl::StatusOr<Result> result = work->Plan(since);
      MutexLock task_lock(&work->mutex_);
      work->FinishLocked(std::move(result));
    });
    if (!submitted.ok()) FinishLocked(submitted);
  }
  absl::StatusOr<Result> Plan(const std::optional<Position>& since) {
    ASSIGN_OR_RETURN(DocumentView view, OpenDocument(means_.catalogue, request_.read.keys.front()));
    DeltaPlan plan = PlanDelta(means_.catalogue.store, view, since, request_.base_etag);
    return Result{std::move(view), std::move(plan)};
  }
  void FinishLocked(absl::StatusOr<Result> result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    result_ = std::move(result);
    waker_.Wake();
  }

  const ReadMeans means_;
  const DeltaRequest request_;
  const Waker waker_;
  Mutex mutex_;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::StatusOr<Result>> result_ ABSL_GUARDED_BY(mutex_);
};

// Hands out a planned delta in parts.
class DeltaParts {
 public:
  DeltaParts(DocumentView view, DeltaPlan plan) : view_(std::move(view)), plan_(std::move(plan)) {}

  const DocumentView& view() const { return view_; }

  // False after the end.
  bool Next(v1::GetDeltaResponse* response) {
    if (stage_ == Stage::kDone) return false;
    if (stage_ == Stage::kHeader) {
      FillHeaderPart(response->mutable_delta_header());
    } else if (next_delete_ < plan_.deletes.size()) {
      FillDeletes(response->mutable_deletes());
    } else if (next_upsert_ < plan_.upserts.size()) {
      FillUpserts(response->mutable_upserts());
    } else {
      FillEnd(response->mutable_category_end());
    }
    return true;
  }

 private:
  enum class Stage { kHeader, kContent, kDone };

  void FillHeaderPart(v1::DeltaHeader* header) {
    const Etag& etag = view_.document().etag();
    header->set_mod_revision(view_.state->mod_revision);
    header->set_etag(etag.data(), etag.size());
    header->set_full(plan_.full);
    stage_ = Stage::kContent;
  }
  void FillDeletes(v1::DeletedModels* deletes) {
    size_t room = DocumentParts::kMaxPartBytes;
    for (; next_delete_ < plan_.deletes.size(); ++next_delete_) {
      const std::string& name = plan_.deletes[next_delete_];
      const size_t cost = name.size() + kNameOverhead;
      if (cost > room && deletes->names_size() > 0) return;
      room -= std::min(room, cost);
      deletes->add_names(name);
    }
  }
  void FillUpserts(v1::RecordBatch* batch) {
    size_t room = DocumentParts::kMaxPartBytes;
    for (; next_upsert_ < plan_.upserts.size(); ++next_upsert_) {
      if (!batcher_.Add(*plan_.upserts[next_upsert_], &room, batch)) return;
    }
  }
  void FillEnd(v1::CategoryEnd* end) {
    const Etag& etag = view_.document().etag();
    end->set_record_count(plan_.upserts.size());
    end->set_etag(etag.data(), etag.size());
    stage_ = Stage::kDone;
  }

  const DocumentView view_;
  const DeltaPlan plan_;
  Stage stage_ = Stage::kHeader;
  size_t next_delete_ = 0;
  size_t next_upsert_ = 0;
  RecordBatcher batcher_;
};

class DeltaStream final : public StreamSource {
 public:
  DeltaStream(const ReadMeans& means, DeltaRequest request, const Waker& waker)
      : catalogue_(means.catalogue),
        pending_(means, request.read, waker),
        work_(std::make_shared<DeltaWork>(means, std::move(request), waker)) {}
  ~DeltaStream() override { work_->Abandon(); }

  StreamStep Next(StreamPhase) override {
    if (!parts_.has_value()) {
      const absl::StatusOr<bool> ready = Prepare();
      if (!ready.ok()) return EndStream{ready.status()};
      if (!*ready) return WaitForWake{};
    }
    v1::GetDeltaResponse response;
    if (!parts_->Next(&response)) return EndStream{absl::OkStatus()};
    *response.mutable_header() = header_;
    absl::StatusOr<grpc::ByteBuffer> bytes = SerializeMessage(response);
    if (!bytes.ok()) return EndStream{bytes.status()};
    return SendMessage{*std::move(bytes)};
  }

 private:
  // True when the parts can be handed out.
  absl::StatusOr<bool> Prepare() {
    const std::optional<absl::Status> outcome = pending_.outcome();
    if (!outcome.has_value()) return false;
    RETURN_IF_ERROR(*outcome);
    if (!std::exchange(begun_, true)) work_->Begin();
    std::optional<absl::StatusOr<DeltaWork::Result>> result = work_->TakeResult();
    if (!result.has_value()) return false;
    RETURN_IF_ERROR(result->status());
    FillHeader(catalogue_, (*result)->view, &header_);
    parts_.emplace((*result)->view, std::move((*result)->plan));
    return true;
  }

  const Catalogue& catalogue_;
  PendingRead pending_;
  const std::shared_ptr<DeltaWork> work_;
  bool begun_ = false;
  v1::ResponseHeader header_;
  std::optional<DeltaParts> parts_;
};

}  // namespace

absl::StatusOr<DeltaRequest> ReadDeltaRequest(const Catalogue& catalogue, ReadPlan read,
                                              const v1::GetDeltaRequest& request) {
  DeltaRequest checked;
  checked.read = std::move(read);
  ASSIGN_OR_RETURN(const DocumentKey key,
                   ResolveDocument(catalogue, request.category(), request.format()));
  checked.read.keys = {key};
  if (request.has_since()) {
    ASSIGN_OR_RETURN(checked.since, ReadPosition(request.since(), "since", "BAD_FIELD"));
  }
  checked.base_etag = request.base_etag();
  if (!checked.base_etag.empty() && checked.base_etag.size() != kEtagBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_FIELD",
                 "base_etag: must have 32 bytes or none",
                 {.field_violations = {{"base_etag", "must have 32 bytes or none"}}});
  }
  return checked;
}

std::unique_ptr<StreamSource> MakeDeltaStream(const ReadMeans& means, DeltaRequest request,
                                              const Waker& waker) {
  return std::make_unique<DeltaStream>(means, std::move(request), waker);
}

}  // namespace modelref
