#pragma once

#include "backends/base/json.h"

namespace modelref {

// Equal but for the order of members, at any depth; numbers by their lexemes.
bool SameContent(const Json& a, const Json& b);
bool SameObject(const JsonObject& a, const JsonObject& b);

}  // namespace modelref
