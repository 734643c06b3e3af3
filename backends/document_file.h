#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/backend.h"

namespace modelref {

// How the bytes of a document's file are to be read.
struct DocumentForm {
  Format format = Format::kV2;
  bool is_table = false;                          // models.csv.
  uint64_t document_bytes = uint64_t{512} << 20;  // Checked before reading.
  ParseLimits limits;
};

// Whether the file of that name is a table.
bool IsTableFile(absl::string_view path);

// The document that a file holds, without the version. Large ones are hashed beside the parsing.
//   INVALID_ARGUMENT  not such a document: the message says where and why.
absl::StatusOr<std::shared_ptr<Snapshot>> ParseDocumentFile(std::string bytes,
                                                            const DocumentForm& form);

// Reads it from a path, with the version of what was read. Errors as ModelReferenceBackend::Fetch;
// their messages name the file.
absl::StatusOr<SnapshotPtr> ReadDocumentFile(const std::string& path, const DocumentForm& form);

// Says in the words of backend.h what an error of the file system means for a document.
absl::Status DocumentFileError(const absl::Status& status);

}  // namespace modelref
