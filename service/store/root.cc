#include "service/store/root.h"

#include <algorithm>
#include <utility>

namespace modelref {

size_t DocumentTable::PlaceOf(const DocumentKey& key) const {
  const auto at =
      std::partition_point(states_.begin(), states_.end(),
                           [&key](const DocumentStatePtr& state) { return state->key < key; });
  return static_cast<size_t>(at - states_.begin());
}

const DocumentState* DocumentTable::Find(const DocumentKey& key) const {
  const size_t place = PlaceOf(key);
  if (place == states_.size() || states_[place]->key != key) return nullptr;
  return states_[place].get();
}

void DocumentTable::Set(DocumentStatePtr state) {
  const size_t place = PlaceOf(state->key);
  if (place < states_.size() && states_[place]->key == state->key) {
    states_[place] = std::move(state);
  } else {
    states_.insert(states_.begin() + static_cast<std::ptrdiff_t>(place), std::move(state));
  }
}

}  // namespace modelref
