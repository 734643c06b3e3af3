#pragma once

#include <cstddef>
#include <string>

namespace modelref {

enum class IssueSeverity {
  kWarning,  // The record is converted; a person may want to look at it.
  kError,    // The record is left out.
};

// What is wrong with one record of a legacy file.
struct RecordIssue {
  std::string model;  // Its name, or "<row N>" for a row without one.
  size_t line = 0;    // In the file, from 1; 0 when it is not known.
  IssueSeverity severity = IssueSeverity::kError;
  std::string reason;
};

}  // namespace modelref
