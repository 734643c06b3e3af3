#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

namespace modelref {

struct Record;
using RecordPtr = std::shared_ptr<const Record>;

// A record at its place in a document.
struct Entry {
  RecordPtr record;
  uint64_t order = 0;         // Ascending through the document; kept by updates.
  uint64_t mod_revision = 0;  // Of the last change of this record; 0 outside a store.
};

// Entries in order, which copies of the list share: a change copies a block of them, not them all.
// A block never changes once another list has it. Thread-compatible; copies are independent.
class EntryList {
 public:
  class const_iterator {
   public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using pointer = const Entry*;
    using reference = const Entry&;

    const_iterator() = default;
    const_iterator(const EntryList* list, size_t index) : list_(list), index_(index) {}
    reference operator*() const { return (*list_)[index_]; }
    pointer operator->() const { return &(*list_)[index_]; }
    const_iterator& operator++() { return *this += 1; }
    const_iterator operator++(int) { return {list_, index_++}; }
    const_iterator& operator--() { return *this += -1; }
    const_iterator operator--(int) { return {list_, index_--}; }
    const_iterator& operator+=(difference_type n) {
      index_ = static_cast<size_t>(static_cast<difference_type>(index_) + n);
      return *this;
    }
    const_iterator operator+(difference_type n) const { return const_iterator(*this) += n; }
    difference_type operator-(const const_iterator& other) const {
      return static_cast<difference_type>(index_) - static_cast<difference_type>(other.index_);
    }
    bool operator==(const const_iterator& other) const { return index_ == other.index_; }

   private:
    const EntryList* list_ = nullptr;
    size_t index_ = 0;
  };
  using value_type = Entry;

  EntryList() = default;
  explicit EntryList(std::vector<Entry> entries);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Entry& operator[](size_t index) const {
    return (*blocks_[index / kBlockEntries])[index % kBlockEntries];
  }
  const Entry& front() const { return (*this)[0]; }
  const Entry& back() const { return (*this)[size_ - 1]; }
  const_iterator begin() const { return {this, 0}; }
  const_iterator end() const { return {this, size_}; }

  void Replace(size_t index, Entry entry);

 private:
  static constexpr size_t kBlockEntries = 32;
  using Block = std::vector<Entry>;

  std::vector<std::shared_ptr<const Block>> blocks_;  // All full but the last.
  size_t size_ = 0;
};

}  // namespace modelref
