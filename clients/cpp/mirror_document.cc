#include "clients/cpp/mirror_document.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "clients/cpp/document_parts.h"

namespace modelref {
namespace {

// A shard is copied whole when one of its records changes.
constexpr size_t kRecordsPerShard = 64;

bool NameLess(const MirrorRecord& a, absl::string_view name) { return a.name < name; }

}  // namespace

MirrorRecordPtr MakeMirrorRecord(std::string name, std::string json) {
  auto record = std::make_shared<MirrorRecord>();
  record->name = std::move(name);
  record->json = std::move(json);
  record->etag = RecordEtag(record->json);
  record->ends_chunk = EndsChunk(record->name);
  return record;
}

// Builds one document, from nothing or from another one.
class MirrorDocumentWriter {
 public:
  using Place = MirrorDocument::Place;
  using Chunk = MirrorDocument::Chunk;
  using ChunkPtr = MirrorDocument::ChunkPtr;
  using Shard = MirrorDocument::Shard;

  MirrorDocumentWriter() : document_(new MirrorDocument) {}

  void Append(MirrorRecordPtr record) { Add({document_->next_order_++, std::move(record)}); }

  // Takes over the chunks of `base` with the places in `edits` replaced, or dropped where null.
  void CopyEdited(const MirrorDocument& base, const std::map<uint64_t, MirrorRecordPtr>& edits,
                  bool more_follows) {
    document_->next_order_ = base.next_order_;
    auto edit = edits.begin();
    for (size_t i = 0; i < base.chunks_.size(); ++i) {
      const ChunkPtr& chunk = base.chunks_[i];
      const uint64_t last = chunk->places.back().order;
      const bool untouched = edit == edits.end() || edit->first > last;
      // The last chunk may have ended only because the document did.
      const bool whole = i + 1 < base.chunks_.size() || !more_follows;
      if (untouched && whole && open_.places.empty()) {
        document_->record_count_ += chunk->places.size();
        document_->chunks_.push_back(chunk);
        continue;
      }
      for (const Place& place : chunk->places) {
        const bool edited = edit != edits.end() && edit->first == place.order;
        const MirrorRecordPtr& record = edited ? edit->second : place.record;
        if (edited) ++edit;
        if (record != nullptr) Add({place.order, record});
      }
    }
  }

  // Makes the index anew.
  void IndexAll() {
    const size_t count = std::max<size_t>(1, document_->record_count_ / kRecordsPerShard);
    std::vector<Shard> shards(count);
    const auto index = [&](const Chunk& chunk) {
      for (const Place& place : chunk.places) {
        shards[MirrorDocument::ShardOf(place.record->name, count)].push_back(place);
      }
    };
    for (const ChunkPtr& chunk : document_->chunks_) index(*chunk);
    for (Shard& shard : shards) {
      std::sort(shard.begin(), shard.end(),
                [](const Place& a, const Place& b) { return a.record->name < b.record->name; });
      document_->shards_.push_back(std::make_shared<const Shard>(std::move(shard)));
    }
  }

  // Takes over the index of `base` but for these names, whose places are given; null: none.
  void IndexEdited(const MirrorDocument& base,
                   const std::map<std::string, std::optional<Place>>& edits) {
    document_->shards_ = base.shards_;
    std::map<size_t, Shard> changed;
    for (const auto& [name, place] : edits) {
      const size_t number = MirrorDocument::ShardOf(name, base.shards_.size());
      Shard& shard = changed.try_emplace(number, *base.shards_[number]).first->second;
      const auto at = std::lower_bound(
          shard.begin(), shard.end(), name,
          [](const Place& a, const std::string& b) { return NameLess(*a.record, b); });
      const bool found = at != shard.end() && at->record->name == name;
      if (found && place.has_value()) {
        *at = *place;
      } else if (found) {
        shard.erase(at);
      } else if (place.has_value()) {
        shard.insert(at, *place);
      }
    }
    for (auto& [number, shard] : changed) {
      document_->shards_[number] = std::make_shared<const Shard>(std::move(shard));
    }
  }

  // The next place that Append() gives.
  uint64_t next_order() const { return document_->next_order_; }

  void Close() {
    if (!open_.places.empty()) EndChunk();
    std::vector<Etag> hashes;
    hashes.reserve(document_->chunks_.size());
    for (const ChunkPtr& chunk : document_->chunks_) hashes.push_back(chunk->hash);
    document_->etag_ = DocumentEtag(hashes);
  }
  size_t record_count() const { return document_->record_count_; }
  MirrorDocumentPtr Take() && { return MirrorDocumentPtr(std::move(document_)); }
  const MirrorDocument& document() const { return *document_; }

