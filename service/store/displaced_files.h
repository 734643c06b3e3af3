#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/backend.h"
#include "service/store/file_base.h"
#include "service/store/store.h"

namespace modelref {

// What the database says about the file of a document.
struct KnownFile {
  int64_t document = 0;  // Its row.
  std::optional<FileState> file;
};
// Errors as Database; NOT_FOUND for a document that it does not have.
absl::StatusOr<KnownFile> ReadKnownFile(Store& store, const DocumentKey& key);

// Judges the files whose places rewrites took: what we wrote or imported goes, the work of somebody
// else is kept and imported. Single-threaded.
class DisplacedFiles {
 public:
  // Imports the file as it would have been in its place. Blocks. After an error it is tried again.
  using Importer = std::function<absl::Status(const DocumentKey&, const std::string& path)>;

  // Both must outlive this.
  DisplacedFiles(Store& store, const FilePaths& paths, std::string held_folder, Importer importer);

  // Says that we are about to write this content, before it stands anywhere. The newest few are
  // remembered: the database may know of an edit that stood there before or after it.
  void NoteOurs(const DocumentKey& key, const Sha256Digest& sha256);
  // The database knows what stands there: from now on the same bytes are somebody's edit back to
  // them. Nothing while a file of the document is left to judge.
  void ForgetOurs(const DocumentKey& key);

  // Takes the file under its temporary name. Waits a little for an editor that still writes to it;
  // one that goes on, and a file that cannot be judged now, is left to Retry.
  void Take(const DocumentKey& key, const std::string& path);
  // Judges what was left. True when nothing is left.
  bool Retry();
  // Takes the files that dead processes left in the folders of the documents, and removes what else
  // they left.
  void Sweep();

  // How many files of others were found.
  uint64_t foreign_count() const { return foreign_count_; }

 private:
  struct Left {
    DocumentKey key;
    std::string path;
  };

  //   UNAVAILABLE  somebody still writes to it.
  absl::Status Judge(const DocumentKey& key, const std::string& path, absl::Duration patience);
  absl::StatusOr<bool> IsKnown(const DocumentKey& key, const Sha256Digest& sha256);
  absl::Status Keep(const DocumentKey& key, const std::string& path, const Sha256Digest& sha256);

  Store& store_;
  const FilePaths& paths_;
  const std::string held_folder_;
  const Importer importer_;
  std::map<DocumentKey, std::deque<Sha256Digest>> ours_;
  std::vector<Left> left_;
  uint64_t foreign_count_ = 0;
};

}  // namespace modelref
