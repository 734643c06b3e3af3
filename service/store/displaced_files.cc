#include "service/store/displaced_files.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/failpoint.h"
#include "backends/base/file_exchange.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/displaced_file.h"

namespace modelref {
namespace {

// How long a rewrite waits for an editor that still writes to the file it displaced.
constexpr absl::Duration kEditorPatience = absl::Seconds(1);

// How many of our contents are remembered for each document.
constexpr size_t kRemembered = 16;

// What was displaced was imported as well: the files are only evidence.
constexpr char kKeptPrefix[] = "displaced-";
constexpr size_t kMostKept = 100;
constexpr absl::Duration kKeptFor = absl::Hours(30 * 24);

}  // namespace

absl::StatusOr<KnownFile> ReadKnownFile(Store& store, const DocumentKey& key) {
  KnownFile known;
  RETURN_IF_ERROR(store.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(
        Statement query,
        database.Prepare("SELECT id FROM documents WHERE category = ? AND format = ?"));
    query.Bind(1, key.category).Bind(2, static_cast<int>(key.format));
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return absl::NotFoundError("no document " + key.ToString());
    known.document = query.Int(0);
    ASSIGN_OR_RETURN(known.file, ReadFileState(database, known.document));
    return absl::OkStatus();
  }));
  return known;
}

DisplacedFiles::DisplacedFiles(Store& store, const FilePaths& paths, std::string held_folder,
                               Importer importer)
    : store_(store),
      paths_(paths),
      held_folder_(std::move(held_folder)),
      importer_(std::move(importer)) {}

void DisplacedFiles::NoteOurs(const DocumentKey& key, const Sha256Digest& sha256) {
  std::deque<Sha256Digest>& ours = ours_[key];
  std::erase(ours, sha256);
  ours.push_back(sha256);
  if (ours.size() > kRemembered) ours.pop_front();
}

void DisplacedFiles::ForgetOurs(const DocumentKey& key) {
  const auto is_of_key = [&key](const Left& left) { return left.key == key; };
  if (std::none_of(left_.begin(), left_.end(), is_of_key)) ours_.erase(key);
}

void DisplacedFiles::Take(const DocumentKey& key, const std::string& path) {
  const absl::Status status = Judge(key, path, kEditorPatience);
  if (status.ok()) return;
  Log(LogLevel::kWarning, "projector.displaced_not_judged",
      {{"document", key.ToString()},
       {"file", path},
       {"error", std::string(status.message())},
       {"effect", "tried again"}});
  left_.push_back({key, path});
}

bool DisplacedFiles::Retry() {
  std::erase_if(left_, [this](const Left& left) {
    return Judge(left.key, left.path, absl::ZeroDuration()).ok();
  });
  return left_.empty();
}

absl::Status DisplacedFiles::Judge(const DocumentKey& key, const std::string& path,
                                   absl::Duration patience) {
  if (!WaitForWriters(path, patience)) return absl::UnavailableError("an editor writes to it");
  const absl::StatusOr<FileDigest> digest = DigestFile(path);
  if (absl::IsNotFound(digest.status())) return absl::OkStatus();  // Somebody took it away.
  RETURN_IF_ERROR(digest.status());
  ASSIGN_OR_RETURN(const bool is_known, IsKnown(key, digest->sha256));
  FAILPOINT("projector.before_displaced");
  if (is_known) {
    unlink(path.c_str());
    return absl::OkStatus();
  }
  // Before it is moved to where nobody looks for edits. Importing it twice changes nothing more.
  if (importer_ != nullptr) RETURN_IF_ERROR(importer_(key, path));
  FAILPOINT("projector.after_displaced_import");
  return Keep(key, path, digest->sha256);
}

// Ours is what the database or this object knows, and what already waits for an operator.
absl::StatusOr<bool> DisplacedFiles::IsKnown(const DocumentKey& key, const Sha256Digest& sha256) {
  if (const auto ours = ours_.find(key); ours != ours_.end()) {
    const auto& list = ours->second;
    if (std::find(list.begin(), list.end(), sha256) != list.end()) return true;
  }
  ASSIGN_OR_RETURN(const KnownFile known, ReadKnownFile(store_, key));
  if (known.file.has_value() && known.file->sha256 == sha256) return true;
  bool is_held = false;
  RETURN_IF_ERROR(store_.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(Statement query,
                     database.Prepare("SELECT 1 FROM held WHERE document = ? AND sha256 = ? AND "
                                      "state = 0 LIMIT 1"));
    query.Bind(1, known.document).BindBlob(2, AsBytes(sha256));
    ASSIGN_OR_RETURN(is_held, query.Step());
    return absl::OkStatus();
  }));
  return is_held;
}

absl::Status DisplacedFiles::Keep(const DocumentKey& key, const std::string& path,
                                  const Sha256Digest& sha256) {
  const absl::StatusOr<std::string> kept =
      KeepFile(path, held_folder_,
               absl::StrCat(kKeptPrefix, key.category, ".", FormatName(key.format)), sha256);
  // One that waits for an operator may have been moved there.
  if (!kept.ok() && !absl::IsNotFound(kept.status())) return kept.status();
  FAILPOINT("projector.after_displaced_kept");
  PruneKeptFiles(held_folder_, kKeptPrefix, kMostKept, kKeptFor);
  ++foreign_count_;
  Log(LogLevel::kWarning, "projector.edit_displaced",
      {{"document", key.ToString()},
       {"kept", kept.ok() ? *kept : "with the edits that wait"},
       {"effect", "imported as an edit"}});
  return absl::OkStatus();
}

void DisplacedFiles::Sweep() {
  std::map<std::string, DocumentKey> targets;
  std::set<std::string> folders;
  const RootPtr root = store_.root();
  for (const auto& [key, state] : root->documents) {
    const std::string path = paths_.PathOf(key);
    if (path.empty()) continue;
    targets[path] = key;
    folders.insert(std::filesystem::path(path).parent_path().string());
  }
  for (const std::string& folder : folders) {
    // What a dead process put in place must not be imported as ours and then be gone again.
    const absl::Status synced = SyncDirectory(folder);
    if (!synced.ok() && !absl::IsNotFound(synced)) {
      Log(LogLevel::kWarning, "projector.folder_not_synced",
          {{"folder", folder}, {"error", std::string(synced.message())}});
    }
    const absl::StatusOr<std::vector<DisplacedFile>> files = SweepTemporaryFiles(folder);
    if (!files.ok()) continue;  // Not there; what else is wrong shows when it is written to.
    for (const DisplacedFile& file : *files) {
      if (const auto target = targets.find(file.target); target != targets.end()) {
        Take(target->second, file.path);
      }
    }
  }
}

}  // namespace modelref
