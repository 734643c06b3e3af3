#pragma once

#include "absl/status/status.h"
#include "service/store/database.h"

namespace modelref {

// The version this program writes. An older database is migrated, a newer one refused.
inline constexpr int kSchemaVersion = 2;

// The first version with metadata of documents.
inline constexpr int kSchemaWithMetadata = 2;

// Makes the tables of an empty database, or migrates an older one, in one transaction. Safe when
// several processes do it at once. What a new table derives from history is filled in.
//   FAILED_PRECONDITION (SCHEMA_TOO_NEW)  a newer program made it.
absl::Status PrepareSchema(Database& database);

// The version of a database that was prepared; 0 for an empty one.
absl::StatusOr<int> SchemaVersion(Database& database);

}  // namespace modelref
