#include "backends/entry_list.h"

#include <algorithm>
#include <utility>

#include "backends/document.h"

namespace modelref {

EntryList::EntryList(std::vector<Entry> entries) : size_(entries.size()) {
  blocks_.reserve((size_ + kBlockEntries - 1) / kBlockEntries);
  for (size_t begin = 0; begin < size_; begin += kBlockEntries) {
    const auto first = entries.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(kBlockEntries, size_ - begin));
    blocks_.push_back(std::make_shared<const Block>(std::make_move_iterator(first),
                                                    std::make_move_iterator(last)));
  }
}

void EntryList::Replace(size_t index, Entry entry) {
  std::shared_ptr<const Block>& block = blocks_[index / kBlockEntries];
  auto changed = std::make_shared<Block>(*block);
  (*changed)[index % kBlockEntries] = std::move(entry);
  block = std::move(changed);
}

}  // namespace modelref
