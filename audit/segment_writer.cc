#include "audit/segment_writer.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "audit/line.h"
#include "backends/base/durable_file.h"
#include "backends/base/failpoint.h"
#include "backends/base/file_exchange.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

std::string FolderOf(const std::string& root, const DocumentKey& key) {
  return absl::StrCat(root, "/", AuditSeriesName(key));
}

std::string PathOf(const std::string& root, const DocumentKey& key, uint32_t segment) {
  return absl::StrCat(FolderOf(root, key), "/", AuditSegmentName(segment));
}

absl::Status SomebodyWrote(const std::string& path) {
  return absl::AbortedError(absl::StrCat(path, ": another program wrote to the audit trail"));
}

}  // namespace

absl::StatusOr<AuditRecovery> SegmentWriter::Recover(const AuditOffset& offset) {
  ready_ = false;
  series_.clear();
  buffered_ = 0;
  last_event_id_ = 0;
  RETURN_IF_ERROR(CreateDirectories(root_));
  // What a writer that died left of index.json; nothing else of ours makes temporary files here.
  RETURN_IF_ERROR(SweepTemporaryFiles(root_).status());
  AuditRecovery recovery;
  ASSIGN_OR_RETURN(const std::vector<DocumentKey> keys, ListAuditSeries(root_));
  for (const DocumentKey& key : keys) {
    Series& series = *series_.emplace(key, std::make_unique<Series>()).first->second;
    ASSIGN_OR_RETURN(series.end, RecoverAuditSeries(root_, key, offset, &series.chain));
    recovery.cut_bytes += series.end.cut_bytes;
    recovery.cut_lines += series.end.cut_lines;
    recovery.kept_aside += series.end.kept_aside;
    last_event_id_ = std::max(last_event_id_, series.end.last_event_id);
  }
  const absl::StatusOr<uint64_t> index = ReadAuditIndex(root_);
  index_ = index.value_or(0);
  if (!index.ok() && !absl::IsNotFound(index.status())) {
    Log(LogLevel::kWarning, "audit.index_unreadable",
        {{"error", std::string(index.status().message())}});
  }
  ready_ = true;
  return recovery;
}

absl::Status SegmentWriter::Guarded(absl::Status status) {
  if (!status.ok()) ready_ = false;
  return status;
}

absl::Status SegmentWriter::Append(const AuditEvent& event) {
  if (!ready_) return absl::FailedPreconditionError("the audit trail has to be recovered first");
  return Guarded(AppendLine(event));
}

absl::Status SegmentWriter::Sync(uint64_t last_given) {
  if (!ready_) return absl::FailedPreconditionError("the audit trail has to be recovered first");
  last_event_id_ = std::max(last_event_id_, last_given);
  return Guarded(SyncAll());
}

absl::Status SegmentWriter::AppendLine(const AuditEvent& event) {
  const DocumentKey key = event.key();
  std::unique_ptr<Series>& slot = series_[key];
  if (slot == nullptr) slot = std::make_unique<Series>();
  Series& series = *slot;
  if (event.event_id <= series.end.last_event_id) return absl::OkStatus();
  const uint64_t size = (series.end.ours ? series.end.size : 0) + series.buffer.size();
  if (size >= options_.max_segment_bytes) {
    RETURN_IF_ERROR(Write(key, &series));
    if (series.file.has_value()) RETURN_IF_ERROR(series.file->Sync());
    series.file.reset();
    series.end.ours = false;
    series.end.size = 0;
  }
  const std::string encoded = EncodeAuditLine(event);
  const std::string line = SealAuditLine(encoded, series.chain.Seal(CoveredPart(encoded)));
  absl::StrAppend(&series.buffer, line, "\n");
  series.end.last_event_id = event.event_id;
  last_event_id_ = std::max(last_event_id_, event.event_id);
  buffered_ += line.size() + 1;
  return buffered_ < options_.buffer_bytes ? absl::OkStatus() : WriteBuffers();
}

absl::Status SegmentWriter::WriteBuffers() {
  for (auto& [key, series] : series_) RETURN_IF_ERROR(Write(key, series.get()));
  return absl::OkStatus();
}

