#include "backends/document.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "backends/base/json.h"
#include "backends/document_chunks.h"

namespace modelref {
namespace {

// A document of more records than these is indexed in one group of shards, or in many groups, so
// that a change copies a small shard.
constexpr size_t kSingleShardRecords = 64;
constexpr size_t kSingleGroupRecords = 2048;
constexpr size_t kGroups = 32;
constexpr size_t kGroupShards = 32;

size_t ShardsFor(size_t records) {
  if (records <= kSingleShardRecords) return 1;
  return records <= kSingleGroupRecords ? kGroupShards : kGroups * kGroupShards;
}

uint64_t NameHash(const Sha256Digest& digest) {
  uint64_t hash = 0;
  for (size_t i = 0; i < 8; ++i) hash = (hash << 8) | digest[i];
  return hash;
}

}  // namespace

RecordPtr MakeRecord(std::string name, std::string json) {
  auto record = std::make_shared<Record>();
  const Sha256Digest name_digest = Sha256(name);
  record->name_hash = NameHash(name_digest);
  record->ends_chunk = name_digest[0] == 0;
  record->etag = RecordEtag(json);
  record->name = std::move(name);
  record->json = std::move(json);
  return record;
}

// Builds a new Document from the parts of an old one.
class DocumentBuilder {
 public:
  explicit DocumentBuilder(const Document& base) : base_(base) {}

  DocumentPtr Build(const std::vector<RecordChange>& changes, uint64_t mod_revision) {
    Fold(changes, mod_revision);
    auto document = std::shared_ptr<Document>(new Document(base_));
    if (OnlyUpdates()) {
      UpdateChunks(document.get());
      SetEtag(document.get());
    } else {
      document->chunks_ = Rechunk();
      document->next_order_ = base_.next_order_ + appended_.size();
      Summarise(document.get());
    }
    Reindex(document.get());
    return document;
  }

  static DocumentPtr FromScratch(std::vector<RecordPtr> records, uint64_t mod_revision) {
    std::vector<Entry> entries;
    entries.reserve(records.size());
    for (RecordPtr& record : records) {
      entries.push_back(Entry{std::move(record), entries.size(), mod_revision});
    }
    const uint64_t next_order = entries.size();
    return Placed(std::move(entries), next_order);
  }

  static DocumentPtr Placed(std::vector<Entry> entries, uint64_t next_order) {
    auto document = std::shared_ptr<Document>(new Document);
    Chunker chunker;
    for (const Entry& entry : entries) chunker.Add(entry);
    document->next_order_ = next_order;
    document->chunks_ = chunker.Finish();
    Summarise(document.get());
    IndexAll(document.get());
    return document;
  }

  static DocumentPtr Stamped(const Document& base, uint64_t mod_revision) {
    auto document = std::shared_ptr<Document>(new Document(base));
    for (std::shared_ptr<const Chunk>& chunk : document->chunks_) {
      chunk = StampChunk(*chunk, mod_revision);
    }
    IndexAll(document.get());
    return document;
  }

 private:
  // Reduces the changes to what happens to each old place and what is appended.
  void Fold(const std::vector<RecordChange>& changes, uint64_t mod_revision) {
    std::unordered_map<std::string, size_t> appended_at;
    std::vector<Entry> appended;
    for (const RecordChange& change : changes) {
      const auto pending = appended_at.find(change.name);
      if (pending != appended_at.end()) {
        appended[pending->second].record = change.after;
        if (change.after == nullptr) appended_at.erase(pending);
        continue;
      }
      const Entry* old = base_.Find(change.name);
      const auto replaced = old == nullptr ? replaced_.end() : replaced_.find(old->order);
      const bool present =
          old != nullptr && (replaced == replaced_.end() || replaced->second.record != nullptr);
      if (present) {
        replaced_[old->order] = Entry{change.after, old->order, mod_revision};
        old_names_[old->order] = old->record;
      } else if (change.after != nullptr) {
        appended_at[change.name] = appended.size();
        appended.push_back(Entry{change.after, 0, mod_revision});
      }
    }
    uint64_t order = base_.next_order_;
    for (Entry& entry : appended) {
      if (entry.record == nullptr) continue;
      entry.order = order++;
      appended_.push_back(std::move(entry));
    }
  }

