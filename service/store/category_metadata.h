#pragma once

// What the original keeps of a document beside its models (H 2.3): counters and times.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/base/document_key.h"
#include "backends/document.h"
#include "service/store/operation.h"

namespace modelref {

// A value type. Times have microseconds here and whole seconds in files.
struct CategoryMetadata {
  absl::Time last_updated;  // Of the last operation or failure, or of the beginning.
  std::optional<Operation> last_operation;
  std::optional<std::string> last_model;
  uint64_t creates = 0;
  uint64_t updates = 0;
  uint64_t deletes = 0;
  absl::Time initialized;
  std::optional<absl::Time> last_success;
  uint64_t errors = 0;  // Changes that failed after they were accepted.

  bool operator==(const CategoryMetadata&) const = default;
};
using CategoryMetadataPtr = std::shared_ptr<const CategoryMetadata>;

// Metadata that begins at `now`: nothing counted, all three times set.
CategoryMetadata BeginMetadata(absl::Time now);

// Counts one operation, which happened at `time`.
void CountOperation(Operation operation, absl::string_view name, absl::Time time,
                    CategoryMetadata* metadata);
// Counts accepted changes that failed.
void CountFailures(uint64_t count, absl::Time time, CategoryMetadata* metadata);

// Which events of a transaction are operations. All are, but for those of an adoption, which finds
// what is there; those of v2 records that follow from a legacy write, which is a transaction with
// events of both documents of a category; and those of the entries that are derived from text
// models.
class OperationRule {
 public:
  // `legacy_categories`: those whose legacy document the transaction changes.
  OperationRule(absl::string_view caller, std::set<std::string> legacy_categories);
  bool Counts(const DocumentKey& key, absl::string_view name) const;

 private:
  const bool is_adoption_;
  const std::set<std::string> legacy_categories_;
};

// How many models a document has, without derived entries. Looks at every record of a legacy text
// document, at none of others.
uint64_t CountModels(const DocumentKey& key, const Document& document);

// The original's file: JSON, indent 2, no final line end. Times are rounded down.
std::string FormatMetadataFile(const std::string& category, const CategoryMetadata& metadata,
                               uint64_t total_models);
// What such a file says. Fields that are missing, null or no number have their beginning: zero,
// none, or `now`; negative counters are zero.
//   DATA_LOSS  no JSON object.
absl::StatusOr<CategoryMetadata> ParseMetadataFile(absl::string_view bytes, absl::Time now);
// How many models such a file tells of; zero as well where it does not, as the original's.
uint64_t ModelsOfMetadataFile(absl::string_view bytes);
// The same metadata as far as a file can say it.
CategoryMetadata InWholeSeconds(const CategoryMetadata& metadata);

// The largest file that is read, in bytes.
inline constexpr uint64_t kMaxMetadataFileBytes = 64 << 10;

// `<data_dir>/meta/<format>/<category>_metadata.json`.
std::string MetadataFilePath(absl::string_view data_dir, const DocumentKey& key);

}  // namespace modelref
