#pragma once

#include <string>
#include <unordered_map>
#include <utility>

#include "backends/base/json.h"

namespace modelref {

// Builds a large object as a Python dict grows: a repeated name keeps its first place and gets the
// last value. JsonObject::Set does the same with a linear search.
class OrderedRecords {
 public:
  // False when the name was there.
  bool Set(const std::string& name, Json value) {
    const auto [it, is_new] = places_.try_emplace(name, object_.size());
    if (is_new) {
      object_.members().emplace_back(name, std::move(value));
    } else {
      object_.members()[it->second].second = std::move(value);
    }
    return is_new;
  }

  // Leaves this object empty.
  JsonObject Take() {
    places_.clear();
    return std::exchange(object_, {});
  }

 private:
  JsonObject object_;
  std::unordered_map<std::string, size_t> places_;
};

}  // namespace modelref