  std::vector<std::shared_ptr<const Chunk>> Rechunk() const {
    Chunker chunker;
    auto next = replaced_.begin();
    for (size_t i = 0; i < base_.chunks_.size(); ++i) {
      const auto& chunk = base_.chunks_[i];
      const bool touched = next != replaced_.end() && next->first <= chunk->entries.back().order;
      const bool grows = i + 1 == base_.chunks_.size() && !appended_.empty() && !IsClosed(*chunk);
      // An open chunk in the middle cannot be: only the last one may lack its end.
      if (!touched && !grows && chunker.aligned()) {
        chunker.Reuse(chunk);
        continue;
      }
      chunker.Expect(chunk->entries.size());
      for (const Entry& entry : chunk->entries) {
        if (next == replaced_.end() || next->first != entry.order) {
          chunker.Add(entry);
          continue;
        }
        if (next->second.record != nullptr) chunker.Add(next->second);
        ++next;
      }
    }
    for (const Entry& entry : appended_) chunker.Add(entry);
    return chunker.Finish();
  }

  // Whether every record stays where it is, and with it the ends of the chunks.
  bool OnlyUpdates() const {
    return appended_.empty() &&
           std::all_of(replaced_.begin(), replaced_.end(),
                       [](const auto& replaced) { return replaced.second.record != nullptr; });
  }

  // Puts the updates into their chunks. The others are not looked at, which would be most of the
  // work in a large document.
  void UpdateChunks(Document* document) const {
    for (auto next = replaced_.begin(); next != replaced_.end();) {
      const auto at = std::partition_point(
          document->chunks_.begin(), document->chunks_.end(),
          [&](const auto& chunk) { return chunk->entries.back().order < next->first; });
      const auto end = replaced_.upper_bound((*at)->entries.back().order);
      auto updated = UpdateChunk(**at, next, end);
      document->size_bytes_ += updated->size_bytes;
      document->size_bytes_ -= (*at)->size_bytes;
      *at = std::move(updated);
      next = end;
    }
  }

  static void Summarise(Document* document) {
    document->record_count_ = 0;
    uint64_t members = 0;
    for (const auto& chunk : document->chunks_) {
      document->record_count_ += chunk->entries.size();
      members += chunk->size_bytes;
    }
    // Every member counted a comma; the last has none.
    document->size_bytes_ = 2 + (members == 0 ? 0 : members - 1);
    SetEtag(document);
  }

  static void SetEtag(Document* document) {
    std::vector<Etag> hashes;
    hashes.reserve(document->chunks_.size());
    for (const auto& chunk : document->chunks_) hashes.push_back(chunk->hash);
    document->etag_ = DocumentEtag(hashes);
  }

  void Reindex(Document* document) const {
    const size_t shard_count = document->shard_count();
    if (shard_count < ShardsFor(document->record_count_)) {
      IndexAll(document);
      return;
    }
    std::map<size_t, Document::Shard> copies;
    const auto shard_of = [&](const Record& record) -> Document::Shard& {
      const size_t index = record.name_hash % shard_count;
      const auto [it, fresh] = copies.try_emplace(index);
      if (fresh) it->second = *(*document->groups_[index / kGroupShards])[index % kGroupShards];
      return it->second;
    };
    for (const auto& [order, entry] : replaced_) {
      Document::Shard& shard = shard_of(*old_names_.at(order));
      const auto at = std::find_if(shard.begin(), shard.end(),
                                   [order = order](const Entry& e) { return e.order == order; });
      if (entry.record == nullptr) {
        shard.erase(at);
      } else {
        *at = entry;
      }
    }
    for (const Entry& entry : appended_) Insert(entry, &shard_of(*entry.record));
    SetShards(std::move(copies), document);
  }

