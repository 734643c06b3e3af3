#pragma once

// Gives documents of a database their first content, as far as possible without events: what the
// audit trail explains takes none.

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/backend.h"
#include "service/store/adopted_history.h"
#include "service/store/store_reader.h"

namespace modelref {

// What is to become of one document.
struct AdoptedContent {
  SnapshotPtr snapshot;
  SnapshotPtr file;  // What its file holds; null where that is not known.
  AdoptedHistory history;
};

// Inside one transaction of the database, from the state it has there. Thread-compatible.
class DocumentAdoption {
 public:
  DocumentAdoption(Database& database, LoadedState state, std::string caller, absl::Time now)
      : database_(database), state_(std::move(state)), caller_(std::move(caller)), now_(now) {}

  // Takes the content of a document that has none: what the trail explains as it is, the rest as
  // one transaction. Adds the events it made to `events`. Errors as Database.
  absl::Status Take(const DocumentKey& key, const AdoptedContent& content, uint64_t* events);

  const LoadedState& state() const { return state_; }

 private:
  absl::Status NoteFile(int64_t id, const AdoptedContent& content, const DocumentState& state);

  Database& database_;
  LoadedState state_;
  const std::string caller_;
  const absl::Time now_;
};

}  // namespace modelref
