#include "service/store/metadata_writer.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

#include "backends/base/failpoint.h"
#include "backends/base/file_exchange.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/category_metadata.h"

namespace modelref {
namespace {

using std::chrono::steady_clock;

bool Says(absl::string_view file, const CategoryMetadata& expected) {
  // A time that is missing has another value than the one it should have.
  const auto said = ParseMetadataFile(file, absl::UnixEpoch());
  return said.ok() && InWholeSeconds(*said) == InWholeSeconds(expected);
}

}  // namespace

MetadataWriter::MetadataWriter(Store& store, PathOf path_of, const Options& options)
    : store_(store), path_of_(std::move(path_of)), options_(options) {}

void MetadataWriter::Recover() {
  files_.clear();
  if (path_of_ == nullptr) return;
  std::set<std::string> folders;
  const RootPtr root = store_.root();
  for (const auto& [key, state] : root->documents) {
    folders.insert(std::filesystem::path(path_of_(key)).parent_path().string());
  }
  for (const std::string& folder : folders) {
    const absl::Status swept = SweepTemporaryFiles(folder).status();
    if (swept.ok() || absl::IsNotFound(swept)) continue;
    Log(LogLevel::kWarning, "projector.sweep_failed",
        {{"folder", folder}, {"error", std::string(swept.message())}});
  }
}

absl::Time MetadataWriter::Step(absl::Time now) {
  absl::Time next = absl::InfiniteFuture();
  if (path_of_ == nullptr) return next;
  const RootPtr root = store_.root();
  for (const auto& [key, state] : root->documents) {
    if (state->metadata == nullptr) continue;
    File& file = files_[key];
    if (now >= file.look_at) {
      Look(*state, &file);
      file.look_at = now + options_.poll_interval;
    }
    if (IsBehind(*state, &file)) {
      if (!file.since.has_value()) file.since = now;
      const absl::Time due = DueTime(file);
      if (due > now) {
        next = std::min(next, due);
      } else if (!Write(*state, now, &file).ok()) {
        next = std::min(next, file.retry_at);
      }
    }
    next = std::min(next, file.look_at);
  }
  return next;
}

absl::Status MetadataWriter::Settle(absl::Time now) {
  if (path_of_ == nullptr) return absl::OkStatus();
  absl::Status first;
  const RootPtr root = store_.root();
  for (const auto& [key, state] : root->documents) {
    if (state->metadata == nullptr) continue;
    File& file = files_[key];
    Look(*state, &file);
    if (IsBehind(*state, &file)) first.Update(Write(*state, now, &file));
  }
  return first;
}

bool MetadataWriter::IsBehind(const DocumentState& state, File* file) {
  if (file->shown == nullptr) return true;
  if (file->shown != state.metadata &&
      InWholeSeconds(*file->shown) != InWholeSeconds(*state.metadata)) {
    return true;
  }
  // A legacy write changes the v2 document and not its metadata.
  if (file->counted == state.mod_revision) return false;
  if (CountModels(state.key, *state.document) != file->models) return true;
  file->counted = state.mod_revision;
  return false;
}

absl::Time MetadataWriter::DueTime(const File& file) const {
  const absl::Duration delay = std::max(options_.delay, file.last_write * options_.pace);
  return std::max(file.since.value_or(absl::InfinitePast()) + delay, file.retry_at);
}

void MetadataWriter::Look(const DocumentState& state, File* file) {
  const std::string path = path_of_(state.key);
  const absl::StatusOr<FileVersion> version = StatFile(path);
  if (version.ok() && file->shown != nullptr && *version == file->version) return;
  const bool was_known = file->shown != nullptr;
  const CategoryMetadataPtr expected = was_known ? file->shown : state.metadata;
  file->shown = nullptr;
  if (version.ok()) {
    const absl::StatusOr<FileContent> content = ReadFile(path, kMaxMetadataFileBytes);
    if (content.ok() && Says(content->bytes, *expected)) {
      file->shown = expected;
      file->version = content->version;
      NoteModels(state, ModelsOfMetadataFile(content->bytes), file);
      return;
    }
  }
  if (!was_known) return;
  Log(LogLevel::kWarning, "projector.metadata_file_overruled",
      {{"document", state.key.ToString()},
       {"path", path},
       {"effect", "somebody else changed it; it is written again as the store has it"}});
  MutexLock lock(&mutex_);
  ++statistics_.overruled;
}

// `told`: zero takes the number of now.
void MetadataWriter::NoteModels(const DocumentState& state, uint64_t told, File* file) {
  const uint64_t models = CountModels(state.key, *state.document);
  file->models = told == 0 ? models : told;
  file->counted = file->models == models ? state.mod_revision : 0;
}

absl::Status MetadataWriter::Write(const DocumentState& state, absl::Time now, File* file) {
  const std::string path = path_of_(state.key);
  const auto start = steady_clock::now();
  absl::Status status = WriteBytes(state, path);
  file->last_write = absl::FromChrono(steady_clock::now() - start);
  if (status.ok()) {
    const absl::StatusOr<FileVersion> version = StatFile(path);
    file->version = version.ok() ? *version : FileVersion();
    file->shown = state.metadata;
    NoteModels(state, 0, file);
    file->since.reset();
    file->retry_after = absl::ZeroDuration();
    file->retry_at = absl::InfinitePast();
  } else {
    file->retry_after = file->retry_after == absl::ZeroDuration()
                            ? options_.first_retry
                            : std::min(file->retry_after * 2, options_.last_retry);
    file->retry_at = now + file->retry_after;
  }
  Note(state.key, status);
  return status;
}

absl::Status MetadataWriter::WriteBytes(const DocumentState& state, const std::string& path) {
  RETURN_IF_ERROR(CreateDirectories(std::filesystem::path(path).parent_path().string()));
  RETURN_IF_ERROR(FAILPOINT_STATUS("projector.before_metadata"));
  RETURN_IF_ERROR(
      WriteFileDurably(path, FormatMetadataFile(state.key.category, *state.metadata,
                                                CountModels(state.key, *state.document))));
  FAILPOINT("projector.after_metadata");
  return absl::OkStatus();
}

void MetadataWriter::Note(const DocumentKey& key, const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (status.ok()) {
    ++statistics_.writes;
    if (failures_.erase(key) > 0) {
      Log(LogLevel::kInfo, "projector.metadata_healed", {{"document", key.ToString()}});
    }
    return;
  }
  ++statistics_.failures;
  absl::Status& known = failures_[key];
  if (known == status) return;
  known = status;
  Log(LogLevel::kWarning, "projector.metadata_not_written",
      {{"document", key.ToString()},
       {"error", std::string(status.message())},
       {"effect", "tried again"}});
}

MetadataWriter::Statistics MetadataWriter::statistics() const {
  MutexLock lock(&mutex_);
  return statistics_;
}

std::map<DocumentKey, absl::Status> MetadataWriter::failures() const {
  MutexLock lock(&mutex_);
  return failures_;
}

}  // namespace modelref
