#include "service/store/event_projection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/failpoint.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/database.h"

namespace modelref {
namespace {

constexpr char kCaller[] = "system:projector";

absl::Status SavePosition(Database& database, const std::string& name, uint64_t position) {
  ASSIGN_OR_RETURN(Statement put,
                   database.Prepare("INSERT INTO projections (name, position) VALUES (?, ?) ON "
                                    "CONFLICT (name) DO UPDATE SET position = excluded.position"));
  return put.Bind(1, name).Bind(2, position).Run();
}

}  // namespace

EventProjection::EventProjection(Store& store, Parts parts, const Options& options)
    : store_(store), parts_(std::move(parts)), options_(options) {}

absl::Status EventProjection::Prepare() {
  if (reader_ == nullptr) {
    const Store::Options& store = store_.options();
    const Database::Options options{true, store.busy_timeout, store.file_layer};
    ASSIGN_OR_RETURN(reader_, Database::Open(store.directory + kDatabaseFile, options));
  }
  if (recovered_) return absl::OkStatus();
  ASSIGN_OR_RETURN(position_, ReadPosition());
  RETURN_IF_ERROR(parts_.recover(*reader_, position_));
  recovered_ = true;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> EventProjection::ReadPosition() {
  ASSIGN_OR_RETURN(Statement query,
                   reader_->Prepare("SELECT position FROM projections WHERE name = ?"));
  query.Bind(1, parts_.name);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (row) return query.Unsigned(0);
  // What the files hold from before the first event of this database is not ours to cut.
  ASSIGN_OR_RETURN(const int64_t first,
                   reader_->QueryInt("SELECT min(first_event) FROM transactions"));
  return first > 0 ? static_cast<uint64_t>(first) - 1 : store_.root()->revision;
}

absl::Time EventProjection::Step(absl::Time now) {
  const bool is_behind = !recovered_ || position_ < store_.root()->revision;
  if (!is_behind) return absl::InfiniteFuture();
  const absl::Time due = std::max(last_write_ + options_.interval, retry_at_);
  if (now < due) return due;
  last_write_ = now;
  const absl::Status status = CatchUp();
  if (status.ok()) return absl::InfiniteFuture();
  NoteFailure(status);
  retry_after_ = retry_after_ == absl::ZeroDuration()
                     ? options_.first_retry
                     : std::min(retry_after_ * 2, options_.last_retry);
  retry_at_ = now + retry_after_;
  return retry_at_;
}

absl::Status EventProjection::Settle() {
  const absl::Status status = CatchUp();
  if (!status.ok()) NoteFailure(status);
  return status;
}

absl::Status EventProjection::CatchUp() {
  RETURN_IF_ERROR(Prepare());
  // Up to the head as it is now: who commits without a pause does not keep it here.
  const uint64_t head = store_.root()->revision;
  while (position_ < head) {
    ASSIGN_OR_RETURN(const uint64_t reached,
                     parts_.advance(*reader_, position_, options_.max_events));
    RETURN_IF_ERROR(FAILPOINT_STATUS("projector.after_audit_sync"));
    // Ids at the end may be given away without an event: by a base of the history.
    if (reached == position_) break;
    RETURN_IF_ERROR(Save(reached));
    position_ = reached;
    FAILPOINT("projector.after_audit_offset");
  }
  if (!failure_.ok()) Log(LogLevel::kInfo, "projector.healed", {{"projection", parts_.name}});
  failure_ = absl::OkStatus();
  retry_after_ = absl::ZeroDuration();
  return absl::OkStatus();
}

absl::Status EventProjection::Save(uint64_t position) {
  TransactionRequest request;
  request.caller = kCaller;
  request.body = [name = parts_.name, position](TransactionContext& context) {
    return SavePosition(context.database(), name, position);
  };
  return store_.Commit(std::move(request)).status();
}

void EventProjection::NoteFailure(const absl::Status& status) {
  ++failures_;
  recovered_ = false;
  if (failure_ == status) return;
  failure_ = status;
  Log(LogLevel::kWarning, "projector.failed",
      {{"projection", parts_.name},
       {"error", std::string(status.message())},
       {"effect", "tried again; commits go on"}});
}

}  // namespace modelref
