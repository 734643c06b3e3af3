#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "backends/base/document_key.h"
#include "tests/crash/observer.h"

namespace modelref::testing {

// Checks of a directory that no transaction is added to meanwhile. Each returns what is wrong, for
// people; empty for nothing.

// The database is sound, its ids and times ascend without a gap, and it has everything that was
// seen.
std::string CheckHistory(const std::string& data_dir, const Sightings& sightings);
// The audit trail is intact and has exactly the events of the database, each once.
std::string CheckAudit(const std::string& data_dir);
// The public files hold what the server serves.
std::string CheckFiles(const std::string& data_dir, Client& client);
// Replaying the audit trail from empty gives what the server serves.
std::string CheckReplay(const std::string& data_dir, Client& client);
// The two commands of an operator find nothing: `audit verify`, `store check`.
std::string CheckByCommands(const std::string& data_dir);

// The records of a document that a displaced file once set.
std::set<std::string> DisplacedRecords(const std::string& data_dir, const DocumentKey& key);

// Every record as canonical JSON, by name, of a document that is served; or the error.
absl::StatusOr<std::map<std::string, std::string>> ServedRecords(Client& client,
                                                                 const DocumentKey& key);

}  // namespace modelref::testing
