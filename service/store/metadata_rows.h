#pragma once

// Metadata of documents in the database. Everything runs inside a transaction of the caller, and
// errors are those of Database.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/store/category_metadata.h"
#include "service/store/database.h"

namespace modelref {

// Writes the row of a document. `has_events`: the change comes with events of the document, by
// which other processes notice it. A new row begins with its first event.
absl::Status WriteMetadata(Database& database, int64_t document, const CategoryMetadata& metadata,
                           bool has_events);
// The row there is begins with this instead, which has whole seconds.
absl::Status WriteMetadataBase(Database& database, int64_t document,
                               const CategoryMetadata& beginning);

struct MetadataRow {
  int64_t document = 0;
  int64_t sequence = 0;
  CategoryMetadata metadata;
  // The file where counting began, empty for none; nullopt: nobody has looked for one.
  std::optional<std::string> base;
};
// The rows whose sequence is above one; all of them above -1.
absl::StatusOr<std::vector<MetadataRow>> ReadMetadata(Database& database, int64_t after_sequence);
// Nullopt when the document has none.
absl::StatusOr<std::optional<MetadataRow>> ReadMetadataOf(Database& database, int64_t document);

// The metadata that base and events of each document lead to; documents without either are left
// out. Reads all events.
absl::StatusOr<std::map<int64_t, CategoryMetadata>> MetadataOfHistory(Database& database);

// Makes the rows say what their base and the events lead to; those of documents without either are
// removed. Failures that were counted stay.
absl::Status RecountMetadata(Database& database);

// Takes over what a file said before the first event that counts: the operations since are added to
// it. Nullptr: there is no such file; then a row that there is begins with its events.
absl::Status TakeOverMetadata(Database& database, int64_t document, const CategoryMetadata* file);

// Makes the present metadata of all documents their beginning, before the events are forgotten. All
// count as updated at `now`, because nobody knows what their readers have.
absl::Status FoldMetadata(Database& database, absl::Time now);

}  // namespace modelref