  // Each group is copied once, however many of its shards change.
  static void SetShards(std::map<size_t, Document::Shard> shards, Document* document) {
    for (auto it = shards.begin(); it != shards.end();) {
      const size_t group = it->first / kGroupShards;
      auto copy = std::make_shared<Document::ShardGroup>(*document->groups_[group]);
      for (; it != shards.end() && it->first / kGroupShards == group; ++it) {
        (*copy)[it->first % kGroupShards] =
            std::make_shared<const Document::Shard>(std::move(it->second));
      }
      document->groups_[group] = std::move(copy);
    }
  }

  static void Insert(const Entry& entry, Document::Shard* shard) {
    const auto at = std::upper_bound(
        shard->begin(), shard->end(), entry,
        [](const Entry& a, const Entry& b) { return a.record->name_hash < b.record->name_hash; });
    shard->insert(at, entry);
  }

  static void IndexAll(Document* document) {
    const size_t shard_count = ShardsFor(document->record_count_);
    std::vector<Document::Shard> shards(shard_count);
    document->ForEach([&](const Entry& entry) {
      shards[entry.record->name_hash % shard_count].push_back(entry);
    });
    document->groups_.clear();
    auto group = std::make_shared<Document::ShardGroup>();
    for (Document::Shard& shard : shards) {
      std::sort(shard.begin(), shard.end(), [](const Entry& a, const Entry& b) {
        return a.record->name_hash < b.record->name_hash;
      });
      group->push_back(std::make_shared<const Document::Shard>(std::move(shard)));
      if (group->size() < kGroupShards && shard_count > 1) continue;
      document->groups_.push_back(std::exchange(group, std::make_shared<Document::ShardGroup>()));
    }
  }

  const Document& base_;
  Replacements replaced_;  // A null record is a delete.
  std::map<uint64_t, RecordPtr> old_names_;
  std::vector<Entry> appended_;
};

DocumentPtr Document::Empty() {
  static const DocumentPtr* const empty = new DocumentPtr(FromRecords({}));
  return *empty;
}

DocumentPtr Document::FromRecords(std::vector<RecordPtr> records, uint64_t mod_revision) {
  return DocumentBuilder::FromScratch(std::move(records), mod_revision);
}

DocumentPtr Document::FromEntries(std::vector<Entry> entries, uint64_t next_order) {
  return DocumentBuilder::Placed(std::move(entries), next_order);
}

DocumentPtr Document::Apply(const std::vector<RecordChange>& changes, uint64_t mod_revision) const {
  return DocumentBuilder(*this).Build(changes, mod_revision);
}

DocumentPtr Document::WithRevision(uint64_t mod_revision) const {
  return DocumentBuilder::Stamped(*this, mod_revision);
}

const Entry* Document::Find(absl::string_view name) const {
  const uint64_t hash = NameHash(Sha256(name));
  const size_t index = hash % shard_count();
  const Shard& shard = *(*groups_[index / kGroupShards])[index % kGroupShards];
  auto at = std::lower_bound(
      shard.begin(), shard.end(), hash,
      [](const Entry& entry, uint64_t value) { return entry.record->name_hash < value; });
  for (; at != shard.end() && at->record->name_hash == hash; ++at) {
    if (at->record->name == name) return &*at;
  }
  return nullptr;
}

std::string Document::ToJson() const {
  std::string json;
  json.reserve(size_bytes_);
  json.push_back('{');
  ForEach([&](const Entry& entry) {
    if (json.size() > 1) json.push_back(',');
    AppendCanonicalString(entry.record->name, &json);
    json.push_back(':');
    json.append(entry.record->json);
  });
  json.push_back('}');
  return json;
}

}  // namespace modelref
