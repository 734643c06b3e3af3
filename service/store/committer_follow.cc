// How a committer notices what others do to its database.

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/committer.h"
#include "service/store/history_reader.h"
#include "service/store/schema.h"
#include "service/store/store.h"

namespace modelref {

absl::Status Committer::CheckFiles() const {
  const absl::Status placed = files_.Check();
  if (placed.ok()) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "STORE_FENCED",
               absl::StrCat(placed.message(),
                            " while it was open: end every modelrefd on this "
                            "directory, then start them again"));
}

void Committer::Follow() {
  if (!fenced().ok()) return;
  if (const absl::Status placed = CheckFiles(); !placed.ok()) return Fence(placed);
  const absl::StatusOr<int64_t> version = database_->DataVersion();
  if (version.ok() && *version == seen_version_) return NoteFollowing(absl::OkStatus());
  absl::Status status = database_->Execute("BEGIN");
  if (status.ok()) {
    status = TakeNews();
    database_->Execute("ROLLBACK").IgnoreError();
  }
  if (ReasonOf(status) == "STORE_FENCED") return Fence(status);
  NoteFollowing(status);
}

void Committer::NoteFollowing(const absl::Status& status) {
  const std::string error(status.message());
  // It is tried again every few milliseconds.
  if (std::exchange(follow_error_, error) == error) return;
  if (status.ok()) return Log(LogLevel::kInfo, "store.follows_again");
  Log(LogLevel::kError, "store.follow_failed", {{"error", error}});
}

absl::Status Committer::TakeNews() {
  // Asked first: what is committed after it is noticed the next time.
  ASSIGN_OR_RETURN(const int64_t version, database_->DataVersion());
  if (version == seen_version_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t schema, database_->QueryInt("PRAGMA user_version"));
  if (schema > kSchemaVersion) {
    return Error(absl::StatusCode::kUnavailable, "STORE_FENCED",
                 absl::StrCat("a newer program has changed the store to version ", schema,
                              "; this one knows ", kSchemaVersion, ": start the newer one"));
  }
  LoadedState state = state_;
  ASSIGN_OR_RETURN(News news, ReadNews(*database_, &state));
  const RootPtr before = std::exchange(state_, std::move(state)).root;
  seen_version_ = version;
  if (news.reloaded) {
    TransactionRing ring(store_.options().history_transactions, store_.options().history_changes);
    RETURN_IF_ERROR(FillRing(*database_, state_.ids, store_.options().history_transactions,
                             *state_.root, &ring));
    store_.Replace(state_.root, std::move(ring));
  } else if (state_.root != before) {
    store_.Publish(state_.root, std::move(news.transactions));
  }
  return absl::OkStatus();
}

}  // namespace modelref
