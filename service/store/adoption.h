#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/base/clock.h"
#include "backends/document_file.h"
#include "service/store/adopted_history.h"

namespace modelref {

struct AdoptionOptions {
  std::string store_directory;  // `<data_dir>/.modelref`, made when missing.
  std::string audit_root;       // The trail, of whomever; need not exist.
  // The file of a document; empty where there is none.
  std::function<std::string(const DocumentKey&)> path_of;
  // The original's metadata of a document; may be null.
  std::function<std::string(const DocumentKey&)> metadata_path_of;
  DocumentForm form;  // Format and form are the documents'.
};

struct AdoptionReport {
  uint64_t documents = 0;         // Taken over.
  uint64_t events = 0;            // Made for what the trail does not explain.
  uint64_t metadata_files = 0;    // Taken over.
  bool forked = false;            // The trail is newer than the store: a new epoch began.
  uint64_t unreadable_lines = 0;  // Of the trail; skipped and kept.
  TrailHead trail;
  // Documents whose content is not known: damaged, and neither `<stem>.bak` nor the trail has it.
  std::map<DocumentKey, absl::Status> damaged;
};

// Makes the store of a directory know what the directory held before it (DESIGN 6), in one
// transaction of the database: ids of events begin above every id of the trail, and each document
// gets the content of its file, which one transaction by external:adopt explains as far as the
// trail does not. What the store knows already is left alone, so it is called before every
// Store::Open. A metadata file is taken over once, where nothing was counted before; one that
// cannot be parsed begins anew. When the trail is newer than the store, which then is a restored
// older one, a new epoch begins above it.
//   errors as Store::Open and ReadAudit.
absl::StatusOr<AdoptionReport> AdoptDirectory(const std::vector<DocumentKey>& keys, Clock& clock,
                                              const AdoptionOptions& options);

}  // namespace modelref
