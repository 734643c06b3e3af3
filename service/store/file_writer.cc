#include "service/store/file_writer.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/failpoint.h"
#include "backends/base/file_exchange.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/displaced_file.h"

namespace modelref {
namespace {

using std::chrono::steady_clock;

// So many rows of file_base move in one transaction: commits of others wait for it.
constexpr size_t kRowsPerTransaction = 1000;

constexpr char kCaller[] = "system:projector";

constexpr int kAttemptsBesideEdits = 5;

bool IsTable(absl::string_view path) { return absl::EndsWith(path, ".csv"); }

DocumentKey KeyOf(absl::string_view category, int64_t format) {
  return {std::string(category), format == 1 ? Format::kLegacy : Format::kV2};
}

// The version of the file at `path` when it has exactly these bytes.
std::optional<FileVersion> VersionIfEqual(const std::string& path, const FileDigest& digest) {
  const absl::StatusOr<FileVersion> before = StatFile(path);
  if (!before.ok() || before->size != digest.size_bytes) return std::nullopt;
  const absl::StatusOr<FileDigest> present = DigestFile(path);
  const absl::StatusOr<FileVersion> after = StatFile(path);
  if (!present.ok() || present->sha256 != digest.sha256 || !after.ok() || *after != *before) {
    return std::nullopt;
  }
  return *before;
}

}  // namespace

FileWriter::FileWriter(Store& store, const FilePaths& paths, const Options& options,
                       DisplacedFiles::Importer importer, Alone alone)
    : store_(store),
      paths_(paths),
      options_(options),
      alone_(std::move(alone)),
      displaced_(store, paths, store.options().directory + "/held", std::move(importer)) {}

void FileWriter::Recover() { displaced_.Sweep(); }

// --- What is due ---------------------------------------------------------------------------------

absl::Status FileWriter::FindLagging(absl::Time now) {
  std::set<DocumentKey> lagging;
  RETURN_IF_ERROR(store_.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(Statement query,
                     database.Prepare("SELECT d.category, d.format FROM documents d LEFT JOIN "
                                      "files f ON f.document = d.id WHERE d.mod_revision > "
                                      "coalesce(f.revision, 0)"));
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return absl::OkStatus();
      lagging.insert(KeyOf(query.Bytes(0), query.Int(1)));
    }
  }));
  MutexLock lock(&mutex_);
  for (const DocumentKey& key : restores_) {
    lagging.insert(key);
    pending_[key].since = absl::InfinitePast();
  }
  const auto in_vain = [&](const auto& entry) { return lagging.count(entry.first) == 0; };
  std::erase_if(pending_, in_vain);
  std::erase_if(failures_, in_vain);
  for (const DocumentKey& key : lagging) {
    if (!paths_.PathOf(key).empty()) pending_.try_emplace(key, Pending{now});
  }
  statistics_.waiting = pending_.size();
  return absl::OkStatus();
}

absl::Time FileWriter::DueTime(const DocumentKey& key, const Pending& pending) const {
  absl::Duration delay = options_.delay;
  if (const auto last = last_durations_.find(key); last != last_durations_.end()) {
    delay = std::max(delay, last->second * options_.pace);
  }
  return std::max(pending.since + std::min(delay, options_.max_delay), pending.retry_at);
}

absl::Time FileWriter::Step(absl::Time now) {
  if (const absl::Status status = FindLagging(now); !status.ok()) {
    Log(LogLevel::kWarning, "projector.query_failed", {{"error", std::string(status.message())}});
    return now + options_.first_retry;
  }
  std::vector<DocumentKey> due;
  absl::Time next = displaced_.Retry() ? absl::InfiniteFuture() : now + options_.first_retry;
  for (const auto& [key, pending] : pending_) {
    const absl::Time time = DueTime(key, pending);
    time <= now ? due.push_back(key) : void(next = std::min(next, time));
  }
  for (const DocumentKey& key : due) {
    if (Attempt(key, now).ok()) continue;
    next = std::min(next, DueTime(key, pending_[key]));
  }
  return next;
}

