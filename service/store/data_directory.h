#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/base/clock.h"
#include "backends/base/executor.h"
#include "backends/category_registry.h"
#include "backends/make_backends.h"
#include "service/store/adoption.h"
#include "service/store/audit_projection.h"
#include "service/store/projector.h"
#include "service/store/source_sync.h"
#include "service/store/store.h"

namespace modelref {

// A directory of the original with the store inside it, and what keeps its files equal to the
// store: what a server opens, and a command beside one. Several processes may have it open.
// Thread-safe.
class DataDirectory {
 public:
  struct Options {
    BackendOptions backends;  // `data_dir` is the directory.
    // Nothing is written: the store is in memory and follows the files.
    bool read_only = false;
    Store::Options store;  // `directory` is set here.
    Projector::Options projector;
    SourceSync::Options sync;
    // Where the audit trail is; empty: `audit` in the directory.
    std::string audit_root;
    SegmentWriter::Options audit;
  };

  // Opens the store. `registry`, `clock` and `executor` must outlive it.
  //   FAILED_PRECONDITION  (READ_ONLY_DIRECTORY) the directory cannot be written.
  //   otherwise as Store::Open and MakeBackends.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(const Options& options,
                                                             const CategoryRegistry& registry,
                                                             Clock& clock, Executor& executor);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  // Imports what the files hold, unless another process does, and begins to follow them.
  absl::Status Start();
  // Writes every file that waits, if that is this process's to do. The first error of that.
  absl::Status Stop();

  Store& store() { return *store_; }
  Backends& backends() { return backends_; }
  SourceSync& sync() { return *sync_; }
  // What was taken over when the directory was opened.
  const AdoptionReport& adoption() const { return adoption_; }
  // Null when the directory is only read, as the next one.
  const AuditProjection* audit() const { return audit_.get(); }
  Projector* projector() { return projector_.get(); }

  // Reads the document's source through every cache and imports it. Blocks. Errors as
  // SourceSync::Refresh.
  absl::Status Refresh(const DocumentKey& key);
  // Marks the document stale and imports it anew in the background.
  void MarkStale(const DocumentKey& key);
  // How the file of a document is read.
  DocumentForm FormOf(const DocumentKey& key) const;
  // False: this process imports the files and notices their changes by a poll only.
  bool notices_changes() const;

 private:
  DataDirectory(const Options& options, const CategoryRegistry& registry, Clock& clock,
                Executor& executor);
  absl::Status Build();
  std::string AuditRoot() const;
  std::string MetadataPath(const DocumentKey& key) const;
  // Whether this process follows the files, and not another one.
  bool imports() const { return projector_ == nullptr || projector_->is_holder(); }
  EventProjection::Parts AuditParts();
  absl::Status StartImporter();
  void CreateMissingFiles();

  const Options options_;
  const CategoryRegistry& registry_;
  Clock& clock_;
  Executor& executor_;
  AdoptionReport adoption_;
  std::unique_ptr<Store> store_;
  Backends backends_;
  std::unique_ptr<SourceSync> sync_;
  std::unique_ptr<AuditProjection> audit_;
  std::unique_ptr<Projector> projector_;
};

}  // namespace modelref