absl::Status SegmentWriter::Write(const DocumentKey& key, Series* series) {
  if (series->buffer.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(RaiseIndex());
  if (!series->file.has_value()) RETURN_IF_ERROR(OpenForAppend(key, series));
  RETURN_IF_ERROR(FAILPOINT_STATUS("audit.before_append"));
  RETURN_IF_ERROR(series->file->Append(series->buffer));
  RETURN_IF_ERROR(FAILPOINT_STATUS("audit.after_append"));
  series->end.size += series->buffer.size();
  buffered_ -= series->buffer.size();
  series->buffer.clear();
  ASSIGN_OR_RETURN(const uint64_t size, series->file->Size());
  if (size == series->end.size) return absl::OkStatus();
  return SomebodyWrote(PathOf(root_, key, series->end.segment));
}

absl::Status SegmentWriter::OpenForAppend(const DocumentKey& key, Series* series) {
  if (series->end.segment == 0 || !series->end.ours) return CreateSegment(key, series);
  const std::string path = PathOf(root_, key, series->end.segment);
  absl::StatusOr<LogFile> file = LogFile::Open(path, LogFile::Mode::kAppend);
  // Gone or changed: it has to be looked at anew.
  if (absl::IsNotFound(file.status())) return SomebodyWrote(path);
  RETURN_IF_ERROR(file.status());
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  const std::string next = PathOf(root_, key, series->end.segment + 1);
  if (size != series->end.size || access(next.c_str(), F_OK) == 0) return SomebodyWrote(path);
  series->file.emplace(*std::move(file));
  return absl::OkStatus();
}

absl::Status SegmentWriter::CreateSegment(const DocumentKey& key, Series* series) {
  const uint32_t number = series->end.segment + 1;
  const std::string path = PathOf(root_, key, number);
  if (number > kLastAuditSegment) {
    return absl::ResourceExhaustedError(
        absl::StrCat(FolderOf(root_, key), ": has used up the numbers of segments"));
  }
  RETURN_IF_ERROR(CreateDirectories(FolderOf(root_, key)));
  RETURN_IF_ERROR(FAILPOINT_STATUS("audit.before_segment"));
  absl::StatusOr<LogFile> file = LogFile::Open(path, LogFile::Mode::kCreate);
  if (absl::IsAlreadyExists(file.status())) return SomebodyWrote(path);
  RETURN_IF_ERROR(file.status());
  series->file.emplace(*std::move(file));
  series->end.segment = number;
  series->end.size = 0;
  series->end.ours = true;
  series->folder_synced = false;
  return absl::OkStatus();
}

absl::Status SegmentWriter::SyncAll() {
  RETURN_IF_ERROR(RaiseIndex());
  RETURN_IF_ERROR(WriteBuffers());
  RETURN_IF_ERROR(FAILPOINT_STATUS("audit.before_sync"));
  for (auto& [key, series] : series_) {
    if (series->file.has_value()) RETURN_IF_ERROR(series->file->Sync());
    series->file.reset();
  }
  RETURN_IF_ERROR(SyncFolders());
  return FAILPOINT_STATUS("audit.after_sync");
}

// Also once after Recover: who made the folders may have died before they were synced.
absl::Status SegmentWriter::SyncFolders() {
  std::set<std::string> folders;
  for (const auto& [key, series] : series_) {
    if (series->folder_synced || series->end.segment == 0) continue;
    const std::string domain = absl::StrCat(root_, "/", FormatName(key.format));
    folders.insert({FolderOf(root_, key), domain, root_});
  }
  for (const std::string& folder : folders) RETURN_IF_ERROR(SyncDirectory(folder));
  if (!folders.empty()) RETURN_IF_ERROR(SyncDirectoryOf(root_));
  for (auto& [key, series] : series_) series->folder_synced = true;
  return absl::OkStatus();
}

// Ahead of the lines, as the original does: whatever is lost, no id is given away twice.
absl::Status SegmentWriter::RaiseIndex() {
  if (index_ >= last_event_id_) return absl::OkStatus();
  RETURN_IF_ERROR(FAILPOINT_STATUS("audit.before_index"));
  RETURN_IF_ERROR(WriteAuditIndex(root_, last_event_id_));
  index_ = last_event_id_;
  return absl::OkStatus();
}

std::vector<AuditChainHead> SegmentWriter::Heads() const {
  std::vector<AuditChainHead> heads;
  for (const auto& [key, series] : series_) {
    heads.push_back({key, series->chain.head(), series->end.last_event_id});
  }
  std::sort(heads.begin(), heads.end(), [](const AuditChainHead& a, const AuditChainHead& b) {
    return AuditSeriesName(a.key) < AuditSeriesName(b.key);
  });
  return heads;
}

uint64_t SegmentWriter::LastEventId(const DocumentKey& key) const {
  const auto found = series_.find(key);
  return found == series_.end() ? 0 : found->second->end.last_event_id;
}

}  // namespace modelref
