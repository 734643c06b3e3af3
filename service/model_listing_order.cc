#include "service/model_listing_order.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace modelref {
namespace {

// Inserting beats sorting as long as this many times the new rows are fewer than the old ones.
constexpr size_t kInsertFactor = 16;
constexpr uint32_t kGone = ~uint32_t{0};

// Keeps the order of signed integers.
uint64_t Ascending(int64_t value) { return static_cast<uint64_t>(value) ^ (uint64_t{1} << 63); }

struct KeyedRow {
  OrderKey key;
  RowRef row;
};

// Where each chunk of `older` is in `newer`, or kGone; `fresh` receives those that only `newer`
// has.
std::vector<uint32_t> PlacesNow(const FacetsOfChunks& older, const FacetsOfChunks& newer,
                                std::vector<uint32_t>* fresh) {
  std::unordered_map<const ChunkFacets*, uint32_t> places;
  for (const auto& facets : older) places.emplace(facets.get(), kGone);
  for (uint32_t i = 0; i < newer.size(); ++i) {
    const auto it = places.find(newer[i].get());
    if (it == places.end()) {
      fresh->push_back(i);
    } else {
      it->second = i;
    }
  }
  std::vector<uint32_t> now;
  now.reserve(older.size());
  for (const auto& facets : older) now.push_back(places.at(facets.get()));
  return now;
}

}  // namespace

OrderKey RowOrder::Key(RowRef row) const {
  const Entry& entry = document_.chunks()[row.chunk]->entries[row.record];
  const absl::string_view name = entry.record->name;
  const RecordFacets& facets = facets_[row.chunk]->records[row.record];
  switch (order_) {
    case v1::MODEL_ORDER_PARAMETERS:
      return {!facets.has_parameters, Ascending(facets.parameters), name};
    case v1::MODEL_ORDER_PARAMETERS_DESC:
      return {!facets.has_parameters, ~Ascending(facets.parameters), name};
    case v1::MODEL_ORDER_SIZE:
      return {!facets.has_size, Ascending(facets.size_on_disk_bytes), name};
    case v1::MODEL_ORDER_SIZE_DESC:
      return {!facets.has_size, ~Ascending(facets.size_on_disk_bytes), name};
    case v1::MODEL_ORDER_MOD_REVISION_DESC:
      return {false, ~entry.mod_revision, name};
    default:
      return {false, 0, name};
  }
}

bool RowOrder::Less(const OrderKey& a, const OrderKey& b) const {
  if (a.missing != b.missing) return b.missing;
  if (a.value != b.value) return a.value < b.value;
  return order_ == v1::MODEL_ORDER_NAME_DESC ? b.name < a.name : a.name < b.name;
}

std::vector<RowRef> RowOrder::Sort() const {
  std::vector<uint32_t> chunks(facets_.size());
  std::iota(chunks.begin(), chunks.end(), 0u);
  return Sorted(chunks);
}

std::vector<RowRef> RowOrder::Sorted(const std::vector<uint32_t>& chunks) const {
  std::vector<KeyedRow> keyed;
  for (const uint32_t chunk : chunks) {
    const size_t count = facets_[chunk]->records.size();
    for (uint32_t record = 0; record < count; ++record) {
      const RowRef row{chunk, record};
      keyed.push_back({Key(row), row});
    }
  }
  std::sort(keyed.begin(), keyed.end(),
            [this](const KeyedRow& a, const KeyedRow& b) { return Less(a.key, b.key); });
  std::vector<RowRef> rows;
  rows.reserve(keyed.size());
  for (const KeyedRow& row : keyed) rows.push_back(row.row);
  return rows;
}

std::vector<RowRef> RowOrder::SortFrom(const std::vector<RowRef>& older,
                                       const FacetsOfChunks& older_facets) const {
  std::vector<uint32_t> fresh_chunks;
  const std::vector<uint32_t> places = PlacesNow(older_facets, facets_, &fresh_chunks);
  const std::vector<RowRef> fresh = Sorted(fresh_chunks);
  if (fresh.size() * kInsertFactor > older.size()) return Sort();

  std::vector<RowRef> kept;
  kept.reserve(older.size());
  for (const RowRef row : older) {
    if (places[row.chunk] != kGone) kept.push_back({places[row.chunk], row.record});
  }
  std::vector<RowRef> rows;
  rows.reserve(kept.size() + fresh.size());
  auto from = kept.begin();
  for (const RowRef row : fresh) {
    const auto at = std::upper_bound(
        from, kept.end(), Key(row),
        [this](const OrderKey& key, RowRef other) { return Less(key, Key(other)); });
    rows.insert(rows.end(), from, at);
    rows.push_back(row);
    from = at;
  }
  rows.insert(rows.end(), from, kept.end());
  return rows;
}

}  // namespace modelref
