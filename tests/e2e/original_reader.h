#pragma once

#include <string>

namespace modelref::testing {

// A strict reader of a data directory by the rules of the original, which knows nothing of how we
// write it: each function returns what is wrong, for people; empty for nothing.

// Bytes of a category file: one JSON object, indent 2, UTF-8 as it is, no final line end.
std::string CheckCategoryFile(const std::string& bytes);
// Bytes of a metadata file: its keys in their order, each with a value of its type.
std::string CheckMetadataFile(const std::string& bytes);
// A trail: compact ASCII lines with their keys in order, ids that ascend in each series and are
// unique, an index that names the last of them.
std::string CheckTrail(const std::string& audit_root);
// Names in the directory, but for those of the store, that the original does not know.
std::string CheckNames(const std::string& data_dir);

}  // namespace modelref::testing