absl::Status FileWriter::Settle(absl::Time now) {
  RETURN_IF_ERROR(FindLagging(now));
  std::vector<DocumentKey> due;
  for (const auto& [key, pending] : pending_) due.push_back(key);
  absl::Status first;
  for (const DocumentKey& key : due) first.Update(Attempt(key, now));
  displaced_.Retry();
  return first;
}

void FileWriter::Restore(const DocumentKey& key) {
  MutexLock lock(&mutex_);
  restores_.push_back(key);
}

FileWriter::Statistics FileWriter::statistics() const {
  MutexLock lock(&mutex_);
  return statistics_;
}

std::map<DocumentKey, absl::Status> FileWriter::failures() const {
  MutexLock lock(&mutex_);
  return failures_;
}

// --- Writing -------------------------------------------------------------------------------------

absl::Status FileWriter::Attempt(const DocumentKey& key, absl::Time now) {
  bool is_restore = false;
  {
    MutexLock lock(&mutex_);
    is_restore = std::erase(restores_, key) > 0;
  }
  absl::Status status = WriteTimed(key);
  // A file in place must never be older than what was read from it.
  for (int i = 0; i < kAttemptsBesideEdits && absl::IsAborted(status); ++i) {
    status = WriteTimed(key);
  }
  MutexLock lock(&mutex_);
  if (status.ok()) {
    pending_.erase(key);
    statistics_.waiting = pending_.size();
    if (failures_.erase(key) > 0) {
      Log(LogLevel::kInfo, "projector.file_healed", {{"document", key.ToString()}});
    }
    return status;
  }
  // Nothing else knows that it is due.
  if (is_restore) restores_.push_back(key);
  ++statistics_.failures;
  Pending& pending = pending_[key];
  pending.retry_after = pending.retry_after == absl::ZeroDuration()
                            ? options_.first_retry
                            : std::min(pending.retry_after * 2, options_.last_retry);
  pending.retry_at = now + pending.retry_after;
  if (failures_[key] != status) {
    Log(LogLevel::kWarning, "projector.file_not_written",
        {{"document", key.ToString()}, {"error", std::string(status.message())}});
    failures_[key] = status;
  }
  return status;
}

absl::StatusOr<RenderedFile> FileWriter::Render(const DocumentState& state,
                                                const std::string& path) const {
  if (!IsTable(path)) return RenderJsonFile(state);
  const absl::StatusOr<std::string> present = ReadFileToString(path, options_.document_bytes);
  return RenderTableFile(state, present.ok() ? *present : "");
}

bool FileWriter::IsStill(const KnownFile& known) {
  std::optional<FileState> now;
  const absl::Status asked = store_.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(now, ReadFileState(database, known.document));
    return absl::OkStatus();
  });
  return asked.ok() && now.has_value() == known.file.has_value() &&
         (!now.has_value() || now->sha256 == known.file->sha256);
}

absl::StatusOr<FileVersion> FileWriter::Exchange(const DocumentKey& key, const std::string& path,
                                                 const RenderedFile& file, uint64_t revision) {
  ASSIGN_OR_RETURN(const FileExchange exchange, ExchangeFileDurably(path, file.bytes, revision));
  if (!exchange.displaced.empty()) displaced_.Take(key, exchange.displaced);
  RETURN_IF_ERROR(exchange.synced);
  return exchange.version;
}

absl::Status FileWriter::WriteTimed(const DocumentKey& key) {
  waited_ = absl::ZeroDuration();
  const auto start = steady_clock::now();
  const absl::Status status = Write(key);
  last_durations_[key] = absl::FromChrono(steady_clock::now() - start) - waited_;
  return status;
}

