#pragma once

// Edits and damaged files that wait for an operator: rows of the tables held and held_changes,
// inside a transaction of the caller. The bytes are files of the folder held/.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/base/document_key.h"
#include "service/store/database.h"
#include "service/store/three_way.h"

namespace modelref {

// The values are those of the table.
enum class HeldKind { kMassRemoval = 1, kDamage = 2 };
enum class HeldState { kWaiting = 0, kAccepted = 1, kDiscarded = 2 };

struct HeldEdit {
  std::string id;  // Also the name of the file with the bytes.
  DocumentKey key;
  int64_t document = 0;  // Its row.
  HeldKind kind = HeldKind::kDamage;
  HeldState state = HeldState::kWaiting;
  absl::Time noticed;
  Sha256Digest sha256{};
  uint64_t size_bytes = 0;
  // How many models it would create, update and delete.
  uint64_t creates = 0;
  uint64_t updates = 0;
  uint64_t deletes = 0;
  std::vector<std::string> models;  // The first of them.
  std::string detail;               // For people.
  bool acceptable = false;          // The bytes are a document.
  uint64_t revision = 0;            // Of the transaction that accepting made; 0: none.
  Etag etag{};                      // Of the document when it was decided.
};

// A record that a held edit changes, and what was committed there when it was noticed.
struct HeldChange {
  std::string name;
  RecordValue committed;
};

// The most names of HeldEdit::models.
inline constexpr size_t kHeldModels = 100;

// Fills in what `changes` does to `committed`, and returns what to keep of it.
std::vector<HeldChange> DescribeChanges(const Document& committed,
                                        const std::vector<RecordChange>& changes, HeldEdit* edit);

// An id that tells document and time, and no row has: "clip-v2-20261121T120000-1f2e3d4c".
absl::StatusOr<std::string> NewHeldId(Database& database, const HeldEdit& edit);

absl::Status InsertHeldEdit(Database& database, const HeldEdit& edit,
                            const std::vector<HeldChange>& changes);
// Nullopt: there is none.
absl::StatusOr<std::optional<HeldEdit>> ReadHeldEdit(Database& database, absl::string_view id);
absl::StatusOr<std::vector<HeldChange>> ReadHeldChanges(Database& database, absl::string_view id);
// Those that wait, oldest first, behind a place in that order (0 and "" for the start).
absl::StatusOr<std::vector<HeldEdit>> ListWaitingEdits(Database& database, int64_t after_noticed_us,
                                                       absl::string_view after_id);
// The one that waits with these bytes.
absl::StatusOr<std::optional<HeldEdit>> FindWaitingEdit(Database& database, int64_t document,
                                                        const Sha256Digest& sha256);
// Writes down the decision: `state`, `revision` and `etag` of the edit.
absl::Status DecideHeldEdit(Database& database, const HeldEdit& edit);

}  // namespace modelref
