#pragma once

// The comments of the protocol are its documentation.

#include <vector>

#include "tests/tidy/source_text.h"

namespace modelref::tidy {

// A finding for every service, method, message, enum, value, field and oneof without a comment
// directly above it. Reads our own layout: one declaration per line. Other files than .proto give
// no findings.
std::vector<Finding> CheckProtoComments(const SourceFile& file);

}  // namespace modelref::tidy