absl::StatusOr<FileVersion> FileWriter::ExchangeAlone(const DocumentKey& key,
                                                      const KnownFile& known,
                                                      const std::string& path,
                                                      const RenderedFile& file, uint64_t revision) {
  absl::StatusOr<FileVersion> exchanged;
  const auto asked = steady_clock::now();
  const auto exchange = [&] {
    waited_ = absl::FromChrono(steady_clock::now() - asked);
    exchanged = IsStill(known) ? Exchange(key, path, file, revision)
                               : absl::AbortedError("an edit was imported meanwhile");
  };
  if (alone_ != nullptr) {
    if (absl::Status turn = alone_(exchange); !turn.ok()) {
      waited_ = absl::FromChrono(steady_clock::now() - asked);
      return turn;
    }
  } else {
    exchange();
  }
  return exchanged;
}

absl::Status FileWriter::NoteIntent(int64_t document, const FileIntent& intent) {
  TransactionRequest request;
  request.caller = kCaller;
  request.body = [document, intent](TransactionContext& context) {
    return WriteFileIntent(context.database(), document, intent);
  };
  return store_.Commit(std::move(request)).status();
}

absl::Status FileWriter::Write(const DocumentKey& key) {
  const std::string path = paths_.PathOf(key);
  // Before the content: what was imported until then is in it.
  ASSIGN_OR_RETURN(const KnownFile known, ReadKnownFile(store_, key));
  const RootPtr root = store_.root();
  const DocumentState* state = root->Find(key);
  if (state == nullptr || !state->known) return absl::OkStatus();
  ASSIGN_OR_RETURN(const RenderedFile file, Render(*state, path));
  const FileDigest digest{Sha256(file.bytes), file.bytes.size()};
  std::optional<FileVersion> version = VersionIfEqual(path, digest);
  if (!version.has_value()) {
    RETURN_IF_ERROR(CreateDirectories(std::filesystem::path(path).parent_path().string()));
    // What stands there now: the importer may have read our file before the old one is judged.
    if (known.file.has_value()) displaced_.NoteOurs(key, known.file->sha256);
    displaced_.NoteOurs(key, digest.sha256);
    RETURN_IF_ERROR(NoteIntent(known.document, {state->mod_revision, digest.sha256}));
    ASSIGN_OR_RETURN(version, ExchangeAlone(key, known, path, file, root->revision));
    MutexLock lock(&mutex_);
    ++statistics_.rewrites;
    statistics_.displaced = displaced_.foreign_count();
    statistics_.written_bytes += digest.size_bytes;
  } else {
    // It may be from an exchange that failed or was killed before it was durable.
    RETURN_IF_ERROR(SyncExchange(path));
  }
  RETURN_IF_ERROR(FAILPOINT_STATUS("projector.after_file"));
  RETURN_IF_ERROR(Record(
      key, known.document,
      {state->mod_revision, ToString(*version), digest.sha256, digest.size_bytes}, *file.document));
  FAILPOINT("projector.after_file_base");
  displaced_.ForgetOurs(key);
  return absl::OkStatus();
}

absl::Status FileWriter::Record(const DocumentKey& key, int64_t document, const FileState& file,
                                const Document& written) {
  FileBaseChanges changes;
  RETURN_IF_ERROR(store_.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(const RecordEtags before, ReadFileBase(database, document));
    changes = DiffFileBase(before, written);
    return absl::OkStatus();
  }));
  // A part alone is true as well: the file in place holds it.
  auto next = changes.begin();
  do {
    auto part = std::make_shared<FileBaseChanges>();
    while (next != changes.end() && part->size() < kRowsPerTransaction) part->insert(*next++);
    const bool is_last = next == changes.end();
    TransactionRequest request;
    request.caller = kCaller;
    request.body = [document, part, file, is_last](TransactionContext& context) {
      RETURN_IF_ERROR(UpdateFileBase(context.database(), document, *part));
      if (!is_last) return absl::OkStatus();
      RETURN_IF_ERROR(ForgetFileIntent(context.database(), document));
      return WriteFileState(context.database(), document, file);
    };
    RETURN_IF_ERROR(Annotated(store_.Commit(std::move(request)).status(), key.ToString()));
  } while (next != changes.end());
  return absl::OkStatus();
}

}  // namespace modelref
