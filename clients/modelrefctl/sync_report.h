#pragma once

// What `sync` tells about the documents of a copy.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/cpp/mirror_directory.h"
#include "clients/modelrefctl/invocation.h"

namespace modelref::ctl {

// One document of a copy and what is the matter with it.
struct SyncRow {
  DocumentKey key;
  std::string result;  // written, unchanged, removed, failed; ok, different, missing, damaged.
  std::string file;
  // Of what stands in the file; empty when nothing does.
  std::string epoch;
  uint64_t revision = 0;
  uint64_t mod_revision = 0;
  std::string etag;
  uint64_t record_count = 0;
  absl::Status error;
};
SyncRow SyncRowOf(const MirrorManifestEntry& entry, std::string result);

// All rows, as -o has it.
absl::Status PrintSyncRows(Invocation& invocation, const std::vector<SyncRow>& rows);
// One row as soon as it happens: a line.
absl::Status PrintSyncLine(Invocation& invocation, const SyncRow& row);

// Verifies the copy in a folder without a server. Sets the exit status: 0 whole, 9 damaged or
// incomplete, 10 whole documents that are not those of the manifest (an interrupted run).
//   NOT_FOUND  there is no copy.
absl::Status CheckCopy(Invocation& invocation, const std::string& directory);

}  // namespace modelref::ctl
