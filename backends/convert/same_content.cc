#include "backends/convert/same_content.h"

#include <algorithm>

namespace modelref {

bool SameObject(const JsonObject& a, const JsonObject& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto& [name, value] = a.members()[i];
    // Nearly always at the same place.
    const auto& at_place = b.members()[i];
    const Json* other = at_place.first == name ? &at_place.second : b.Find(name);
    if (other == nullptr || !SameContent(value, *other)) return false;
  }
  return true;
}

bool SameContent(const Json& a, const Json& b) {
  if (const JsonObject* object = a.AsObject(); object != nullptr) {
    return b.AsObject() != nullptr && SameObject(*object, *b.AsObject());
  }
  const JsonArray* array = a.AsArray();
  if (array == nullptr) return a == b;
  const JsonArray* other = b.AsArray();
  return other != nullptr &&
         std::equal(array->begin(), array->end(), other->begin(), other->end(), SameContent);
}

}  // namespace modelref
