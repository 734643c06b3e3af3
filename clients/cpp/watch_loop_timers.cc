// What WatchLoop does by the clock: asking the server where it stands.

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/watch_loop.h"

namespace modelref {
namespace {

// How often a stream may be behind GetHead, and a listing of two formats apart.
constexpr int kMaxRechecks = 3;
constexpr int kMaxListings = 3;

v1::WatchEvent EventOf(const v1::CategorySummary& summary) {
  v1::WatchEvent event;
  event.set_type(v1::EVENT_TYPE_INVALIDATED);
  event.set_category(summary.category());
  event.set_format(summary.format());
  event.set_mod_revision(summary.mod_revision());
  event.set_etag(summary.etag());
  event.set_size_bytes(summary.size_bytes());
  event.set_model_count(summary.model_count());
  event.set_keys_truncated(true);
  return event;
}

}  // namespace

absl::Time WatchLoop::NextTimer() const {
  switch (report_.state) {
    case SyncState::kStale:
      return degrade_at_;
    case SyncState::kDegraded:
      return poll_at_;
    case SyncState::kSynced:
      return revalidate_at_;
  }
  return absl::InfiniteFuture();
}

absl::Status WatchLoop::RunTimers() {
  const absl::Time now = environment_.Now();
  if (now < NextTimer()) return absl::OkStatus();
  switch (report_.state) {
    case SyncState::kStale:
      SetState(SyncState::kDegraded);
      break;
    case SyncState::kDegraded:
      Poll();
      poll_at_ = environment_.Now() + Between(timing_.poll_min, timing_.poll_max);
      if (!environment_.Stopped()) observer_.OnStatus(report_);
      break;
    case SyncState::kSynced:
      return Revalidate();
  }
  return absl::OkStatus();
}

absl::Status WatchLoop::Revalidate() {
  const WatchTable& table = assembler_.table();
  revalidate_at_ =
      environment_.Now() + Between(0.9 * timing_.revalidate_every, 1.1 * timing_.revalidate_every);
  const std::optional<uint64_t> awaited = std::exchange(awaited_revision_, std::nullopt);
  if (!table.complete()) return absl::OkStatus();
  v1::GetHeadRequest request;
  *request.mutable_filter() = table.filter();
  const absl::StatusOr<v1::GetHeadResponse> head = environment_.GetHead(request);
  // An error says nothing about the stream.
  if (!head.ok() || head->digest() == table.Digest()) return absl::OkStatus();
  const bool same_epoch = head->position().epoch() == table.epoch();
  if (same_epoch && head->position().revision() == table.revision()) {
    return BrokenWatch(kDigestMismatch, "the server has another digest at the same revision");
  }
  // A node that is behind the stream is not asked for its opinion.
  if (same_epoch && head->position().revision() < table.revision()) return absl::OkStatus();
  const bool still_behind = awaited.has_value() && (!same_epoch || table.revision() < *awaited);
  rechecks_ = still_behind ? rechecks_ + 1 : 0;
  if (rechecks_ == kMaxRechecks) {
    rechecks_ = 0;
    return BrokenWatch(kBrokenSequence, "the stream does not tell what the server has");
  }
  awaited_revision_ = still_behind ? *awaited : head->position().revision();
  revalidate_at_ = environment_.Now() + timing_.recheck_after;
  return absl::OkStatus();
}

void WatchLoop::Poll() {
  ++report_.polls;
  v1::GetHeadRequest request;
  *request.mutable_filter() = assembler_.table().filter();
  const absl::StatusOr<v1::GetHeadResponse> head = environment_.GetHead(request);
  if (environment_.Stopped()) return;
  absl::Status status = head.status();
  if (head.ok()) {
    const WatchTable& table = assembler_.table();
    const bool current = table.complete() && head->digest() == table.Digest();
    status = current ? absl::OkStatus() : PollListing();
  }
  if (status.ok()) {
    Confirm();
  } else {
    report_.last_error = std::move(status);
  }
}

absl::StatusOr<std::vector<v1::WatchEvent>> WatchLoop::List(v1::ResponseHeader* header) {
  const v1::WatchFilter& filter = assembler_.table().filter();
  std::vector<v1::Format> formats;
  for (const int format : filter.formats()) formats.push_back(static_cast<v1::Format>(format));
  if (formats.empty()) formats.push_back(v1::FORMAT_UNSPECIFIED);
  std::vector<v1::WatchEvent> entries;
  for (size_t i = 0; i < formats.size(); ++i) {
    v1::ListCategoriesRequest request;
    request.set_format(formats[i]);
    ASSIGN_OR_RETURN(const v1::ListCategoriesResponse list, environment_.ListCategories(request));
    const bool same =
        header->epoch() == list.header().epoch() && header->revision() == list.header().revision();
    if (i > 0 && !same) return absl::AbortedError("the catalogue changed while it was listed");
    *header = list.header();
    for (const v1::CategorySummary& summary : list.categories()) {
      if (NamesCategory(filter, summary.category())) entries.push_back(EventOf(summary));
    }
  }
  return entries;
}

absl::Status WatchLoop::PollListing() {
  absl::StatusOr<std::vector<v1::WatchEvent>> entries = absl::AbortedError("");
  v1::ResponseHeader header;
  for (int i = 0; i < kMaxListings && absl::IsAborted(entries.status()); ++i) {
    entries = List(&header);
    if (environment_.Stopped()) return absl::CancelledError("stopped");
  }
  RETURN_IF_ERROR(entries.status());
  const WatchTable& table = assembler_.table();
  if (header.epoch() == table.epoch() && header.revision() < table.revision()) {
    return absl::UnavailableError("the node that answered is behind what was told before");
  }
  ASSIGN_OR_RETURN(const WatchCut cut, assembler_.TakeListing(header, *entries));
  report_.epoch = header.epoch();
  report_.revision = header.revision();
  report_.node_id = header.node_id();
  Confirm();
  observer_.OnCut(cut, assembler_.table().documents());
  return absl::OkStatus();
}

}  // namespace modelref