 private:
  void Add(Place place) {
    hasher_.Add(place.record->name, place.record->etag);
    const bool ends = place.record->ends_chunk;
    open_.places.push_back(std::move(place));
    ++document_->record_count_;
    if (ends || open_.places.size() == kMaxChunkRecords) EndChunk();
  }
  void EndChunk() {
    open_.hash = hasher_.Finish();
    open_.places.shrink_to_fit();
    document_->chunks_.push_back(std::make_shared<const Chunk>(std::exchange(open_, Chunk())));
  }

  std::unique_ptr<MirrorDocument> document_;
  Chunk open_;
  ChunkHasher hasher_;  // Of open_.
};

size_t MirrorDocument::ShardOf(absl::string_view name, size_t shard_count) {
  return absl::Hash<absl::string_view>()(name) % shard_count;
}

MirrorDocumentPtr MirrorDocument::Empty() {
  MirrorDocumentWriter writer;
  writer.Close();
  writer.IndexAll();
  return std::move(writer).Take();
}

absl::StatusOr<MirrorDocumentPtr> MirrorDocument::FromRecords(
    std::vector<MirrorRecordPtr> records) {
  MirrorDocumentWriter writer;
  for (MirrorRecordPtr& record : records) writer.Append(std::move(record));
  writer.Close();
  writer.IndexAll();
  for (const ShardPtr& shard : writer.document().shards_) {
    const auto same = [](const Place& a, const Place& b) {
      return a.record->name == b.record->name;
    };
    const auto twice = std::adjacent_find(shard->begin(), shard->end(), same);
    if (twice == shard->end()) continue;
    return IntegrityFailure(absl::StrCat("model \"", twice->record->name, "\" comes twice"));
  }
  return std::move(writer).Take();
}

MirrorDocumentPtr MirrorDocument::Apply(const std::vector<std::string>& deletes,
                                        const std::vector<MirrorRecordPtr>& upserts) const {
  std::map<uint64_t, MirrorRecordPtr> in_place;  // By order; null deletes.
  std::map<std::string, std::optional<Place>> index;
  for (const std::string& name : deletes) {
    const Place* place = FindPlace(name);
    if (place == nullptr) continue;
    in_place[place->order] = nullptr;
    index[name] = std::nullopt;
  }
  std::vector<MirrorRecordPtr> appended;
  std::map<std::string, size_t> appended_at;
  for (const MirrorRecordPtr& record : upserts) {
    const Place* place = FindPlace(record->name);
    const auto edited = index.find(record->name);
    const bool deleted = edited != index.end() && !edited->second.has_value();
    if (place != nullptr && !deleted) {
      in_place[place->order] = record;
      index[record->name] = Place{place->order, record};
      continue;
    }
    const auto [at, is_new] = appended_at.try_emplace(record->name, appended.size());
    if (is_new) appended.emplace_back();
    appended[at->second] = record;
  }
  MirrorDocumentWriter writer;
  writer.CopyEdited(*this, in_place, !appended.empty());
  for (const MirrorRecordPtr& record : appended) {
    index[record->name] = Place{writer.next_order(), record};
    writer.Append(record);
  }
  writer.Close();
  // An index made for a quarter of the records would be slow.
  if (writer.record_count() > 4 * kRecordsPerShard * shards_.size()) {
    writer.IndexAll();
  } else {
    writer.IndexEdited(*this, index);
  }
  return std::move(writer).Take();
}

const MirrorDocument::Place* MirrorDocument::FindPlace(absl::string_view name) const {
  const Shard& shard = *shards_[ShardOf(name, shards_.size())];
  const auto at =
      std::lower_bound(shard.begin(), shard.end(), name,
                       [](const Place& a, absl::string_view b) { return NameLess(*a.record, b); });
  return at != shard.end() && at->record->name == name ? &*at : nullptr;
}

const MirrorRecord* MirrorDocument::Find(absl::string_view name) const {
  const Place* place = FindPlace(name);
  return place == nullptr ? nullptr : place->record.get();
}

std::string MirrorDocument::ToJson() const {
  std::string json = "{";
  ForEach([&json](const MirrorRecord& record) {
    if (json.size() > 1) json.push_back(',');
    AppendCanonicalString(record.name, &json);
    json.push_back(':');
    json.append(record.json);
  });
  json.push_back('}');
  return json;
}

}  // namespace modelref
